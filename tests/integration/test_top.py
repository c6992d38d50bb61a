"""`scorer top` and `scorer show` on a real Redis: what a worker writes there, ranked, explained, followed."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from tests import commands
from tests.deployment import NOW_MS, deployment, event
from tests.servers import KafkaServer, RedisServer
from tests.worker_process import wait_until

SCORING = """\
version: 1
events: {opened: {}}
models:
  use: {kinds: [user, account], weights: {opened: 1}, benchmark: {min_population: 1}}
  points: {kinds: [account], weights: {opened: 3}, curve: {shape: none}, bands: {few: 0, many: 10}}
  mine: {kinds: [user], weights: {opened: 3}}
"""


class Store:
    """A Redis that holds a ranking, and the commands against it."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.folder, self.url = folder, server.url
        (folder / "scoring.yaml").write_text(SCORING)
        self.redis = redis.Redis.from_url(server.url)

    def rank(self, scores: Mapping[str, tuple[float, str]], model: str = "use") -> None:
        for account, (score, band) in scores.items():
            state = "inactive" if band == "inactive" else "scored"
            document = {"v": "1", "score": score, "raw": score, "band": band, "previous_band": None, "delta": -1.5,
                        "state": state, "benchmark": 100.0, "benchmark_version": 1, "model_version": 1,
                        "as_of": time.time(), "computed_at": time.time()}  # fmt: skip
            self.redis.set(f"scorer:score:{model}:account:{account}", json.dumps(document))
            self.redis.zadd(f"scorer:rank:{model}:account", {account: score})
        self.beat()

    def beat(self, partitions: int = 2, silent: float = 0.0) -> None:
        for number in range(partitions):
            beat = {"at": time.time() - silent, "as_of": time.time(), "behind_seconds": 0.1, "owner": "w"}
            self.redis.set(f"scorer:partition:{number}", json.dumps(beat))

    def top(self, *arguments: str) -> commands.Outcome:
        return commands.run("top", *arguments, "--redis-url", self.url, cwd=self.folder)

    def ids(self, *arguments: str) -> list[tuple[int, str]]:
        told = self.top(*arguments, "--json")
        assert told.status == 0, told.stderr
        return [(row["rank"], row["id"]) for row in json.loads(told.stdout)["rows"]]


@pytest.fixture
def store(redis_server: RedisServer, tmp_path: Path) -> Iterator[Store]:
    made = Store(redis_server, tmp_path)
    yield made
    made.redis.close()


def test_the_highest_come_first_and_the_lowest_without_the_silent(store: Store) -> None:
    store.rank({"a": (90, "champion"), "b": (60, "healthy"), "c": (30, "low"), "d": (5, "at_risk")})
    store.rank({f"gone-{n:04}": (1, "inactive") for n in range(700)})
    assert store.ids("--limit", "3") == [(1, "a"), (2, "b"), (3, "c")]
    assert store.ids("--lowest", "--limit", "2") == [(4, "d"), (3, "c")]
    assert "700 who went silent left out (--band inactive)" in store.top("--lowest").stdout
    assert store.ids("--lowest", "--band", "inactive", "--limit", "1") == [(704, "gone-0000")]
    assert store.ids("--band", "low", "--band", "at_risk") == [(3, "c"), (4, "d")]
    assert len(store.ids("--limit", "1000")) == 704


def test_who_is_gone_since_the_ranking_was_made_is_passed_over(store: Store) -> None:
    store.rank({"a": (90, "champion"), "b": (60, "healthy")})
    store.redis.delete("scorer:score:use:account:a")
    assert store.ids() == [(2, "b")]


def test_raw_scores_are_ranked_too(store: Store) -> None:
    store.rank({"a": (9000, "many"), "b": (4500, "many")}, model="points")
    told = store.top("--model", "points").stdout
    assert "the score is the raw one" in told and [line.count("━") for line in told.splitlines() if "▲" in line] == [
        16,
        8,
    ]


def test_nobody_ranked_is_1_and_says_why(store: Store) -> None:
    told = store.top()
    assert told.status == 1 and "No worker has ever written into this Redis" in told.stdout
    store.beat()
    told = store.top("--kind", "user")
    assert told.status == 1 and "Users aren't ranked in Redis" in told.stdout
    found = store.top("--json")
    assert found.status == 1 and json.loads(found.stdout)["rows"] == []
    assert found.stderr == f"scorer: {json.loads(found.stdout)['error']}\n"
    assert json.loads(found.stdout)["error"].startswith("No ranking yet: ")


def test_a_silent_worker_makes_it_stale(store: Store) -> None:
    store.rank({"a": (90, "champion")})
    store.beat(silent=250)
    assert "stale for 4m: no worker has any partition" in store.top().stdout
    assert json.loads(store.top("--json").stdout)["freshness"]["stale_seconds"] > 249
    shown = commands.run("show", "account", "a", "--redis-url", store.url, cwd=store.folder)
    assert "stale for 4m: no worker has its partition" in shown.stdout


def test_every_heartbeat_of_many_partitions_is_found(store: Store) -> None:
    store.rank({"a": (90, "champion")})
    store.beat(partitions=2500)
    assert json.loads(store.top("--json").stdout)["freshness"]["partitions"] == 2500


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "us"], "has no model us that scores accounts: there are use, points (did you mean use?)"),
        (["--model", "mine"], "has no model mine that scores accounts"),
        (
            ["--band", "lo"],
            "lo is no band of use: there are at_risk, low, healthy, champion, inactive (did you mean low?)",
        ),
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--kind", "segment"], "'segment' is not one of"),
    ],
)
def test_bad_usage_is_named(store: Store, arguments: list[str], told: str) -> None:
    done = commands.run("top", *arguments, cwd=store.folder, settings={"COLUMNS": "200"})
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr


def test_without_a_scoring_file_a_model_can_be_named(store: Store) -> None:
    store.rank({"a": (90, "champion")})
    (store.folder / "scoring.yaml").unlink()
    assert store.top().status == 2
    assert store.ids("--model", "use") == [(1, "a")]


# ---- watch


def test_watching_prints_an_object_a_line_and_ends_with_0_at_ctrl_c(store: Store) -> None:
    store.rank({"a": (90, "champion")})
    command = commands.command("top", "--watch", "--json", "--redis-url", store.url)
    with subprocess.Popen(
        command, cwd=store.folder, env=commands.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None and watching.stderr is not None
        assert json.loads(watching.stdout.readline())["rows"][0]["id"] == "a"
        store.rank({"b": (95, "champion")})
        while len(rows := json.loads(watching.stdout.readline())["rows"]) == 1:
            pass
        assert [row["id"] for row in rows] == ["b", "a"]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
        assert watching.stderr.read() == ""


class Terminal:
    """`scorer top --watch` in a terminal of 80 columns."""

    def __init__(self, store: Store) -> None:
        self._own, theirs = pty.openpty()
        env = commands.environment({"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"})
        command = commands.command("top", "--watch", "--redis-url", store.url)
        self.process = subprocess.Popen(
            command, cwd=store.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.said = ""

    def until(self, text: str) -> None:
        def there() -> bool:
            if select.select([self._own], [], [], 0.05)[0]:
                self.said += os.read(self._own, 65_536).decode(errors="replace")
            return text in self.said

        wait_until(there, lambda: f"{text} in {self.said[-3000:]}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)


def test_on_a_terminal_it_refreshes_in_place_and_outlives_a_redis_that_is_away(
    store: Store, redis_server: RedisServer
) -> None:
    store.rank({"acme": (90, "champion")})
    terminal = Terminal(store)
    try:
        terminal.until("90.0")
        store.rank({"acme": (41.5, "low")})
        terminal.until("41.5")
        assert "\x1b[1A" in terminal.said  # in place: the cursor goes up again
        redis_server.stop()
        terminal.until("as of the last answer: SCORER_REDIS_URL=")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.until("\x1b[?25h")  # the cursor is there again
        assert terminal.process.wait(30) == 0
    finally:
        terminal.close()


# ---- behind a worker


def test_what_a_worker_scores_is_ranked_and_shown(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    with deployment(kafka.bootstrap, redis_server.url, namespace, tmp_path, partitions=4) as place:
        accounts = [f"acme {n}" for n in range(8)]
        events = [
            event("ann", account, "opened", NOW_MS - 1000, event_id=f"{account} {i}")
            for n, account in enumerate(accounts)
            for i in range(n + 1)
        ]
        place.produce(events)
        place.running()
        place.until_right()
        settings = {"SCORER_REDIS_URL": redis_server.url, "SCORER_NAMESPACE": namespace}

        def run(*arguments: str) -> Any:
            told = commands.run(*arguments, "--json", cwd=tmp_path, settings=settings)
            assert told.status == 0, told.stderr
            return json.loads(told.stdout)

        top = run("top", "--model", "engagement")
        assert [(row["rank"], row["id"]) for row in top["rows"]] == [(8 - n, accounts[n]) for n in range(7, -1, -1)]
        assert (top["ranked"], top["warming_up"], top["freshness"]["trouble"]) == (8, False, None)
        assert top["benchmark"]["population"] == 8
        shown = run("show", "account", "acme 7")
        assert shown["scores"]["engagement"] == {key: top["rows"][0][key] for key in shown["scores"]["engagement"]}
        assert shown["stale_seconds"] == 0 and shown["curves"]["engagement"] == {"shape": "exponential", "steepness": 3}
        told = commands.run("show", "account", "acme 7", cwd=tmp_path, settings=settings).stdout
        assert "(1 - e^(-3 x))" in told and "isn't the one" not in told
        crowd = commands.run("top", "--model", "crowd", cwd=tmp_path, settings=settings)
        assert crowd.status == 0 and crowd.stdout.count("○ inactive") == 8
        assert "warming up, 0 of 1,000,000 active accounts needed" in crowd.stdout
