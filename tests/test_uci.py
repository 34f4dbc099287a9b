"""Programs over UCI: what they are told, what they are refused, and what their faults are called."""

import shlex
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import chess
import numpy as np
import pytest

from tengen.agents.base import Agent
from tengen.agents.engines import uci_rules
from tengen.agents.engines.driver import Clock, Patience
from tengen.agents.engines.engine_agent import EngineAgent
from tengen.agents.engines.faults import EngineFault, EngineRefusal
from tengen.agents.engines.process import EngineProcess
from tengen.agents.engines.programs import find_executable
from tengen.agents.engines.talk import alone
from tengen.agents.engines.uci import UciDriver, UciLimits
from tengen.agents.engines.uci_wire import OptionFault, UciFault, option_lines, parse_bestmove, parse_option
from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.envs import Position, make_game
from tengen.envs.game import Ints, States
from tengen.errors import IllegalMove, TengenError

BAD_ENGINE = Path(__file__).with_name("bad_engine.py")


class ColumnRules:
    """Connect Four as UCI might have it: xa is a stone of the first mover in the leftmost column."""

    def start_fen(self, state: States) -> str | None:
        game = make_game("connect4")
        return None if not state["ply"][0] else game.to_text(state).replace(" ", " w ")

    def move_text(self, state: States, action: int) -> str:
        return "xo"[state["to_play"][0]] + "abcdefg"[action]

    def parse_move(self, state: States, text: str) -> int:
        if len(text) != 2 or text[0] not in "xo" or text[1] not in "abcdefg":
            raise ValueError(text)
        if text[0] != "xo"[state["to_play"][0]]:
            raise IllegalMove(f"{text} is illegal: not your stone")
        return make_game("connect4").parse_action(state, str(1 + "abcdefg".index(text[1])))

    def side_of(self, state: States, text: str) -> int | None:
        return "xo".find(text[0])


@pytest.fixture(autouse=True)
def connect4_over_uci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(uci_rules.UCI_RULES, "connect4", lambda game: ColumnRules())


@pytest.fixture
def seat() -> Iterator[Callable[..., EngineAgent]]:
    """Make an agent of the scripted engine with a fault; closed at the end."""
    agents: list[Agent] = []

    def make(fault: str = "uci", *words: str, **options: object) -> EngineAgent:
        command = [sys.executable, "-I", "-S", str(BAD_ENGINE), uuid.uuid4().hex, fault, *words]
        query = "&".join(f"{key}={value}" for key, value in {"processes": 1, **options}.items())
        agent = make_agent(f"uci:{shlex.join(command)}?{query}", make_game("connect4"))
        assert isinstance(agent, EngineAgent)
        agent.start(make_game("connect4"), 1)
        agents.append(agent)
        return agent

    yield make
    for agent in agents:
        agent.close()


def move(agent: EngineAgent, position: Position, slot: int = 0, **clock: object) -> str:
    """Let the agent move at a board; its move as the rules write it."""
    agent.follow(slot, position.start, list(position.actions))
    if clock:
        agent.tell_time(slot, **clock)  # type: ignore[arg-type]
    action = int(agent.choose(position.state.copy(), np.array([slot]))[0])
    text = position.game.format_action(position.state, action)
    position.apply(action)
    return text


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("hangs", "hang", r"was silent for 0\.\d+ s at move 3"),
        ("exits", "exit", "left at move 3"),
        ("crashes", "crash", "was ended by SIGSEGV at move 3"),
        ("garbage", "garbage", "expected a line of text, got '.*what move"),
        ("one long line", "garbage", "printed a line of more than 64 KiB at move 3"),
        ("many lines", "garbage", "printed 100,000 lines without an answer at move 3"),
        ("prose", "garbage", "expected 'bestmove MOVE', got 'bestmove I would"),
        ("no move text", "garbage", "and answered 'bestmove e2e4"),
        ("illegal", "illegal", "made an illegal move: 1 is illegal: column 1 is full"),
        ("other colour", "colour", "moved the other side's piece: oa"),
        ("none", "protocol", "said at move 3 that it has no move"),
        ("null", "protocol", "said at move 3 that it has no move"),
        ("out of turn", "protocol", "said readyok at move 3, and bestmove was due"),
        ("late", "time", "came too late with move 3"),
    ],
)
def test_every_fault_has_its_name(seat, fault, kind, words) -> None:  # type: ignore[no-untyped-def]
    options = {"late": {"time": 0.2, "margin": 0.3}, "hangs": {"patience": 0.5}}.get(fault, {})
    agent, game = seat(f"uci {fault}", **options), make_game("connect4")
    position = Position(game)
    if fault == "illegal":  # the column is full but for the engine's first move and the answer
        words = words.replace("move 3", "move 7")
        position = Position(game)
        for text in "1111":
            position.play(text)
    move(agent, position)
    position.play("1" if fault == "illegal" else "2")
    with pytest.raises(EngineFault, match=words) as caught:
        move(agent, position)
    assert caught.value.kind == kind and caught.value.slot == 0
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert move(agent, position), "it is started anew"
    assert agent.restarts == 1


def test_an_engine_that_does_not_get_ready_has_not_started(seat) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EngineFault, match=r"was silent for 0\.\d+ s before it was ready") as caught:
        seat("uci deaf", start=0.3)
    assert caught.value.kind == "start"
    with pytest.raises(EngineFault, match="expected 'option name NAME type TYPE', got 'option name Broken"):
        seat("uci odd option")


def test_a_slow_start_is_waited_for(seat) -> None:  # type: ignore[no-untyped-def]
    assert move(seat("uci slow", start=30), Position(make_game("connect4"))) == "1"


def test_what_an_engine_is_told(seat, tmp_path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "log"
    agent = seat("uci", str(log), elo=1500, threads=2, clear_hash="true")

    def told() -> list[str]:
        lines = log.read_text().splitlines()
        log.write_text("")
        return lines

    assert agent.version == "Script 1.2"
    assert told() == [
        "uci",
        "setoption name UCI_LimitStrength value true",
        "setoption name UCI_Elo value 1500",
        "setoption name Threads value 2",
        "setoption name Clear Hash",
        "isready",
    ]
    first, second = Position(make_game("connect4")), Position(make_game("connect4"))
    move(agent, first)
    assert told() == ["ucinewgame", "isready", "position startpos", "go movetime 1000"]
    first.play("4")
    move(agent, first, left_s=(61.5, 30.25), increment_s=2.0)
    assert told() == ["position startpos moves xa od", "go wtime 61500 btime 30250 winc 2000 binc 2000"]
    second.play("7")
    move(agent, second, slot=1, left_s=(5.0, 60.0))  # one process at two boards; now it moves second
    assert told() == [
        *("ucinewgame", "isready", "position startpos moves xg"),
        "go wtime 60000 btime 5000 winc 0 binc 0",
    ]
    first.play("7")
    middle = Position(make_game("connect4"), first.state.copy())
    middle.play("6")
    middle.play("6")
    move(agent, middle, slot=2, move_s=0.25)
    assert told()[2:] == [
        "position fen ......./......./......./......./X....../X..O..O w x moves xf of",
        "go movetime 250",
    ]


@pytest.mark.parametrize(
    ("options", "go"),
    [
        ({"nodes": 500}, "go nodes 500"),
        ({"depth": 4, "movetime": 0.05}, "go depth 4 movetime 50"),
        ({"time": 30}, "go movetime 30000"),
    ],
)
def test_how_far_it_looks(seat, tmp_path, options, go) -> None:  # type: ignore[no-untyped-def]
    """What the agent string fixes holds whatever the clock says."""
    log = tmp_path / "log"
    clock = {} if "time" in options else {"left_s": (9.0, 9.0)}
    move(seat("uci", str(log), **options), Position(make_game("connect4")), **clock)
    assert log.read_text().splitlines()[-1] == go


OPTIONS = {
    option.name: option
    for option in map(
        parse_option,
        [
            "option name UCI_LimitStrength type check default false",
            "option name UCI_Elo type spin default 1350 min 1350 max 2850",
            "option name Move Overhead type spin default 10 min 0 max 5000",
            "option name Style type combo default Solid var Solid var Very Risky",
            "option name EvalFile type string default <empty>",
            "option name Clear Hash type button",
            "option name Ponder type check default false",
        ],
    )
}


def test_options_are_read_as_engines_declare_them() -> None:
    style, elo = OPTIONS["Style"], OPTIONS["UCI_Elo"]
    assert (style.type, style.default, style.var) == ("combo", "Solid", ["Solid", "Very Risky"])
    assert (elo.type, elo.default, elo.min, elo.max) == ("spin", "1350", 1350, 2850)
    assert OPTIONS["EvalFile"].default == "<empty>"
    for line in ("option name X", "option name X type sort", "option name X type spin min few"):
        with pytest.raises(UciFault):
            parse_option(line)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"style": "very risky"}, "Style.*did you mean Very Risky"),
        ({"elo": "900"}, "UCI_Elo, which must be a whole number from 1350 to 2850, got '900'"),
        ({"skill": "3"}, r"no option skill \(Skill Level\)"),
        ({"move_overheat": "3"}, "no option move_overheat; did you mean Move Overhead"),
        ({"xyzzy": "3"}, "no option xyzzy; it has: UCI_LimitStrength, UCI_Elo"),
        ({"ponder": "true"}, "Ponder, which is not for you to set"),
        ({"uci_limitstrength": "yes"}, "must be true or false, got 'yes'"),
        ({"clear hash": "now"}, "a button: 'now' must be true"),
        ({"evalfile": "a\nquit"}, r"must be one line, got 'a\\nquit'"),
    ],
)
def test_options_that_an_engine_does_not_take(given, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OptionFault, match=words) as caught:
        option_lines(given, OPTIONS)
    assert "\n" not in str(caught.value)


def test_a_value_cannot_bring_a_second_command_along() -> None:
    assert option_lines({"elo": "1500\n"}, OPTIONS)[-1] == "setoption name UCI_Elo value 1500"


def test_best_moves() -> None:
    assert [parse_bestmove(f"bestmove {m}") for m in ("e2e4", "e2e4 ponder e7e5", "(none)", "0000")] == [
        *("e2e4", "e2e4"),
        *(None, None),
    ]
    for words in ("", "e2e4 e7e5", "e2e4 or e7e5", "x" * 100):
        with pytest.raises(UciFault):
            parse_bestmove(f"bestmove {words}")


def test_refusals_name_engine_and_option(seat) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EngineRefusal, match=r"engine 'uci:.*' has no option hsh; did you mean Hash"):
        seat("uci", hsh=64)


def test_a_game_that_is_not_played_over_uci_is_refused_in_a_sentence(capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TengenError, match=r"go9 cannot be played over UCI: it is for .*connect4"):
        make_agent("uci:stockfish", make_game("go9"))
    monkeypatch.setattr(uci_rules, "UCI_RULES", {})
    assert main(["match", "uci:stockfish", "random", "--game", "go9", "--games", "2"]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .splitlines()[-1]
        .endswith(
            "engine 'uci:stockfish' speaks UCI, and go9 cannot be played over UCI: "
            "no game here is played over it yet"
        )
    )


def test_engines_of_the_user_have_options(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    log, config = tmp_path / "log", tmp_path / "mine.yaml"
    command = f"[{sys.executable}, -I, -S, {BAD_ENGINE}, {uuid.uuid4().hex}, uci, {log}]"
    config.write_text(
        f"engines:\n  mine: {{protocol: uci, command: {command}, options: {{Hash: 64, Threads: 2}}}}\n"
    )
    monkeypatch.setenv("TENGEN_ENGINES", str(config))
    make_agent("uci:mine?Threads=3&processes=1", make_game("connect4")).close()
    assert log.read_text().splitlines()[1:3] == [
        "setoption name Hash value 64",
        "setoption name Threads value 3",
    ]
    config.write_text(f"engines:\n  mine: {{protocol: gtp, command: {command}, options: {{Hash: 64}}}}\n")
    with pytest.raises(TengenError, match="options are for uci"):
        make_agent("gtp:mine", make_game("go9"))


# --- Stockfish --------------------------------------------------------------------------------------------


class ChessRules:
    """Chess by python-chess, and of a game what a driver asks of it; actions are packed moves."""

    family = name = "chess"
    dtype = np.dtype([("to_play", "i1"), ("fen", "U100")])

    def state(self, fen: str = chess.STARTING_FEN) -> States:
        return np.array([(chess.Board(fen).turn == chess.BLACK, fen)], self.dtype)

    def step(self, state: States, actions: Ints) -> None:
        board = chess.Board(str(state["fen"][0]))
        board.push(self._move(int(actions[0])))
        state[:] = self.state(board.fen())

    def start_fen(self, state: States) -> str | None:
        return None if state["fen"][0] == chess.STARTING_FEN else str(state["fen"][0])

    def move_text(self, state: States, action: int) -> str:
        return self._move(action).uci()

    def parse_move(self, state: States, text: str) -> int:
        move = chess.Move.from_uci(text)
        if move not in chess.Board(str(state["fen"][0])).legal_moves:
            raise IllegalMove(f"{text} is illegal")
        return move.from_square + 64 * move.to_square + 4096 * (move.promotion or 0)

    def side_of(self, state: States, text: str) -> int | None:
        color = chess.Board(str(state["fen"][0])).color_at(chess.parse_square(text[:2]))
        return None if color is None else int(color == chess.BLACK)

    def _move(self, action: int) -> chess.Move:
        return chess.Move(action % 64, action // 64 % 64, action // 4096 or None)


@pytest.mark.skipif(find_executable("stockfish") is None, reason="Stockfish is not installed")
def test_stockfish_plays_chess(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few moves against itself from the start, and a mate in one that it does not miss."""
    rules = ChessRules()
    monkeypatch.setitem(uci_rules.UCI_RULES, "chess", lambda game: rules)
    limits = UciLimits(nodes=200, options={"elo": "2000", "hash": "1", "move overhead": "0"})
    command = [find_executable("stockfish") or ""]
    driver = UciDriver(EngineProcess("stockfish", command), rules, Patience(), limits)  # type: ignore[arg-type]
    alone(driver.ready())
    assert driver.version.startswith("Stockfish ")
    start, actions = rules.state(), []
    state = start.copy()
    for _ in range(12):
        actions += alone(driver.turn(start, actions, state, Clock()))
        rules.step(state, np.array(actions[-1:]))
    mate = rules.state("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1")
    (action,) = alone(driver.turn(mate, [], mate.copy(), Clock()))
    assert rules.move_text(mate, action) == "a1a8"
    driver.close()
    assert driver.process.ended
