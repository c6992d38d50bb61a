"""What a worker costs, on Apache Kafka and a real redis-server: `make bench`.

    python -m tests.perf.bench [SECTION ...] [--quick] [--profile [WAY]] [--partitions N]

job      1,000,000 events to the last score in Redis, in CPU seconds of the worker's process: from its first fetch (the
         CPU time it had when its first partition stood is subtracted) until all are counted, nothing is pending for
         Redis, and a sample of scores equals a recount. Beside it: fetching and decoding the same topic alone.
restore  journaled events per CPU second, and cells from a snapshot, by the worker's own steps in a process of their own
ready    seconds from a start to /readyz 200: with an empty journal; after a kill -9 with SCORER_INSTANCE set
memory   growth of the resident size per user at rest, by the worker's process, without dedupe
rescore  CPU seconds to judge a million users anew in a model, in a process of its own, nobody being told: after a new
         benchmark, and when a bucket closes
drift    1,000,000 users, and a benchmark that goes up every 10 s, by 0.1 % and by 1 %, with one model and with two,
         heard live by somebody: cores of worker and Redis, and when all is exact in Redis once the drift ends
boundary 1,000,000 users, and a bucket that closes: when all is exact, and how long the worker's loop is held
latency  5,000 events a second: from their broker timestamp to the moment when somebody has heard all their scores live;
         after a long past, and in a young deployment, whose benchmark goes up quickly

The last line of the output is everything as JSON. Compare figures of one run: the machine decides on the rest.
"""

import argparse
import json
import signal
import statistics
import tempfile
from collections.abc import Collection
from functools import partial
from pathlib import Path

from tests.perf.boundary import boundary
from tests.perf.drift import drift
from tests.perf.latency import latency
from tests.perf.producing import PARTITIONS
from tests.perf.whole_job import best_of, measured_apart, run_job
from tests.perf.workbench import Bench
from tests.perf.workload import Workload, everyday, habits
from tests.servers import KafkaServer, RedisServer

SECTIONS = ("job", "restore", "ready", "memory", "rescore", "drift", "boundary", "latency")


def job(bench: Bench, profile: str | None) -> None:
    finish = bench.finish("job", bench.everyday)
    with bench.worker("job", "events", profile=profile) as worker:
        figures = run_job(worker, finish, bench.events)
        print("CPU seconds by thread:", worker.cpu_by_thread())
    bench.note("job", {"record_bytes": bench.record_bytes, **figures})
    bench.note("raw", raw(bench, figures["cpu"]))


def raw(bench: Bench, job_cpu: float) -> dict[str, float]:
    """Fetching and decoding of the same topic, and nothing else."""
    figures: dict[str, float] = {}
    for way in ("stock", "fast"):
        alone = best_of(2, partial(measured_apart, "raw_consumption", bench.kafka.bootstrap, "events", way))
        figures |= {f"{way}_cpu": alone["cpu"], f"{way}_events_per_cpu_second": alone["events"] / alone["cpu"]}
        figures[f"job_to_{way}_ratio"] = job_cpu / alone["cpu"]
    return figures


def restore(bench: Bench) -> None:
    """The journal of a worker that makes no snapshots holds every event."""
    finish = bench.finish("whole", bench.everyday)
    with bench.worker("whole", "events", ("tests.perf.untrimmed_worker",)) as worker:
        run_job(worker, finish, bench.events)
    figures = measured_apart("restoring", bench.kafka.bootstrap, "whole", str(bench.scoring()))
    if figures["events"] != bench.events:
        raise RuntimeError(f"the journal holds {figures['events']} of {bench.events} events")
    figures["events_per_cpu_second"] = figures["events"] / figures["journal_cpu"]
    figures["cells_per_cpu_second"] = figures["cells"] / figures["from_snapshot_cpu"]
    bench.note("restore", figures)


def ready(bench: Bench, rounds: int) -> None:
    clean: list[float] = []
    killed: list[float] = []
    cpu: list[float] = []
    for number in range(rounds):
        topic = f"small-{number}"
        bench.produce(topic, everyday(0))
        with bench.worker(topic, topic) as worker:
            cpu.append(worker.until_it_stands())
            clean.append(worker.until_ready())
        with bench.worker(topic, topic) as worker:
            killed.append(worker.until_ready())
    figures = {"clean_start": statistics.median(clean), "clean_start_worst": max(clean)}
    figures |= {"after_kill": statistics.median(killed), "after_kill_worst": max(killed)}
    bench.note("ready", figures | {"start_up_cpu": statistics.median(cpu)})


def ready_with_a_full_journal(bench: Bench) -> None:
    """After `job`: the same with its events in the journal."""
    with bench.worker("job", "events") as worker:
        worker.until_ready()
    with bench.worker("job", "events") as worker:
        bench.note("ready_with_a_full_journal", {"after_kill": worker.until_ready()})


def memory(bench: Bench, users: int) -> None:
    """Few users of as many events, for the difference to be that of the users."""
    times = 100
    figures: dict[str, float] = {"users": users}
    for used, types in ((12, 12), (5, 12), (5, 200)):
        few = _at_rest(bench, habits(users // times, used, types, times=times), types)
        many = _at_rest(bench, habits(users, used, types), types)
        figures[f"resident_{used}_of_{types}"] = many
        figures[f"bytes_per_user_{used}_of_{types}"] = (many - few) / (users - users // times)
    bench.note("memory", figures)


def _at_rest(bench: Bench, workload: Workload, types: int) -> int:
    """Resident bytes of a worker that has counted, scored and written all of it."""
    topic = f"users-{int(workload.users.max()) + 1}-{len(workload)}-{types}"
    bench.produce(topic, workload)
    finish = bench.finish(topic, workload)
    with bench.worker(topic, topic, scoring=bench.scoring(types)) as worker:
        run_job(worker, finish, len(workload))
        return worker.resident_at_rest()


def rescore(bench: Bench, users: int) -> None:
    bench.note("rescore", measured_apart("rescoring", str(users)))


def run(bench: Bench, sections: Collection[str], options: argparse.Namespace) -> None:
    users, rounds = (10_000, 1) if options.quick else (100_000, 5)
    if "job" in sections:
        job(bench, options.profile)
    if "ready" in sections:
        ready(bench, rounds)
        if "job" in sections:
            ready_with_a_full_journal(bench)
    if "restore" in sections:
        restore(bench)
    if "memory" in sections:
        memory(bench, users)
    if "rescore" in sections:
        rescore(bench, 10 * users)
    if "drift" in sections:
        drift(bench, 10 * users, 2 if options.quick else 7, options.partitions, options.profile)
    if "boundary" in sections:
        boundary(bench, 10 * users, options.profile or "watch")
    if "latency" in sections:
        latency(bench, 100_000, *((2, 15) if options.quick else (5, 60)), options.profile)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", default=SECTIONS, help=" ".join(SECTIONS))
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the users and events, fewer rounds: a smoke test"
    )
    parser.add_argument(
        "--profile",
        nargs="?",
        choices=("calls", "samples", "watch"),
        const="calls",
        help="with job, drift, boundary, latency: look into the worker (cProfile, samples, or only how long its loop "
        "is held)",
    )
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help=f"with drift: of the input ({PARTITIONS})")
    options = parser.parse_args()
    if unknown := set(options.sections).difference(SECTIONS):
        parser.error(f"no section {' '.join(unknown)}: there are {' '.join(SECTIONS)}")
    signal.signal(signal.SIGTERM, lambda *_: parser.exit(1))
    kafka = KafkaServer()
    redis = RedisServer()
    try:
        with tempfile.TemporaryDirectory(prefix="scorer-bench-") as folder:
            bench = Bench(kafka, redis, Path(folder), 100_000 if options.quick else 1_000_000)
            print(f"{bench.events:,} events, {PARTITIONS} partitions, Apache Kafka and redis-server")
            run(bench, options.sections, options)
            print(json.dumps(bench.results))
    finally:
        redis.stop()
        kafka.stop()


if __name__ == "__main__":
    main()
