"""Log lines of a process: where they go, how they look. Each in a process of its own, for logging is global."""

import json
import logging
import subprocess
import sys

import pytest

from scorer import logs

_LINES = """
import logging, warnings, structlog
from scorer.logs import set_up_logs
own = structlog.get_logger("scorer.service")  # made before, as modules do
set_up_logs({arguments})
own.info("stands", partition=3)
own.debug("details")
logging.getLogger("scorer.stream.owners").warning("partition %d: %s", 3, "again")
logging.getLogger("faust.app").info("starting")
logging.getLogger("aiokafka.conn").warning("lost")
for tried in range(3):
    logging.getLogger("aiokafka").error('Unable connect to "%s"', "kafka:9092")
    logging.getLogger("scorer.stream.topics").warning("three times")
logging.getLogger("aiokafka").error('Unable connect to "%s"', "kafka:9093")
logging.getLogger("scorer.stream.app").info("[^-ChunkConsumer]: Starting...")
logging.getLogger("scorer.stream.app").error("[^-ChunkConsumer]: Crashed")
warnings.warn("old")
own.error("stops", error="mend it:\\n$ command", partition=1)
secret = "geheim"
try:
    {{}}["absent"]
except KeyError:
    own.exception("failed")
"""


def logged(arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _LINES.format(arguments=arguments)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert "geheim" not in done.stderr.replace('secret = "geheim"', "")
    return done.stderr


def events(arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in logged(arguments).splitlines()]


def test_json_lines_hold_time_level_logger_and_fields() -> None:
    first, second, *_ = events("'json', 'info'")
    assert first.pop("timestamp")
    assert first == {"event": "stands", "level": "info", "logger": "scorer.service", "partition": 3}
    assert (second["event"], second["level"]) == ("partition 3: again", "warning")


def test_libraries_are_quiet_at_info_but_not_when_something_is_wrong() -> None:
    told = [event["event"] for event in events("'json', 'info'")]
    assert "starting" not in told and "[^-ChunkConsumer]: Starting..." not in told and "details" not in told
    assert "lost" in told and "[^-ChunkConsumer]: Crashed" in told
    assert any("UserWarning: old" in str(event) for event in told)


def test_debug_tells_everything() -> None:
    told = [event["event"] for event in events("'json', 'debug'")]
    assert {"details", "starting", "[^-ChunkConsumer]: Starting..."} <= set(told)


def test_the_level_holds_for_all() -> None:
    assert {event["level"] for event in events("'json', 'error'")} == {"error"}


def test_an_exception_is_one_json_line_with_its_traceback() -> None:
    last = events("'json', 'info'")[-1]
    assert last["event"] == "failed"
    assert "KeyError: 'absent'" in str(last["exception"])


def test_console_lines_are_for_people_and_without_colour_in_a_file() -> None:
    told = logged("'console', 'info'")
    assert "[info     ] stands" in told and "partition=3" in told and "KeyError: 'absent'" in told
    assert "\x1b" not in told


def test_on_the_console_a_text_of_several_lines_can_be_copied() -> None:
    lines = logged("'console', 'info'").splitlines()
    at = lines.index("error:")
    assert "stops" in lines[at - 1] and "partition=1" in lines[at - 1]
    assert lines[at + 1 : at + 3] == ["  mend it:", "  $ command"]


def test_a_library_that_says_the_same_again_and_again_is_heard_once() -> None:
    told = [event["event"] for event in events("'json', 'info'")]
    assert told.count('Unable connect to "kafka:9092"') == told.count('Unable connect to "kafka:9093"') == 1
    assert told.count("three times") == 3
    everything = [event["event"] for event in events("'json', 'debug'")]
    assert everything.count('Unable connect to "kafka:9092"') == 3


# ---- a new cluster's groups


class Clock:
    """What the filter takes for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("scorer.logs.time.monotonic", lambda: self.now)


NO_COORDINATOR = "Group Coordinator Request failed: %s"


def passes(filtered: "logs._Passing", text: str = NO_COORDINATOR) -> bool:
    logger = "aiokafka.consumer.group_coordinator"
    return filtered.filter(logging.LogRecord(logger, logging.ERROR, "", 0, text, ("[Error 15]",), None))


def test_a_cluster_without_a_coordinator_yet_is_no_error_unless_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, filtered = Clock(monkeypatch), logs._Passing()
    assert not passes(filtered)
    assert passes(filtered, "Group Coordinator Request is odd: %s")
    clock.now += 14
    assert not passes(filtered)
    clock.now += 2
    assert passes(filtered)
    clock.now += 61
    assert not passes(filtered)  # another time


def test_a_worker_does_not_log_it() -> None:
    line = f'logging.getLogger("aiokafka.consumer.group_coordinator").error("{NO_COORDINATOR}", "[Error 15]")'
    told = subprocess.run(
        [sys.executable, "-c", f"{_LINES.format(arguments=repr('json') + ',' + repr('info'))}\n{line}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Group Coordinator" not in told.stderr and "failed" in told.stderr


# ---- a command that somebody waits for


def test_before_the_message_of_a_command_no_library_says_anything() -> None:
    quiet = _LINES.replace("set_up_logs", "set_up_command_logs")
    for level, heard in (("info", False), ("debug", True)):
        done = subprocess.run(
            [sys.executable, "-c", quiet.format(arguments=f"'json', '{level}'")],
            capture_output=True,
            text=True,
            check=True,
        )
        told = [json.loads(line)["event"] for line in done.stderr.splitlines()]
        assert "stands" in told and "partition 3: again" in told
        assert ("lost" in told) is heard
        assert any("Unable connect" in event for event in told) is heard
        assert any("UserWarning: old" in event for event in told) is heard
