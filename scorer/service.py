"""A worker, composed: the one place that knows every part, and the only real clock."""

import asyncio
import importlib.metadata
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from scorer.core.benchmark import EVERYONE, Benchmark
from scorer.core.decode import FIELDS, Decoder, InputFormat, InputRules
from scorer.core.journal.owner import Identity
from scorer.core.journal.records import OtherCounting
from scorer.core.model import Model, Scoring, Shape
from scorer.health import HealthServer
from scorer.metrics import Metrics
from scorer.process_memory import give_back, set_up_memory
from scorer.settings import Settings
from scorer.sinks.redis_scores import RedisRefused, RedisScores
from scorer.stream.alert_topic import AlertTopic
from scorer.stream.app import StreamApp, StreamOptions, build_app, run_app, stop_app
from scorer.stream.broker_errors import BadConnection, NotAccepted, WrongTopic
from scorer.stream.clock import Clock
from scorer.stream.connection import Connection
from scorer.stream.dead_letters import DeadLetters
from scorer.stream.exchange import Exchange
from scorer.stream.journal_log import JournalLog
from scorer.stream.owners import Owners
from scorer.stream.topics import TopicNames, ensure_topics
from scorer.stream.workplace import Workplace

_log = structlog.get_logger(__name__)

KPI_ROUNDS = 3
"""KPIs look at complete days: they needn't be brought up to date as often as benchmarks."""

STALLED_SECONDS = 60.0
"""Without a commit for so long beyond the brokers' patience, a worker with more to read gives up."""


LEFT_BEHIND_SECONDS = 5.0
"""How long a cancelled task may take to end."""


class WorkerFailed(Exception):
    """A worker that can't go on; the message says why."""


class Worker:
    """One worker process: Kafka in, Redis out, health and metrics beside it."""

    def __init__(self, settings: Settings, scoring: Scoring) -> None:
        self._settings = settings
        self._scoring = scoring
        self._failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._owners: Owners | None = None
        self._starting = "starting"
        self.metrics = Metrics(CollectorRegistry(), importlib.metadata.version("scorer"))
        self.metrics.ready.set_function(lambda: float(not self._not_ready()))
        self.metrics.expect(scoring.models, [rule.name for rule in scoring.alerts])
        self.health = HealthServer(
            settings.http.host, settings.http.port, self.metrics.registry, not_ready=self._not_ready
        )

    def stop(self) -> None:
        """Stop cleanly; `run` returns when it is done."""
        self._stop.set()

    async def run(self, on_started: Callable[[int], None] = lambda port: None) -> None:
        """Run until stopped. `on_started` is told the port of health and metrics. Raises what it failed with."""
        set_up_memory()
        async with AsyncExitStack() as stack:
            on_started(await self.health.start())
            stack.push_async_callback(self.health.stop)
            await self._run_unless_stopped(stack)

    async def _run_unless_stopped(self, stack: AsyncExitStack) -> None:
        """While it starts, a worker may wait for a broker for minutes, and owns nothing that must be flushed."""
        running = asyncio.create_task(self._run(stack), name="worker")
        stopping = asyncio.create_task(self._stop.wait(), name="stop while starting")
        try:
            await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
            if running.done() or not self._starting:
                await running
        finally:
            stopping.cancel()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        connection = connection_of(settings)
        patience = settings.broker_patience.total_seconds()
        names = TopicNames.of(settings.namespace, settings.input_topic)
        facts = await ensure_topics(
            connection,
            names,
            partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            patience=patience,
        )
        for warning in facts.warnings:
            _log.warning(warning)
        clock = clock_of(settings)
        scores = RedisScores(
            settings.redis_url.get_secret_value(),
            settings.namespace,
            on_lost=self._lost_by_redis,
            on_written=self._written_to_redis,
        )

        def on_benchmark(benchmark: Benchmark) -> None:
            model = model_of(self._scoring, benchmark)
            if model is not None:
                raw = benchmark.raw
                if raw is None and benchmark.peers == EVERYONE:
                    raw = model.benchmark.initial
                publish_benchmark(scores, benchmark, raw)
                owners.benchmark_changed(benchmark, raw)

        def on_kpis(kind: str, entity_id: str, version: str, body: str, kpis: Mapping[str, Any]) -> None:
            scores.kpis(kind, entity_id, version, body)
            self.metrics.set_kpis(entity_id, kpis)

        log = JournalLog(connection, names.journal, patience=patience)
        letters = DeadLetters(connection, names.dead_letters, max_bytes=facts.dead_letter_bytes, patience=patience)
        alerts = AlertTopic(connection, names.alerts, patience=patience)
        exchange = Exchange(connection, names, self._scoring, clock, on_benchmark, on_kpis, patience=patience)
        name = settings.instance or socket.gethostname()
        identity = Identity.of(name, self._scoring)
        place = Workplace(
            namespace=settings.namespace,
            scoring=self._scoring,
            identity=identity,
            input_topic=settings.input_topic,
            decoder=decoder_of(settings),
            partitions=facts.partitions,
            dedupe_ids=settings.dedupe_ids,
            publish_interval=settings.publish_interval,
            kpi_interval=KPI_ROUNDS * settings.benchmark_interval,
            start=settings.start,
            clock=clock,
            log=log,
            letters=letters,
            alerts=alerts,
            scores=scores,
            exchange=exchange,
            metrics=self.metrics,
        )
        owners = self._owners = Owners(
            place,
            self.fail,
            benchmark_seconds=settings.benchmark_interval.total_seconds(),
            stalled_after_seconds=patience + STALLED_SECONDS,
        )
        self.metrics.redis_pending_entities.set_function(scores.pending_entities)
        self.metrics.last_commit_age_seconds.set_function(owners.commit_age_seconds)
        self.metrics.benchmark_age_seconds.set_function(owners.benchmark_age_seconds)
        await scores.start()
        stack.push_async_callback(scores.stop)
        for part in (log, letters, alerts, exchange):
            await part.start()
            stack.push_async_callback(part.stop)
        await self._stream(connection, owners, exchange, scores)

    async def _stream(self, connection: Connection, owners: Owners, exchange: Exchange, scores: RedisScores) -> None:
        settings = self._settings
        options = StreamOptions(
            connection=connection,
            namespace=settings.namespace,
            input_topic=settings.input_topic,
            on_fatal=self.fail,
            instance=settings.instance,
            session_timeout=settings.session_timeout,
            broker_patience=settings.broker_patience,
        )
        app, flow = build_app(options, owners)
        owners.attach(flow)
        self._starting = ""
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(run_app(app), name="stream"),
            asyncio.create_task(owners.exchange(), name="benchmark exchange"),
            asyncio.create_task(owners.census(), name="census"),
            asyncio.create_task(exchange.failed(), name="benchmark reader"),
            asyncio.create_task(scores.wait(), name="redis"),
            asyncio.create_task(self._stop.wait(), name="stop"),
        ]
        waited: list[asyncio.Future[Any]] = [*tasks]
        giving_back = asyncio.create_task(give_back(), name="give memory back")
        try:
            await asyncio.wait([*waited, self._failure], return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
            for task in tasks[:-1]:
                if task.done():
                    task.result()
                    raise WorkerFailed(f"{task.get_name()} ended")
            _log.info("stopping: flushing, then leaving the group")
            tasks.append(asyncio.create_task(self._stop_in_order(app, owners), name="stop in order"))
            await asyncio.wait([tasks[-1], self._failure], return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
            tasks[-1].result()
        finally:
            tasks.append(giving_back)
            for task in tasks:
                task.cancel()
            await owners.stop()
            await _ended(tasks)

    async def _stop_in_order(self, app: StreamApp, owners: Owners) -> None:
        await owners.settle()
        await stop_app(app)

    def _raise_failure(self) -> None:
        if self._failure.done():
            raise self._failure.result()

    def _lost_by_redis(self, partitions: frozenset[int]) -> None:
        if self._owners is not None:
            self._owners.lost_by_redis(partitions)

    def _written_to_redis(self, partition: int, version: str) -> None:
        if self._owners is not None:
            self._owners.written_to_redis(partition, version)

    def fail(self, error: BaseException) -> None:
        """A part can't go on: the worker ends without another commit. May be called from any thread."""
        loop = self._failure.get_loop()
        loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    def _not_ready(self) -> list[str]:
        if self._starting or self._owners is None:
            return [self._starting or "starting"]
        return self._owners.not_ready()


async def _ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Wait for cancelled tasks; what hangs is left behind."""
    done, left = await asyncio.wait(list(tasks), timeout=LEFT_BEHIND_SECONDS)
    for task in done:
        if not task.cancelled():
            task.exception()  # marks it as seen: asyncio would complain
    if left:
        _log.warning("left behind", tasks=[task.get_name() for task in left])


def model_of(scoring: Scoring, benchmark: Benchmark) -> Model | None:
    """The model that a benchmark is in force for; None if it is of another file, or the model needs none."""
    for model in scoring.models:
        if (model.name, model.hash) == (benchmark.model, benchmark.model_hash) and model.curve.shape is not Shape.NONE:
            return model
    return None


def publish_benchmark(scores: RedisScores, benchmark: Benchmark, raw: float | None) -> None:
    """Show the benchmark in force; `raw` is None while the model is warming up, or the group has its parent's."""
    scores.benchmark(
        benchmark.model,
        benchmark.kind,
        benchmark.peers,
        raw=raw,
        population=benchmark.population,
        version=benchmark.version,
        computed_at=benchmark.computed_at,
        exact=benchmark.exact,
        steepness=benchmark.steepness,
    )


def connection_of(settings: Settings) -> Connection:
    """Where the brokers are, by the settings."""
    password = settings.kafka_sasl_password
    files = (settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file)
    ca_file, cert_file, key_file = (str(file) if file is not None else None for file in files)
    return Connection(
        brokers=settings.brokers,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        sasl_username=settings.kafka_sasl_username,
        sasl_password=password.get_secret_value() if password is not None else None,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
    )


def decoder_of(settings: Settings) -> Decoder:
    """What reads the input as the settings say: for the worker, and for whoever judges records as it does."""
    paths = {name: path for name in FIELDS if (path := getattr(settings, f"field_{name}")) is not None}
    format_ = InputFormat(settings.input_format)
    return Decoder(InputRules(format_, paths, settings.posthog_group, settings.snowplow_entity))


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings ask for."""
    fixed = int(settings.clock.timestamp() * 1000) if isinstance(settings.clock, datetime) else None
    return Clock(lambda: time.time_ns() // 1_000_000, by_events=settings.clock == "event", fixed_ms=fixed)


_WRONG_SETTINGS = (BadConnection, NotAccepted, WrongTopic, RedisRefused, OtherCounting)
"""Somebody must act, and a restart alone changes nothing: exit status 2. Else 1."""


def _not_yet_reloaded(scoring: Path) -> None:
    _log.warning(
        "SIGHUP: a changed scoring file can't be taken up while running, not yet: restart", scoring=str(scoring)
    )


async def run_worker(settings: Settings, scoring: Scoring) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    worker = Worker(settings, scoring)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    loop.add_signal_handler(signal.SIGHUP, _not_yet_reloaded, settings.scoring)

    def started(port: int) -> None:
        _log.info("health and metrics", address=f"http://{settings.http.host}:{port}")

    try:
        await worker.run(started)
    except Exception as error:
        _log.error("the worker stops", error=str(error) or type(error).__name__, kind=type(error).__name__)
        logging.shutdown()
        # Hard, so that nothing that is still under way commits or publishes.
        os._exit(2 if isinstance(error, _WRONG_SETTINGS) else 1)
