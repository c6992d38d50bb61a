"""What `scorer demo` shows: the board that the page and the table are views of."""

from typing import Any

from scorer.core.model import Kind, Model, Weight
from scorer.demo.board import TRAIL_SECONDS, Board, Stage
from scorer.demo.made_up_time import MadeUpTime

MODEL = Model("use", (Kind.ACCOUNT,), 30, {"a": Weight(1.0)})
ALERT = {
    "id": "x", "state": "fired", "cause": "crossed_below", "threshold": 25.0, "previous_score": 23.4, "score": 22.9,
}  # fmt: skip
NUMBER, SCORE, RAW, BAND, DELTA, OWN = range(6)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def board(*accounts: str) -> Board:
    made = Board(MODEL, {"model": "use"}, 60, Clock())
    made.meet((account, {"plan": "pro"}) for account in accounts)
    return made


def document(score: float | None, v: str = "1", band: str | None = "healthy", **more: Any) -> dict[str, Any]:
    return {
        "v": v, "score": score, "raw": 10.0, "band": band, "delta": None, "benchmark": 20.0, "as_of": 1.0,
        "state": "scored", **more,
    }  # fmt: skip


def told(frame: dict[str, Any], account: int) -> list[Any]:
    (row,) = (row for row in frame["scores"] if row[NUMBER] == account)
    return list(row)


def frame(of: Board) -> Any:
    return of.frame()


def test_a_frame_tells_what_is_new_only() -> None:
    shown = board("a", "b")
    shown.saw(0.0, {"a": document(50.0), "b": document(60.0)}, None)
    first = frame(shown)
    assert [account["id"] for account in first["accounts"]] == ["a", "b"]
    assert [row[:2] for row in first["scores"]] == [[0, 50.0], [1, 60.0]]
    shown.saw(1.0, {"a": document(50.0), "b": document(61.0, v="2")}, {"raw": 20.0})
    second = frame(shown)
    assert second["accounts"] == [] and [row[:2] for row in second["scores"]] == [[1, 61.0]]
    assert second["benchmark"] == {"raw": 20.0}
    assert frame(shown)["scores"] == []


def test_who_comes_later_is_told_everything() -> None:
    shown = board("a")
    shown.at_stage(Stage.LIVE, "live")
    shown.saw(0.0, {"a": document(50.0)}, None)
    shown.close_day(7)
    shown.alerted([ALERT])
    shown.frame()
    whole: Any = shown.whole()
    assert whole["about"] == {"model": "use"} and whole["stage"] == "live" and whole["said"] == "live"
    assert whole["accounts"] == [{"id": "a", "traits": {"plan": "pro"}}]
    assert told(whole, 0)[:2] == [0, 50.0]
    assert whole["days"] == [{"day": 0, "events": 7, "scores": [50.0]}]
    assert whole["alerts"] == [ALERT | {"said": "fell below 25 by the margin of 2 (23.4 → 22.9)"}]
    assert whole["trails"] == [[[0.0, 50.0]]]
    assert frame(shown)["alerts"] == []


def test_what_is_in_no_frame_yet_comes_once() -> None:
    """Who listens is told everything, and then frames: nothing may be missing, and no alert or day twice."""
    shown = board("a")
    shown.saw(0.0, {"a": document(50.0)}, None)
    shown.close_day(7)
    shown.alerted([ALERT])
    whole, next_frame = shown.whole(), shown.frame()
    assert (whole["accounts"], whole["days"], whole["alerts"]) == ([], [], [])
    assert len(frame_list(next_frame, "accounts")) == len(frame_list(next_frame, "days")) == 1
    assert [alert["id"] for alert in frame_list(next_frame, "alerts")] == ["x"]


def frame_list(of: dict[str, object], name: str) -> list[Any]:
    found = of[name]
    assert isinstance(found, list)
    return found


def test_accounts_that_redis_brings_up_join_at_the_end() -> None:
    shown = board("a")
    shown.close_day(1)
    shown.saw(0.0, {"newcomer": document(5.0)}, None)
    assert [account["id"] for account in frame(shown)["accounts"]] == ["a", "newcomer"]
    assert shown.accounts == ["a", "newcomer"]
    shown.close_day(1)
    assert frame(shown)["days"] == [{"day": 1, "events": 1, "scores": [None, 5.0]}]


def test_bands_are_told_by_their_place_in_the_model() -> None:
    shown = board()
    bands = {"a": "at_risk", "b": "champion", "c": "inactive", "d": None}
    shown.saw(0.0, {name: document(1.0, band=band) for name, band in bands.items()}, None)
    assert [row[BAND] for row in frame(shown)["scores"]] == [0, 3, -1, None]


def test_the_own_part_of_a_change_is_against_the_close_of_seven_days_ago() -> None:
    shown = board("a")
    shown.saw(0.0, {"a": document(50.0)}, None)
    for _ in range(7):
        shown.close_day(1)
    assert told(frame(shown), 0)[OWN] is None  # the close of seven days ago is the eighth last
    shown.close_day(1)
    shown.saw(1.0, {"a": document(50.0, v="2", benchmark=40.0, raw=0.0)}, None)
    assert told(frame(shown), 0)[OWN] == 1.0 - 50.0


def test_the_trail_begins_with_the_present_and_forgets() -> None:
    shown = board("a")
    shown.saw(0.0, {"a": document(1.0)}, None)
    shown.at_stage(Stage.LIVE, "live")
    for second in range(1, 401):
        shown.saw(float(second), {"a": document(float(second % 90), v=str(second))}, None)
    shown.frame()
    whole: Any = shown.whole()
    (trail,) = whole["trails"]
    times = [at for at, _ in trail]
    assert times[-1] == 400.0 and 400.0 - TRAIL_SECONDS <= times[0] <= 400.0 - TRAIL_SECONDS + 3
    assert 80 <= len(trail) <= 100  # one for every two seconds
    assert trail[-1] == [400.0, 400 % 90]


def test_days_go_on_closing_and_the_oldest_are_forgotten() -> None:
    shown = board("a")
    for day in range(70):
        shown.saw(float(day), {"a": document(float(day + 1), v=str(day))}, None)
        shown.close_day(day)
        assert [each["day"] for each in frame_list(shown.frame(), "days")] == [day]
    shown.meet([("late", {})])
    shown.frame()
    whole: Any = shown.whole()
    assert [(each["day"], each["scores"]) for each in whole["days"]] == [(n, [n + 1.0, None]) for n in range(10, 70)]


def test_frames_tell_the_time_of_the_made_up_world() -> None:
    shown, clock = board("a"), MadeUpTime(500.0, 100.0, 998.0)
    assert frame(shown)["made_up_at"] == 1000.0
    shown.clock = clock
    told_then = frame(shown)
    assert (told_then["made_up_at"], told_then["made_up_pace"]) == (700.0, 100.0)


def test_an_account_without_a_score_leaves_no_trail_and_no_close() -> None:
    shown = board("a")
    shown.at_stage(Stage.LIVE, "live")
    shown.saw(0.0, {"a": document(None, band=None, state="warming_up", population=3, min_population=20)}, None)
    shown.close_day(1)
    made = frame(shown)
    assert told(made, 0)[-3:] == ["warming_up", 3, 20]
    assert made["days"][0]["scores"] == [None]
    assert shown.whole()["trails"] == [[]]
