"""Log lines on stderr, for people or as JSON: ours and the libraries' alike."""

import logging
import math
import sys
import time
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_LIBRARIES = ("aiohttp", "aiokafka", "asyncio", "faust", "kafka", "mode", "redis")


def set_up_logs(log_format: LogFormat, level: LogLevel, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stderr unless told), once and for all.

    Libraries tell each connection and rebalance at `info`: theirs begin at `warning`, unless `debug` is asked for.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, coloured=stream.isatty()),
            ],
        )
    )
    if level != "debug":
        handler.addFilter(_is_news)
        handler.addFilter(_Passing())
        handler.addFilter(_Repeats())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    quietest = "DEBUG" if level == "debug" else max(logging.WARNING, logging.getLevelName(level.upper()))
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(quietest)
    logging.captureWarnings(True)


def set_up_command_logs(log_format: LogFormat, level: LogLevel) -> None:
    """For a command that somebody waits for: its own message says what a library would, and more.

    With `debug` the libraries are heard all the same.
    """
    set_up_logs(log_format, level)
    if level != "debug":
        for name in (*_LIBRARIES, "py.warnings"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _lines_below(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A text of several lines, such as commands that mend something, stands below its log line, to be copied."""
    long = [name for name, text in event.items() if name not in ("exception", "stack") and "\n" in str(text)]
    below = [f"{name}:\n{event.pop(name)}".replace("\n", "\n  ") for name in long]
    if below:
        event["stack"] = "\n".join([*below, *filter(None, [event.get("stack")])])  # what the renderer puts last
        event.setdefault("event", "")
    return event


def _is_news(record: logging.LogRecord) -> bool:
    """Faust's services tell that they start and stop, in our modules' names: `[^-ChunkConsumer]: Starting...`."""
    return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


class _Passing:
    """A new cluster makes the topic that keeps its groups when it is first asked for one; until then it says that there
    is no coordinator. That is no error, unless it goes on."""

    PASSES_WITHIN_SECONDS = 15.0
    FORGOTTEN_SECONDS = 60.0
    _LOGGER, _SAID = "aiokafka.consumer.group_coordinator", "Group Coordinator Request failed"

    def __init__(self) -> None:
        self._first = self._last = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != self._LOGGER or not str(record.msg).startswith(self._SAID):
            return True
        now = time.monotonic()
        if now - self._last > self.FORGOTTEN_SECONDS:
            self._first = now
        self._last = now
        return now - self._first > self.PASSES_WITHIN_SECONDS


class _Repeats:
    """A library tells each try to reach a broker that is away: the same line of a library once a minute is enough."""

    QUIET_SECONDS = 60.0
    KEPT = 1_000

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _LIBRARIES or record.exc_info:
            return True
        line, now = record.getMessage(), time.monotonic()
        if now - self._told.get(line, -self.QUIET_SECONDS) < self.QUIET_SECONDS:
            return False
        if len(self._told) >= self.KEPT:
            self._told.clear()
        self._told[line] = now
        return True


def _renderers(log_format: LogFormat, *, coloured: bool) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # plain tracebacks: rich ones show local variables, and secrets among them
    return [
        _lines_below,
        structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback),
    ]
