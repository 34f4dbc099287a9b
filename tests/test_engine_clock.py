"""Clocks of Go: what is left after each move, and what a move may take of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.agents.mcts.agent import MctsAgent
from tengen.engine.clock import SideClock, TimeControl, gtp_control
from tengen.engine.gtp_session import GtpSession
from tengen.engine.player import Player
from tengen.envs.go.game import Go

CANADIAN = TimeControl("canadian", 60.0, 30.0, 5)
BYOYOMI = TimeControl("byoyomi", 60.0, 10.0, 3)


def test_gtp_says_canadian_absolute_or_none() -> None:
    assert gtp_control(300, 30, 5) == TimeControl("canadian", 300, 30, 5)
    assert gtp_control(300, 0, 0).kind == "absolute"
    assert gtp_control(300, 30, 0).kind == "none"  # a period for no stones: no limit, says the specification
    assert gtp_control(0, 0, 0).kind == "none"


def test_canadian_time_has_so_many_stones_a_period() -> None:
    clock = SideClock.start(CANADIAN)
    assert (clock.left_s, clock.stones) == (60, 0)
    clock = clock.after(50)
    assert (clock.left_s, clock.stones) == (10, 0)
    clock = clock.after(15)  # 5 seconds into the first period, one stone of it played
    assert (clock.left_s, clock.stones) == (25, 4)
    for left, stones in ((20, 3), (15, 2), (10, 1)):
        clock = clock.after(5)
        assert (clock.left_s, clock.stones) == (left, stones)
    clock = clock.after(5)
    assert (clock.left_s, clock.stones) == (30, 5)  # a new period


def test_byoyomi_loses_a_period_by_each_that_is_overrun() -> None:
    clock = SideClock.start(BYOYOMI).after(65)
    assert (clock.left_s, clock.stones) == (10, 3)
    clock = clock.after(9)
    assert (clock.left_s, clock.stones) == (10, 3)
    clock = clock.after(21)
    assert (clock.left_s, clock.stones) == (10, 1)
    assert clock.move_seconds(30) == pytest.approx(0.9 * 10 - 0.15)


def test_without_main_time_the_first_period_runs_at_once() -> None:
    assert SideClock.start(TimeControl("byoyomi", 0, 10, 3)).stones == 3
    clock = SideClock.start(TimeControl("canadian", 0, 30, 10))
    assert (clock.stones, clock.move_seconds(50)) == (10, pytest.approx(0.9 * 3 - 0.15))
    assert SideClock().move_seconds(10) is None


@given(
    st.sampled_from(["absolute", "byoyomi", "canadian"]),
    st.floats(0.5, 7200),
    st.floats(0.5, 120),
    st.integers(1, 30),
    st.integers(9, 200),
)
def test_moves_that_take_what_they_may_never_lose_on_time(
    kind: str, main_s: float, period_s: float, stones: int, to_come: int
) -> None:
    clock = SideClock.start(TimeControl(kind, main_s, period_s, stones))
    if kind == "absolute" and main_s < 60:
        return  # the least time of a move alone may add up to more
    for _ in range(200):
        seconds = clock.move_seconds(to_come)
        assert seconds is not None and seconds >= 0.02
        over = clock.left_s + (period_s if not clock.stones and kind != "absolute" else 0.0)
        assert seconds <= max(over, 0.02)
        periods = clock.stones
        clock = clock.after(seconds)
        if kind == "byoyomi" and periods and period_s > 1:
            assert clock.stones == periods


def test_a_search_keeps_to_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes by only between rounds, a hundredth of a second each: 700 simulations are 7 seconds."""
    game = Go(9)
    engine = GtpSession(Player("mcts?sims=700", game), game)
    clock = [0.0]

    def tick() -> float:
        clock[0] += 0.005
        return clock[0]

    monkeypatch.setattr("tengen.engine.player.time.monotonic", tick)
    for command, most, least in (
        ("time_settings 0 2 1", 2.0, 0.5),
        ("kgs-time_settings byoyomi 0 1 5", 1.0, 0.2),
        ("time_settings 90 0 0", 4.0, 0.5),
        ("time_left b 3 0", 0.3, 0.0),
        ("time_left b 0 0", 0.3, 0.0),
        ("time_left b -5 0", 0.3, 0.0),
    ):
        assert engine.answer(command) == "=\n\n", command
        begun = clock[0]
        assert engine.answer("genmove b").startswith("= ")
        assert least <= clock[0] - begun <= most, command
        engine.answer("undo")
    assert engine.answer("time_settings 0 0 0") == "=\n\n"
    engine.answer("genmove b")
    assert isinstance(engine.player.agent, MctsAgent) and engine.player.agent.search is not None
    assert engine.player.agent.search.tree.simulations[0] == 700  # no clock: all of them
    for bad in ("time_settings 1 2", "time_settings a b c", "kgs-time_settings fast", "time_left b x 0"):
        assert engine.answer(bad).startswith("? syntax error"), bad
