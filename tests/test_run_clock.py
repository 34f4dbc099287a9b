"""When a run saves, rates and ends."""

import pytest

from tengen.selfplay.clock import Due, RunClock
from tengen.selfplay.config import StopConfig


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch):
    found = Time()
    monkeypatch.setattr("tengen.selfplay.clock.time.perf_counter", found)
    return found


def turn(clock: RunClock, time: Time, seconds: float) -> Due:
    time.now += seconds
    clock.count(0)
    return clock.due()


def test_each_thing_is_due_once_an_interval_and_all_at_the_end(time):
    clock = RunClock(StopConfig(minutes=10), evaluate_minutes=4, checkpoint_minutes=1)
    time.now += 77  # making ready is not training
    clock.start()
    assert turn(clock, time, 50) == (False, False, False)
    assert turn(clock, time, 15) == (True, False, False)  # a minute: save
    assert turn(clock, time, 10) == (False, False, False)
    assert turn(clock, time, 130) == (True, True, False)  # a third of the run: save for good
    assert turn(clock, time, 40) == (True, True, True)  # four minutes: rate too
    assert turn(clock, time, 10) == (False, False, False)
    assert turn(clock, time, 400) == (True, True, True)
    assert clock.is_over and clock.progress == 1


def test_time_stands_still_between_updates(time):
    clock = RunClock(StopConfig(minutes=1), 1, 1)
    clock.start()
    turn(clock, time, 59)
    time.now += 100  # a long evaluation
    assert not clock.is_over and clock.seconds == 59
    assert turn(clock, time, 1) == (True, True, True)


@pytest.mark.parametrize(
    ("stop", "total", "unit"),
    [
        ({"updates": 3}, 3, "updates"),
        ({"minutes": 2.0}, 120, "s"),
        ({"games": 7, "minutes": 2.0}, 7, "games"),
        ({}, None, "updates"),
    ],
)
def test_the_progress_bar_counts_what_ends_the_run(time, stop, total, unit):
    clock = RunClock(StopConfig(**stop), 1, 1)
    assert (clock.total, clock.unit, clock.done) == (total, unit, 0)


def test_a_resumed_clock_goes_on_from_what_was_done(time):
    clock = RunClock(StopConfig(minutes=10), 60, 60)
    clock.start()
    assert turn(clock, time, 240).keep  # a third
    clock.owed_samples = 17.5
    time.now += 5000  # switched off
    again = RunClock(StopConfig(minutes=10), 60, 60)
    again.restore(clock.state())
    again.start()
    assert again.state() == clock.state() and again.seconds == 240
    assert turn(again, time, 60) == (False, False, False)  # the third is not passed twice
    assert again.seconds == 300 and again.update == 2
