"""The clock of the demo's made-up world."""

from datetime import UTC, datetime

import pytest

from scorer.demo.made_up_time import MadeUpTime

NOW = 1_795_355_044.0
EVENTS_A_DAY = 3000.0
HOUR = 3600.0
DAY = 86_400.0


@pytest.mark.parametrize("per_second", [0.1, 1.0, 40.0, 400.0, 2000.0])
def test_a_made_up_day_takes_as_long_as_its_events_do(per_second: float) -> None:
    clock = MadeUpTime.begin(NOW, per_second, EVENTS_A_DAY).go_on(NOW)
    assert clock.at(NOW + EVENTS_A_DAY / per_second) - clock.at(NOW) == pytest.approx(DAY)
    assert clock.pace(NOW) == pytest.approx(DAY * per_second / EVENTS_A_DAY)


@pytest.mark.parametrize("per_second", [0.1, 40.0, 100.0, 2000.0])
def test_it_never_passes_the_walls_time(per_second: float) -> None:
    """Or events of the made-up world would be `in_future`."""
    clock = MadeUpTime.begin(NOW, per_second, EVENTS_A_DAY).go_on(NOW)
    for hours in (0, 1, 11.9, 24, 1000):
        assert clock.at(NOW + hours * HOUR) <= NOW + hours * HOUR
    assert clock.pace(NOW + 10_000 * HOUR) == 1.0


def test_half_a_day_at_the_usual_speed_does_not_reach_it() -> None:
    clock = MadeUpTime.begin(NOW, 20.0, EVENTS_A_DAY).go_on(NOW)
    assert clock.at(NOW + 11.9 * HOUR) < NOW + 11.9 * HOUR
    assert clock.pace(NOW + 11.9 * HOUR) == clock.speed


@pytest.mark.parametrize("day", range(7))
def test_the_present_begins_on_a_tuesday(day: int) -> None:
    clock = MadeUpTime.begin(NOW + day * DAY, 40.0, EVENTS_A_DAY)
    assert f"{datetime.fromtimestamp(clock.present, UTC):%a %H:%M}" == "Tue 19:00"


def test_it_stands_still_until_the_present_goes_on() -> None:
    clock = MadeUpTime.begin(NOW, 20.0, EVENTS_A_DAY)
    assert clock.at(NOW) == clock.at(NOW + 60) == clock.present
    assert clock.go_on(NOW + 60).at(NOW + 60) == clock.present


def test_its_speed_is_told() -> None:
    assert MadeUpTime.begin(NOW, 20.0, EVENTS_A_DAY).said() == "150 s"
    assert MadeUpTime.begin(NOW, 1.0, EVENTS_A_DAY).said() == "50 min"
