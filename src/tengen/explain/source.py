"""What a user asks to have explained: whose network, which position, which move."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tengen.agents.registry import AGENT_KINDS, AgentSpec, parse_agent
from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.envs.registry import ALIASES, make_game
from tengen.errors import IllegalMove, TengenError
from tengen.networks.checkpoint_files import read_state
from tengen.networks.paths import STATE, find_checkpoint
from tengen.ui.model.faces import face_of

WITH_NETWORK = ("policy", "mcts", "dqn")


@dataclass(frozen=True)
class Source:
    """An agent with a network."""

    agent: AgentSpec
    state: dict[str, Any]  # of the checkpoint

    @property
    def is_world(self) -> bool:
        """Whether it acts in worlds such as atari/Pong."""
        return self.agent.kind == "dqn"


def find_source(text: str) -> Source:
    """The agent of a string, or of its checkpoint's folder. Raises TengenError where it has no network."""
    kind, colon, _ = text.partition("?")[0].partition(":")
    if kind not in AGENT_KINDS and not (colon and kind.isalpha()):
        try:
            state = read_state(find_checkpoint(text) / STATE)
        except TengenError as error:
            raise TengenError(f"--agent: {error}; agents are {_wanted()}") from None
        text = f"{'dqn' if 'world' in state else 'policy'}:{text}"
    spec = parse_agent(text)
    if spec.kind not in WITH_NETWORK or (spec.kind == "mcts" and not spec.target):
        raise TengenError(f"agent '{text}' has no network that could be explained; agents are {_wanted()}")
    if not spec.target:
        raise TengenError(f"agent '{text}' needs a checkpoint, as in {spec.kind}:runs/demo/latest")
    return Source(spec, read_state(find_checkpoint(spec.target) / STATE))


def _wanted() -> str:
    return f"{', '.join(f'{kind}:CHECKPOINT' for kind in WITH_NETWORK)} or the folder of a checkpoint"


def read_position(text: str, trained_for: Game) -> tuple[Game, Position]:
    """A position of one line, or of a file that holds one or a drawing; of Go on any size.

    A drawing is the first player's to move unless a line says "White to move". Raises TengenError.
    """
    file = Path(text)
    is_file = len(text) < 4096 and "\n" not in text and file.is_file()
    if is_file:
        from tengen.league.notation import read_text

        text = read_text(file)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        raise TengenError(f"--position: {file if is_file else 'the text'} is empty; expected a position")
    try:
        if len(lines) == 1:
            line = lines[0].strip()
            game = _sized(trained_for, line.split()[0].count("/") + 1)
            return game, Position(game, game.from_text(line))
        sides = {f"{trained_for.first_player} to move": 0, f"{trained_for.second_player} to move": 1}
        told = {side.lower(): player for side, player in sides.items()}
        to_play = next((told[line.strip().lower()] for line in lines if line.strip().lower() in told), 0)
        drawn = [line for line in lines if line.strip().lower() not in told]
        rows = [line for line in drawn if line.strip()[0] not in "Aa"]
        game = _sized(trained_for, len(rows))
        return game, Position(game, game.from_board("\n".join(drawn), to_play))
    except TengenError as error:
        where = (
            f"{file}: "
            if is_file
            else "--position: "
            if len(lines) > 1
            else "--position is no file, and as text: "
        )
        raise TengenError(f"{where}{error}") from None


def _sized(game: Game, size: int) -> Game:
    """Go on a board of that size."""
    if game.family != "go" or size == game.obs_shape[1] or not 2 <= size <= 19:
        return game
    return make_game(f"go:size={size}")


def read_record(path: str, trained_for: Game) -> tuple[Game, Position]:
    """The first game of a file, played to its end; of Go on its own size and komi. Raises TengenError."""
    from tengen.league.notation import load_game, read_bytes

    if trained_for.family != "go":
        return trained_for, load_game(path, trained_for)
    from tengen.envs.go.sgf import read_sgf

    try:
        record = read_sgf(read_bytes(path))
    except TengenError as error:
        raise TengenError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    usual = make_game(f"go{record.size}") if f"go{record.size}" in ALIASES else record.game()
    games = [usual] if record.komi in (None, usual.options.komi) else []  # type: ignore[attr-defined]
    # Most rules that people play by forbid only the immediate recapture.
    for game in [*games, record.game(), record.game("simple")]:
        try:
            return game, load_game(path, game)
        except TengenError as error:
            fault = error
    raise fault


@dataclass(frozen=True)
class Asked:
    """A position within a game."""

    position: Position
    turn: tuple[int, ...] = ()  # the actions that were played in it
    last: tuple[int, ...] = ()  # the cells of the turn before
    number: int = 0  # of the turn, from 1


def before_move(played: Position, number: int | None) -> Asked:
    """The position before turn `number` of a game, from 1; None is the last turn.

    One more than the game has turns is the position at its end. Raises TengenError for any other.
    """
    turns, position, mover = list[list[int]](), Position(played.game, played.start), -1
    for action in played.actions:
        if position.to_play != mover:  # else a jump goes on
            turns.append([])
        mover = position.to_play
        turns[-1].append(action)
        position.apply(action)
    number = len(turns) if number is None else number
    most = len(turns) + (not position.is_terminal)
    if not 1 <= number <= most:
        raise TengenError(f"--move {number}: the game has {len(turns)} moves; give 1 to {most}")
    before, last = Position(played.game, played.start), list[int]()
    for turn in turns[: number - 1]:
        last = face_of(played.game).path(before.state, turn)
        for action in turn:
            before.apply(action)
    return Asked(before, tuple(turns[number - 1] if number <= len(turns) else ()), tuple(last), number)


def pick_action(position: Position, text: str) -> int:
    """The action that a word names, of a turn of several its first. Raises TengenError."""
    try:
        return position.game.parse_turn(position.state, text)[0]
    except IllegalMove as error:
        raise TengenError(f"--action: {error}") from None
