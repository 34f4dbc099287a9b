"""Games to and from files: SGF with variations, PDN, lines of turns."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.errors import TengenError
from tengen.files import atomic_write_text
from tengen.league.notation import game_text, read_bytes, read_turn_lines
from tengen.ui.model.session import Session
from tengen.ui.model.tree import GameTree


def save_record(session: Session, path: Path | str) -> None:
    """Write the game to a file, whole or not at all; Go with its variations. Raises MachineError."""
    atomic_write_text(path, record_text(session))


def record_text(session: Session) -> str:
    """The game as the text of its file."""
    names = session.names or (session.seats[0].name, session.seats[1].name)
    if session.game.family == "go":
        return _sgf(session, names)
    played = Position(session.game, session.tree.root.state)
    for action in session.tree.actions(session.tip):
        played.apply(action)
    return game_text(session.game, played, names, session.result)


def load_record(session: Session, path: Path | str) -> str:
    """Take over the first game of a file; returns a warning where only a part of it can be played.

    The players stay. Raises TengenError where there is no game of this kind, and then nothing has changed.
    """
    try:
        loaded = _load(session.game, Path(path))
    except TengenError as error:  # what it quotes from the file may hold anything
        raise type(error)(one_line(str(error))) from None
    session.new_game(None)
    session.start = loaded.tree.root.state
    session.tree, session.tip = loaded.tree, loaded.tree.current
    if any(loaded.names):
        session.names = loaded.names
    if not session.tip.is_terminal and not loaded.warning:
        session.ending, session.reason = loaded.ending
    return one_line(loaded.warning)


def one_line(text: str) -> str:
    """Text without anything that would not print, on one line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


@dataclass
class Loaded:
    """What a file says of its first game."""

    tree: GameTree
    warning: str = ""  # where only a part of it can be played
    names: tuple[str, str] = ("", "")
    ending: tuple[str, str] = ("", "")  # a result that the last position does not show, and its reason


def _load(game: Game, path: Path) -> Loaded:
    if game.family == "go":
        return _load_sgf(game, path)
    if game.family in ("checkers", "chess"):
        return _load_turns(game, path)
    games = read_turn_lines(path, game)
    if not games:
        raise TengenError(f"{path}: no game in this file")
    tree = GameTree(game)
    tree.play_actions(games[0])
    return Loaded(tree)


def _load_turns(game: Game, path: Path) -> Loaded:
    """The first game of a PDN or PGN."""
    from tengen.envs.checkers import pdn
    from tengen.envs.chess import pgn
    from tengen.envs.chess.game import Chess

    stream = io.BytesIO(read_bytes(path))
    record = next(pgn.iter_pgn(stream) if isinstance(game, Chess) else pdn.iter_pdn(stream), None)
    if record is None:
        raise TengenError(
            f"{path}: no game in this file; expected {'PGN' if game.family == 'chess' else 'PDN'}"
        )
    if record.fault and not record.turns:
        raise TengenError(f"{path}: {record.fault}")
    try:
        start = pgn.start_of(record, game) if isinstance(game, Chess) else pdn.start_of(record)
        tree = GameTree(game, start)
    except TengenError as error:
        raise TengenError(f"{path}: {error}") from None
    won = {"1-0": f"{game.first_player} wins", "0-1": f"{game.second_player} wins", "1/2-1/2": "draw"}
    first, second = (record.tags.get(side, "") for side in (game.first_player, game.second_player))
    names = one_line(first), one_line(second)
    loaded = Loaded(tree, record.fault or "", names, (won.get(record.result, ""), ""))
    for number, turn in enumerate(record.turns, 1):
        try:
            tree.play_words(turn)
        except TengenError as error:
            loaded.warning = f"only {number - 1} turns can be played: {error}"
            break
    return loaded


# --- SGF ----------------------------------------------------------------------------------------------------


def _sgf(session: Session, names: tuple[str, str]) -> str:
    from sgfmill.sgf import Sgf_game

    from tengen.envs.go.sgf import record_position, write_sgf

    tree, size = session.tree, session.game.obs_shape[1]
    start = record_position(Position(session.game, tree.root.state), *names)
    start.result = {"draw": "0"}.get(session.result, session.result)
    file = Sgf_game.from_bytes(write_sgf(start))
    main = {id(node) for node in tree.path(session.tip)}
    waiting = [(tree.root, file.get_root())]
    while waiting:
        node, written = waiting.pop()
        if node.comment:
            written.set("C", node.comment)
        # The game itself goes first, whatever order its variations were tried in.
        for child in sorted(node.children, key=lambda child: id(child) not in main):
            below = written.new_child()
            action = child.actions[0]
            row, column = divmod(action, size)
            below.set_move("bw"[child.mover], None if action == size * size else (size - 1 - row, column))
            waiting.append((child, below))
    text: str = file.serialise().decode()
    return text


def _load_sgf(game: Game, path: Path) -> Loaded:
    from tengen.envs.go.game import Go
    from tengen.envs.go.sgf import read_sgf

    assert isinstance(game, Go)
    data = read_bytes(path)
    try:
        record = read_sgf(data)
        if record.size != game.size:
            raise TengenError(
                f"the game is on {record.size}x{record.size}, and this board is {game.name}; "
                f"'tengen play go:size={record.size} --load FILE' opens it"
            )
        tree = GameTree(game, game.from_colors(record.setup, record.first_player))
    except TengenError as error:
        raise TengenError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    warning = ""
    for number, action in enumerate(record.actions):
        try:
            tree.play_words(game.format_action(tree.current.state, action))
        except TengenError as error:
            warning = f"only {number} moves can be played: {error}"
            break
    last = tree.current
    _add_variations(tree, data)
    tree.go(last)
    return Loaded(tree, warning, (one_line(record.black), one_line(record.white)), _ending(record.result))


def _ending(result: str) -> tuple[str, str]:
    """What SGF's RE says as a result in our words, and its reason; "" where it says nothing that we know."""
    text = result.strip()
    if text.lower() in ("0", "draw", "jigo"):
        return "draw", ""
    match = re.fullmatch(
        r"([BW])\+(?:(\d{1,4}(?:\.\d{1,2})?)|(R|Resign)|(T|Time)|(F|Forfeit)|)", text, re.IGNORECASE
    )
    if not match:
        return "", ""
    side = match[1].upper()
    if match[2]:
        return f"{side}+{match[2]}", ""
    letter = "R" if match[3] else "T" if match[4] else "F" if match[5] else ""
    return f"{side}+{letter}", {"R": "resignation", "T": "time", "F": "forfeit"}.get(letter, "")


def _add_variations(tree: GameTree, data: bytes) -> None:
    """Play whatever else stands in the file and can be played; what cannot is left out."""
    from sgfmill.sgf import Sgf_game

    try:
        file = Sgf_game.from_bytes(data)
        size = file.get_size()
        waiting = [(file.get_root(), tree.root)]
        while waiting:
            written, node = waiting.pop()
            if written.has_property("C") and not node.comment:
                node.comment = str(written.get("C"))
            for below in written:
                colour, move = below.get_move()
                tree.current = node
                if colour is not None:
                    try:
                        if colour != "bw"[node.to_play]:
                            tree.play([size * size])
                        tree.play([size * size if move is None else (size - 1 - move[0]) * size + move[1]])
                    except TengenError:
                        continue
                waiting.append((below, tree.current))
    except (ValueError, KeyError, LookupError, UnicodeError):
        return  # the main line was read by a reader that forgives more


def game_of_record(game: Game, path: Path | str) -> Game:
    """The game with the komi that a record of Go tells, where the name of the game leaves it open."""
    from tengen.envs.go.game import Go
    from tengen.envs.go.sgf import read_sgf
    from tengen.envs.registry import make_game

    if not isinstance(game, Go):
        return game
    data = read_bytes(path)
    try:
        record = read_sgf(data)
    except TengenError as error:
        raise TengenError(one_line(f"{path}: {error}")) from None
    komi = record.komi
    if komi is None or komi == game.komi or not (2 * komi).is_integer() or abs(komi) > record.size**2:
        return game
    options = f"size={game.size},komi={komi:g},rules={game.rules},suicide={game.suicide}"
    return make_game(f"go:{options}")
