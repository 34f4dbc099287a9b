"""Programs at boards: what they are told, what their faults are called, and that none outlives its match."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tengen.agents.base import RESIGN
from tengen.agents.engines.engine_agent import EngineAgent
from tengen.agents.engines.faults import EngineFault, EngineRefusal
from tengen.agents.engines.process import EngineProcess, pump
from tengen.agents.engines.programs import find_executable, gnugo_command
from tengen.agents.engines.talk import alone, next_line
from tengen.agents.registry import make_agent
from tengen.envs import Position, make_game
from tengen.errors import TengenError
from tengen.league.ending import Limits
from tengen.league.wave import Board, play_wave

BAD_ENGINE = Path(__file__).with_name("bad_engine.py")
GNUGO = pytest.mark.skipif(find_executable("gnugo") is None, reason="GNU Go is not installed")


def marked(mark: str) -> list[psutil.Process]:
    """Every process, whoever its parent may be, that has the mark among its arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def mark() -> Iterator[str]:
    """A word for the arguments of programs, none of which may be left when the test is over."""
    word = uuid.uuid4().hex
    yield word
    _, alive = psutil.wait_procs(marked(word), timeout=10)
    for process in alive:
        process.kill()
    assert not alive


@pytest.fixture
def seat(mark: str) -> Iterator[Callable[..., EngineAgent]]:
    """Make an agent of the bad engine with a fault, at 9x9; closed at the end."""
    agents: list[EngineAgent] = []

    def make(fault: str, *words: str, game: str = "go9", kind: str = "gtp", **options: object) -> EngineAgent:
        command = f"{sys.executable} -I -S {BAD_ENGINE} {mark} '{fault}' {' '.join(words)}"
        query = "&".join(f"{key}={value}" for key, value in {"processes": 1, **options}.items())
        agent = make_agent(f"{kind}:{command}?{query}", make_game(game))
        assert isinstance(agent, EngineAgent)
        agent.start(make_game(game), 1)
        agents.append(agent)
        return agent

    yield make
    for agent in agents:
        agent.close()


def move(agent: EngineAgent, position: Position, slot: int = 0) -> int:
    """Let the agent move at a board."""
    agent.follow(slot, position.start, list(position.actions))
    action = int(agent.choose(position.state.copy(), np.array([slot]))[0])
    if action != RESIGN:
        position.apply(action)
    return action


def second_move(agent: EngineAgent) -> EngineFault:
    """The fault of the agent's second move, after a good first one."""
    position = Position(make_game("go9"))
    move(agent, position)
    position.play("J9")
    with pytest.raises(EngineFault) as caught:
        move(agent, position)
    assert caught.value.slot == 0
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("hangs", "hang", r"was silent for 0\.\d+ s at move 3"),
        ("exits", "exit", "left at move 3"),
        ("forks and leaves", "exit", "left at move 3"),
        ("fails", "crash", "ended with status 3 at move 3; its last lines were: .*liberties > 0"),
        ("crashes", "crash", "was ended by SIGSEGV at move 3"),
        ("eats memory", "crash", "ended with status 1 at move 3; its last lines were: .*MemoryError"),
        ("garbage", "garbage", "expected a response.*move. what move"),
        ("one long line", "garbage", "printed a line of more than 64 KiB at move 3"),
        ("many lines", "garbage", "a response goes on beyond 1,048,576 characters"),
        ("prose", "garbage", "was to move for Black and answered 'I would play D4'"),
        ("illegal", "illegal", "the point is occupied"),
        ("off the board", "illegal", "Z25. is not a coordinate"),
        ("other colour", "colour", "was to move for Black and answered 'white B1'"),
        ("wrong number", "protocol", "answered command 999999"),
        ("late", "time", "came too late with move 3"),
    ],
)
def test_every_fault_has_its_name(seat, fault, kind, words) -> None:  # type: ignore[no-untyped-def]
    options = {"eats memory": {"memory": 300}, "late": {"time": 0.2, "margin": 0.3}}.get(fault, {})
    options |= {"hangs": {"patience": 0.5}}.get(fault, {})
    agent = seat(fault, **options)
    if fault == "wrong number":
        with pytest.raises(EngineFault) as caught:
            move(agent, Position(make_game("go9")))
        found = caught.value
    else:
        found = second_move(agent)
    assert found.kind == kind
    assert re.search(words, str(found))
    assert "\n" not in str(found) and "\x1b" not in str(found) and len(str(found)) < 1000


def test_an_engine_that_failed_is_started_anew(seat, mark) -> None:  # type: ignore[no-untyped-def]
    """The new process is told the game so far, and plays on where the old one broke off."""
    agent = seat("crashes")
    second_move(agent)
    assert not marked(mark)
    position = Position(make_game("go9"))
    for turn in ("A1", "J9"):
        position.play(turn)
    assert position.game.format_action(position.state, move(agent, position)) == "B1"
    assert (agent.restarts, [fault.kind for fault in agent.faults]) == (1, ["crash"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("deaf", r"was silent for 0\.\d+ s before it was ready"),
        ("stillborn", "ended with status 1 before it was ready; its last lines were: no weights found"),
    ],
)
def test_an_engine_that_does_not_get_ready_has_not_started(seat, fault, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EngineFault, match=words) as caught:
        seat(fault, start=0.3 if fault == "deaf" else 60)
    assert caught.value.kind == "start"


def test_faults_travel_between_processes() -> None:
    fault = EngineFault("hang", "gtp:slow", "was silent for 3 s", ["one", "two"], slot=4)
    copy = pickle.loads(pickle.dumps(fault))
    assert (copy.kind, copy.slot, copy.lines, str(copy)) == ("hang", 4, ("one", "two"), str(fault))
    assert str(fault) == "engine 'gtp:slow' was silent for 3 s; its last lines were: one | two"
    assert fault.exit_code == 1


def test_a_slow_start_is_waited_for(seat) -> None:  # type: ignore[no-untyped-def]
    position = Position(make_game("go9"))
    assert move(seat("slow", start=30), position) == make_game("go9").parse_action(position.start, "A1")


@pytest.mark.parametrize("fault", ["stubborn", "forks", "stderr", "none"])
def test_nothing_outlives_its_agent(seat, mark, fault) -> None:  # type: ignore[no-untyped-def]
    """Deaf to quit, with deaf children in sessions of their own, or with ten megabytes on its stderr."""
    agent = seat(fault)
    position = Position(make_game("go9"))
    move(agent, position)
    position.play("J9")
    move(agent, position)
    assert marked(mark)
    agent.close()
    assert not marked(mark)


RUNNER = """
import sys
from tengen.agents.engines.process import EngineProcess
process = EngineProcess("child", sys.argv[1:])
process.send(b"1 list_commands\\n")
from tengen.agents.engines.talk import alone, next_line
import time
alone(next_line(process, time.monotonic() + 60, "here"))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_engines_die_with_whoever_started_them(mark, sign) -> None:  # type: ignore[no-untyped-def]
    """Even by kill -9, and with all their children."""
    command = [sys.executable, "-I", "-S", str(BAD_ENGINE), mark, "forks"]
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as runner:
        assert runner.stdout is not None and runner.stdout.readline() == b"ready\n"
        alive = [process for process in marked(mark) if process.pid != runner.pid]
        assert len(alive) >= 4  # warden, engine, and its two children
        os.kill(runner.pid, sign)
        runner.communicate()
    _, left = psutil.wait_procs(alive, timeout=10)
    assert not left


def test_a_killed_warden_takes_its_engine_along(mark) -> None:  # type: ignore[no-untyped-def]
    command = [sys.executable, "-I", "-S", str(BAD_ENGINE), mark, "a child"]
    process = EngineProcess("child", command)
    process.send(b"1 list_commands\n")
    alone(next_line(process, time.monotonic() + 60, "here"))
    os.kill(process.pid, signal.SIGKILL)
    process.close()
    _, left = psutil.wait_procs(marked(mark), timeout=10)
    assert not left


def test_an_engine_sees_little_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    show = "import os; print(*sorted(os.environ)); print(os.getsid(0), os.getpgrp())"
    process = EngineProcess("shower", [sys.executable, "-I", "-c", show], environment={"THREADS": "1"})
    names = alone(next_line(process, time.monotonic() + 60, "here")).split()
    assert "THREADS" in names and "PATH" in names and "SECRET_TOKEN" not in names
    assert alone(next_line(process, time.monotonic() + 60, "here")) == f"{process.pid} {process.pid}"
    process.close()


def test_arguments_are_words_and_never_a_shells() -> None:
    words = ["$HOME", "; echo no", "a b", "`id`"]
    process = EngineProcess("echo", [sys.executable, "-c", "import sys; print(sys.argv[1:])", *words])
    assert alone(next_line(process, time.monotonic() + 60, "here")) == str(words)
    process.close()


def test_a_program_that_reads_nothing_does_not_hold_us_up() -> None:
    process = EngineProcess("deaf", [sys.executable, "-c", "import signal; signal.pause()"])
    for _ in range(100):
        process.send(b"x" * 100_000)
        pump([process], 0)
    assert process.line() is None
    process.close()


def test_a_closed_stderr_is_not_news() -> None:
    """Or waiting for an answer would spin."""
    program = "import os, signal; os.close(2); print('here', flush=True); signal.pause()"
    process = EngineProcess("quiet", [sys.executable, "-c", program])
    assert alone(next_line(process, time.monotonic() + 60, "here")) == "here"
    pump([process], 0.0)
    began = time.monotonic()
    pump([process], 0.1)
    assert time.monotonic() - began >= 0.1
    process.close()


def test_an_engine_is_told_only_what_is_new_to_it(seat, tmp_path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "log"
    agent = seat("log", str(log))

    def told() -> list[str]:
        lines = log.read_text().splitlines()
        log.write_text("")
        return [line.partition(" ")[2] for line in lines]

    first, second = Position(make_game("go9")), Position(make_game("go9"))
    move(agent, first)
    assert told() == ["list_commands", "boardsize 9", "komi 7", "clear_board", "genmove b"]
    first.play("E5")
    move(agent, first)
    assert told() == ["play w E5", "genmove b"]
    second.play("G7")
    move(agent, second, slot=1)  # one process at two boards
    assert told() == ["clear_board", "play b G7", "genmove w"]
    first.play("F6")
    move(agent, first)
    assert told() == ["clear_board", "play b A1", "play w E5", "play b B1", "play w F6", "genmove b"]


def test_a_new_game_at_a_board_is_another_game(seat) -> None:  # type: ignore[no-untyped-def]
    """After as many plies as when the engine last spoke there."""
    agent, first, second = seat("none"), Position(make_game("go9")), Position(make_game("go9"))
    first.play("A1")
    second.play("J9")
    assert first.game.format_action(first.state, move(agent, first)) == "B1"
    assert second.game.format_action(second.state, move(agent, second)) == "A1"


def test_stones_at_the_start_are_laid_so_that_none_is_captured(seat, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The inner black chain has its one liberty at the far end; laid from the wrong end it would be taken."""
    log = tmp_path / "log"
    agent = seat("log", str(log), game="go5")
    game = make_game("go5")
    board = """
        X X X . O
        O O O O O
        . . . . .
        . . . . .
        . . . . ."""
    position = Position(game, game.from_board(board, to_play=1))
    agent.follow(0, position.start, [])
    agent.choose(position.state.copy(), np.array([0]))
    told = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    black = [line for line in told if line.startswith("play b")]
    assert black == ["play b C5", "play b B5", "play b A5"]
    assert sum(line.startswith("play w") for line in told) == 6 and told[-1] == "genmove w"


def test_clocks_are_told_and_resignations_understood(seat, tmp_path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "log"
    agent = seat("log", str(log))
    position = Position(make_game("go9"))
    agent.follow(0, position.start, [])
    agent.tell_time(0, left_s=(61.9, 30.2), increment_s=1.0)
    position.apply(int(agent.choose(position.state.copy(), np.array([0]))[0]))
    position.play("J9")
    agent.follow(0, position.start, position.actions)
    agent.tell_time(0, left_s=(60.0, 29.9), increment_s=1.0)
    agent.choose(position.state.copy(), np.array([0]))
    told = [line.split()[1:] for line in log.read_text().splitlines()]
    assert [words for words in told if words[0].startswith("time_")] == [
        ["time_settings", "61", "0", "0"],
        ["time_left", "b", "61", "0"],
        ["time_left", "w", "30", "0"],
        ["time_left", "b", "60", "0"],
        ["time_left", "w", "29", "0"],
    ]
    quitter = seat("resigns")
    position = Position(make_game("go9"))
    move(quitter, position)
    position.play("J9")
    assert move(quitter, position) == RESIGN


def test_what_other_boards_heard_is_kept_when_one_fails(seat, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Each process answers two moves well in all; the third game's second move is the first to fail."""
    agent = seat("crashes", processes=2)
    game = make_game("go9")
    positions = [Position(game) for _ in range(3)]
    for slot, position in enumerate(positions):
        agent.follow(slot, position.start, [])
    states = np.concatenate([position.state for position in positions])
    with pytest.raises(EngineFault, match="SIGSEGV") as caught:
        agent.choose(states, np.arange(3))  # boards 0 and 2 share a process, and its second move
    assert caught.value.slot == 2
    rest = agent.choose(states[:2], np.arange(2))
    assert [game.format_action(position.state, a) for position, a in zip(positions, rest, strict=False)] == [
        "A1",
        "A1",
    ]
    assert agent.restarts == 1


@pytest.mark.parametrize(
    ("text", "game", "words"),
    [
        ("gtp", "go9", "gtp needs a program"),
        ("gtp:gnu-go-9", "go9", "there is no program 'gnu-go-9'"),
        ("gtp:gnugoo", "go9", "did you mean gnugo"),
        ("gtp:/etc/passwd", "go9", "is not a program that may be run"),
        ("gtp:python3?level=3", "go9", "level is for gtp:gnugo"),
        ("gtp:'unclosed", "go9", "cannot read the command: No closing quotation"),
        ("gtp:cat?memory=-1", "go9", "memory must be a number from 0"),
        ("gtp:cat", "checkers", "speaks GTP, which is for Go, not for checkers"),
        ("hub:cat", "go9", "speaks Hub, which is for draughts, not for go"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(text: str, game: str, words: str) -> None:
    with pytest.raises(TengenError, match=words) as caught:
        make_agent(text, make_game(game))
    assert "\n" not in str(caught.value)


def test_an_engine_is_asked_what_it_can(seat) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EngineRefusal, match="lacks the GTP command genmove"):
        seat("no genmove")
    with pytest.raises(EngineRefusal, match=r"cannot play go9: it refused 'boardsize 9' \(unacceptable\)"):
        seat("small boards")


def test_engines_of_the_user_have_names(seat, mark, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    config = tmp_path / "mine.yaml"
    command = f"[{sys.executable}, -I, -S, {BAD_ENGINE}, {mark}, none]"
    config.write_text(f"engines:\n  mine:\n    protocol: gtp\n    command: {command}\n")
    monkeypatch.setenv("TENGEN_ENGINES", str(config))
    agent = make_agent("gtp:mine?processes=1", make_game("go9"))
    agent.close()
    with pytest.raises(TengenError, match="mine speaks gtp; write gtp:mine"):
        make_agent("hub:mine", make_game("checkers"))
    config.write_text("engines:\n  mine:\n    protocol: xboard\n    command: [x]\n")
    with pytest.raises(TengenError, match=r"engines\.mine\.protocol"):
        make_agent("gtp:mine", make_game("go9"))


@pytest.mark.parametrize(("rule", "outcome"), [("loss", -1), ("void", None)])
def test_a_fault_costs_its_own_game_only(seat, rule, outcome) -> None:  # type: ignore[no-untyped-def]
    """The engine crashes at its second move in each process; the games beside it go on to their ends."""
    game = make_game("go9")
    agent, opponent = seat("crashes", processes=2), make_agent("random", game, seed=1)
    opponent.start(game, 3)
    boards = [Board(number, number % 2, ()) for number in range(3)]
    waves = play_wave(game, (agent, opponent), boards, limits=Limits(faults=rule))
    ended = sorted((game for wave in waves for game in wave), key=lambda ended: ended.board.number)
    assert len(ended) == 3
    for one in ended:
        assert one.ending.reason == "fault: crash"
        assert "SIGSEGV" in one.ending.details["said"]
        sign = 1 - 2 * one.board.first_agent_plays
        assert one.ending.outcome == (None if outcome is None else outcome * sign)
    assert agent.restarts == len(agent.faults) == 3


# --- GNU Go -----------------------------------------------------------------------------------------------


@GNUGO
def test_gnu_go_plays_a_game_by_our_rules() -> None:
    """Level 0 against random moves; every move of its is checked, and it takes dead stones off at the end."""
    game = make_game("go5")
    agent, opponent = make_agent("gtp:gnugo?level=0", game), make_agent("random", game, seed=1)
    assert isinstance(agent, EngineAgent)
    position = Position(game)
    while not position.is_terminal:
        if position.to_play == 0:
            assert move(agent, position) != RESIGN
        else:
            position.apply(int(opponent.choose(position.state.copy(), np.array([0]))[0]))
    agent.close()
    assert position.returns[0] == 1


@GNUGO
def test_gnu_go_does_not_remember_other_games() -> None:
    """Its moves depend on the game and the seed, not on what its process has played before."""
    game = make_game("go9")
    played = []
    agent = make_agent("gtp:gnugo?level=0&processes=1", game, seed=3)
    assert isinstance(agent, EngineAgent)
    for _ in range(2):
        agent.start(game, 1)
        position = Position(game)
        while len(position.actions) < 8:
            move(agent, position)
            position.play("J9" if position.legal_mask()[8] else "pass")
        played.append(list(position.actions))
    agent.close()
    assert played[0] == played[1]


def test_gnu_go_is_called_by_the_rules_of_the_game() -> None:
    assert "--positional-superko" in gnugo_command(make_game("go9"), 5)
    assert "--situational-superko" in gnugo_command(make_game("go:rules=situational"), 5)
    assert {"--simple-ko", "--allow-all-suicide"} < set(
        gnugo_command(make_game("go:rules=simple,suicide=true"), 5)
    )
