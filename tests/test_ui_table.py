"""The table without any screen: opponents and analysis in their threads, answers in the order of the game."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tengen.agents import registry
from tengen.agents.base import RESIGN, Agent
from tengen.agents.random import RandomAgent
from tengen.envs import make_game
from tengen.envs.game import Ints, States
from tengen.errors import IllegalMove, MachineError
from tengen.ui.model.autosave import AutoSave, unfinished
from tengen.ui.model.clock import GameClock, parse_control
from tengen.ui.model.session import Seat, Session
from tengen.ui.thinking.reviewer import Reviewer
from tengen.ui.thinking.table import Table
from tengen.ui.thinking.territory import dead_stones, territory


class Desk:
    """A table whose deliveries are worked off by the test, one by one."""

    def __init__(self, name: str, white: str, **options: object) -> None:
        self.jobs: queue.Queue[Callable[[], None]] = queue.Queue()
        self.changes = 0
        session = Session(make_game(name), [Seat(), Seat(white)])
        self.table = Table(session, self.jobs.put, self._changed, **options)  # type: ignore[arg-type]
        self.session = session

    def _changed(self) -> None:
        self.changes += 1

    def until(self, reached: Callable[[], bool]) -> None:
        """Do what the threads bring until something is so; at most a minute for each."""
        while not reached():
            self.jobs.get(timeout=60)()


class Gate(RandomAgent):
    """Moves when the test lets it."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(make_game("go5"), seed)
        self.open, self.entered, self.asked = threading.Event(), threading.Event(), 0

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        self.asked += 1
        self.entered.set()
        assert self.open.wait(60)
        return super().choose(states, slots)


@pytest.fixture
def seated(monkeypatch: pytest.MonkeyPatch) -> Callable[[Agent], None]:
    """Let every agent string mean one agent."""

    def seat(agent: Agent) -> None:
        monkeypatch.setattr(registry, "make_agent", lambda text, game, *, seed=0: agent)

    return seat


def test_the_opponent_answers_and_waits_for_the_person() -> None:
    desk = Desk("connect4", "random")
    desk.table.start()
    desk.table.play_words("4")
    with pytest.raises(IllegalMove, match="O's turn"):
        desk.table.play_words("4")
    desk.until(lambda: desk.session.tip.number == 2)
    assert desk.session.awaited == 0 and desk.changes > 2
    assert desk.table.message.startswith("O plays ")
    desk.table.close()


def test_a_move_taken_back_while_the_opponent_thinks_gets_no_answer(seated) -> None:  # type: ignore[no-untyped-def]
    gate = Gate()
    seated(gate)
    desk = Desk("go5", "random")
    desk.table.start()
    desk.table.play_words("C3")
    assert gate.entered.wait(60) and desk.table.thinking is not None
    desk.table.undo()
    assert desk.table.thinking is None and desk.session.tip.number == 0
    desk.table.play_words("B2")
    gate.open.set()
    desk.until(lambda: desk.session.tip.number == 2)
    assert [node.words for node in desk.session.tree.path()][:2] == ["", "B2"] and gate.asked == 2
    assert not desk.session.tree.root.children[0].children  # nobody answered C3
    desk.table.close()


def test_a_long_search_stops_at_once() -> None:
    """A search of a million simulations answers the next task, which asks for few, without ending first."""
    desk = Desk("go9", "mcts?sims=1000000")
    desk.table.start()
    desk.table.play_words("E5")
    opponent = desk.table.opponent("mcts?sims=1000000")
    while not opponent.evaluations:
        threading.Event().wait(0.01)
    desk.table.undo()
    desk.table.play_words("D4")
    while not opponent.evaluations:
        threading.Event().wait(0.01)
    desk.table.move_now()
    desk.until(lambda: desk.session.tip.number == 2)
    assert desk.session.tree.path()[1].words == "D4" and desk.session.tip.mover == 1
    desk.table.close()


def test_alpha_beta_stops_at_once_too() -> None:
    """At depth 60 it would never end."""
    spec = "minimax?depth=60"
    desk = Desk("checkers", spec)
    desk.table.start()
    desk.table.play_words("11-15")
    desk.table.undo()
    desk.table.play_words("12-16")
    assert desk.table.thinking is not None
    while not desk.table.opponent(spec).can_hurry:
        threading.Event().wait(0.01)
    desk.table.move_now()
    desk.until(lambda: desk.session.tip.number == 2)
    assert desk.session.tree.path()[1].words == "12-16" and desk.session.tip.mover == 1
    desk.table.close()


@pytest.mark.parametrize(
    ("name", "spec", "move"), [("go9", "mcts?sims=1000000", "E5"), ("checkers", "minimax?depth=60", "11-15")]
)
def test_a_running_clock_shortens_a_search(name: str, spec: str, move: str) -> None:
    desk = Desk(name, spec)
    desk.session.clock = GameClock(parse_control("2s"))
    desk.table.start()
    desk.table.play_words(move)
    desk.until(lambda: desk.session.tip.number == 2 or desk.session.is_over)
    assert not desk.session.is_over
    desk.table.close()


class Broken(RandomAgent):
    """Dies while it thinks."""

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        raise MachineError("engine gnugo died\n(exit code 139)")


def test_an_opponent_that_dies_leaves_the_game_and_another_takes_over(seated, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    seated(Broken(make_game("connect4"), 0))
    desk = Desk("connect4", "random")
    desk.table.start()
    desk.table.play_words("4")
    desk.until(lambda: desk.table.fault)
    assert "engine gnugo died (exit code 139)" in desk.table.message and desk.table.paused
    assert desk.session.tip.number == 1 and not desk.session.is_over
    seated(RandomAgent(make_game("connect4"), 0))
    desk.table.seat(1, Seat("mcts?sims=4"))
    desk.until(lambda: desk.session.tip.number == 2)
    assert not desk.table.paused
    desk.table.close()


HANGING = r"""
while read -r id line; do
    case "$line" in
        list_commands) printf "=%s genmove\nplay\nclear_board\nboardsize\nkomi\n\n" "$id" ;;
        protocol_version) printf "=%s 2\n\n" "$id" ;;
        genmove*) touch "$0.asked"; trap "" TERM; sleep 1000 ;;
        *) printf "=%s \n\n" "$id" ;;
    esac
done
"""


def test_a_program_that_hangs_is_replaced_while_it_hangs(tmp_path: Path) -> None:
    program = tmp_path / "hanging"
    program.write_text(f"#!/bin/bash{HANGING}")
    program.chmod(0o755)
    desk = Desk("go5", f"gtp:{program}")
    desk.table.start()
    desk.table.play_words("C3")
    hung = desk.table.opponent(f"gtp:{program}")
    while not (tmp_path / "hanging.asked").exists():
        assert hung.is_thinking or desk.table.fault is False, desk.table.message
        threading.Event().wait(0.01)
    desk.table.seat(1, Seat("random"))
    desk.until(lambda: desk.session.tip.number == 2)
    assert not desk.table.fault and not desk.table.paused
    hung._worker.thread.join(60)
    assert not hung._worker.thread.is_alive()  # it has noticed, and let go of the program
    desk.table.close()


class Resigning(RandomAgent):
    """Has had enough."""

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        return np.array([RESIGN], np.int32)


def test_an_opponent_may_resign(seated) -> None:  # type: ignore[no-untyped-def]
    seated(Resigning(make_game("connect4"), 0))
    desk = Desk("connect4", "random")
    desk.table.start()
    desk.table.play_words("4")
    desk.until(lambda: desk.session.is_over)
    assert desk.session.result == "X wins" and desk.session.reason == "resignation"
    desk.table.close()


def test_an_agent_for_another_game_is_told_and_the_game_waits() -> None:
    desk = Desk("connect4", "gtp:gnugo")
    desk.table.start()
    desk.until(lambda: desk.table.fault)
    assert "choose another opponent" in desk.table.message and desk.table.paused
    desk.table.close()


def test_time_that_runs_out_ends_the_game() -> None:
    now = [0.0]
    desk = Desk("connect4", "human", now=lambda: now[0])
    desk.session.clock = GameClock(parse_control("1m"))
    desk.table.start()
    now[0] = 59.0
    assert not desk.table.tick()
    desk.table.play_words("4")
    now[0] = 120.0
    assert (
        desk.table.tick() and desk.session.result == "X wins" and "O's time has run out" in desk.table.message
    )
    assert not desk.table.tick()
    desk.table.close()


def test_no_clock_runs_while_the_game_is_paused_or_over(seated) -> None:  # type: ignore[no-untyped-def]
    now = [0.0]
    seated(Broken(make_game("connect4"), 0))
    desk = Desk("connect4", "random", now=lambda: now[0])
    clock = desk.session.clock = GameClock(parse_control("1m"))
    desk.table.start()
    now[0] = 10.0
    desk.table.play_words("4")
    desk.until(lambda: desk.table.fault)
    assert clock.running is None and desk.table.failed == 1
    now[0] = 100.0
    desk.table.undo()  # gives the ten seconds back
    assert clock.running is None and clock.left == [60.0, 60.0] and desk.table.paused
    seated(RandomAgent(make_game("connect4"), 0))
    desk.table.seat(1, Seat("mcts?sims=4"))
    assert clock.running == 0 and desk.table.failed is None
    now[0] = 130.0
    desk.table.play_words("4")
    desk.until(lambda: desk.session.tip.number == 2)
    assert clock.left == [30.0, 60.0] and clock.running == 0
    desk.table.toggle_pause()
    assert clock.running is None
    desk.table.play_words("4")  # who moves wants the game to go on
    desk.until(lambda: desk.session.tip.number == 4)
    desk.table.offer_draw(0)
    desk.session.offer = 1
    desk.table.offer_draw(0)
    assert desk.session.result == "draw" and clock.running is None
    desk.table.close()


def test_time_that_ran_out_comes_back_with_the_move_that_is_taken_back() -> None:
    now = [0.0]
    desk = Desk("connect4", "human", now=lambda: now[0])
    desk.session.clock = GameClock(parse_control("1m"))
    desk.table.start()
    now[0] = 20.0
    desk.table.play_words("4")
    now[0] = 100.0
    assert desk.table.tick() and desk.session.reason == "time"
    desk.table.undo()
    assert not desk.table.tick() and desk.session.clock.at(1, now[0]) == (60.0, 0)
    desk.table.redo() if desk.session.tip.children else desk.table.undo()
    assert desk.session.clock.at(0, now[0]) == (60.0, 0)
    desk.table.close()


def test_the_game_is_on_disk_after_every_move(tmp_path: Path) -> None:
    desk = Desk("connect4", "human", autosave=AutoSave(make_game("connect4"), tmp_path))
    desk.table.start()
    for column in "445":
        desk.table.play_words(column)
    desk.table.close(60)
    (kept,) = unfinished(make_game("connect4"), tmp_path)
    assert kept.turns == 3
    again = Desk("connect4", "human", autosave=AutoSave(make_game("connect4"), tmp_path))
    again.table.resume(kept)
    assert [node.words for node in again.table.session.tree.line()] == ["", "4", "4", "5"]
    assert again.table.autosave is not None and again.table.autosave.state == kept.path
    again.table.close()


def test_a_disk_that_is_full_is_told_and_the_game_goes_on() -> None:
    desk = Desk("connect4", "human", autosave=AutoSave(make_game("connect4"), Path("/dev/null/games")))
    desk.table.play_words("4")
    desk.until(lambda: desk.table.fault)
    assert "is not being kept: cannot write /dev/null/games" in desk.table.message
    desk.table.play_words("4")
    assert desk.session.tip.number == 2
    desk.table.close()


# --- analysis -----------------------------------------------------------------------------------------------


def test_the_analysis_finds_the_win_and_its_line_can_be_followed() -> None:
    """X has three in column 1; 1 wins at once."""
    desk = Desk("connect4", "human")
    for column in "121212":
        desk.session.play_words(column)
    desk.table.shown.analysis = True
    desk.table.refresh()
    desk.until(lambda: bool(desk.table.insight and desk.table.insight.simulations >= 1000))
    assert desk.table.insight is not None
    best = desk.table.insight.candidates[0]
    assert best.words == "1" and best.value > 0.99 and best.visits > 300
    assert desk.session.tip.value is not None and desk.session.tip.value > 0.8
    desk.table.choose_candidate(1)
    assert desk.table.follow()
    assert desk.session.tree.current.is_terminal and not desk.session.at_tip
    assert desk.session.tip.number == 6 and not desk.session.is_over
    desk.table.close()


def test_a_hint_looks_once_and_says_what_it_found() -> None:
    desk = Desk("checkers", "human")
    desk.table.hint()
    desk.until(lambda: desk.table.message.startswith("hint: "))
    desk.session.game.parse_turn(desk.session.tip.state, desk.table.message.split()[1].rstrip(","))
    desk.table.close()


def test_a_review_finds_the_blunder() -> None:
    """O must stop the open three at 4; it plays 7 instead."""
    desk = Desk("connect4", "human")
    for column in "2232" + "37" + "4" + "7":
        desk.session.play_words(column)
    line = desk.session.tree.line()
    done: list[Reviewer] = []
    reviewer = Reviewer(desk.table.analyst, line, done.append, simulations=1500)
    reviewer.start()
    desk.until(lambda: reviewer.done)
    assert len(reviewer.findings) == len(line) == len(done)
    assert reviewer.mistakes and all(node.value is not None for node in line)
    assert all(0 < mistake.cost <= 1 for mistake in reviewer.mistakes)
    desk.table.close()


def test_territory_by_random_games_sees_who_owns_a_walled_board() -> None:
    game = make_game("go:size=5,komi=0.5")
    state = game.from_board("""
        . X . X X
        X X X X X
        O O O O O
        O O O O O
        . O . O O""")
    owners, score = territory(game, state)
    assert owners.reshape(5, 5)[:2].min() > 0.5 and owners.reshape(5, 5)[2:].max() < -0.5
    assert score == -5.5
    assert dead_stones(game, state, owners) == frozenset()
    assert dead_stones(game, state, -owners) == set(range(25)) - {0, 2, 20, 22}
