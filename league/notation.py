"""Games as files: SGF for Go, PDN for checkers, PGN for chess, a line of turns for every other game."""

import io
import itertools
from collections.abc import Sequence
from pathlib import Path

from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.errors import IllegalMove, TengenError
from tengen.files import read_fault

MOST_BYTES = 256 << 20  # of a file that is read whole; an endless device must not fill the memory
SUFFIXES = {"go": ".sgf", "checkers": ".pdn", "chess": ".pgn"}


def game_suffix(game: Game) -> str:
    """The file name's ending for records of this game: ".sgf", ".pdn", ".pgn" or ".txt"."""
    return SUFFIXES.get(game.family, ".txt")


def load_game(path: Path | str, game: Game) -> Position:
    """The first game of a file, played to its end. Raises TengenError naming what is wrong."""
    if game.family == "go":
        return _load_sgf(path, game)
    if game.family == "checkers":
        return _load_pdn(path, game)
    if game.family == "chess":
        return _load_pgn(path, game)
    games = read_turn_lines(path, game)
    if not games:
        raise TengenError(f"{path}: no game in this file")
    position = Position(game)
    for action in games[0]:
        position.apply(action)
    return position


def game_text(game: Game, played: Position, players: tuple[str, str], result: str = "") -> str:
    """A game as the text of its file. `players` are the names of player 0 and player 1.

    `result` is in the game's own words; "" takes what the last position says.
    """
    result = result or game.describe_result(played.state)
    if game.family == "go":
        return _sgf_text(played, players, result)
    if game.family == "checkers":
        return _pdn_text(game, played, players, result)
    if game.family == "chess":
        return _pgn_text(game, played, players, result)
    names = f"{players[0]} ({game.first_player}) against {players[1]} ({game.second_player})"
    turns = " ".join(game_turns(game, played.actions))
    return f"# {game.name}: {names}: {result or 'unfinished'}\n{turns}\n"


def _load_pdn(path: Path | str, game: Game) -> Position:
    from tengen.envs.checkers.pdn import iter_pdn, start_of

    record = next(iter_pdn(io.BytesIO(read_bytes(path))), None)
    if record is None:
        raise TengenError(f"{path}: no game in this file; expected PDN")
    if record.fault:
        raise TengenError(f"{path}: {record.fault}")
    try:
        position = Position(game, start_of(record))
        for turn in record.turns:
            position.play(turn)
    except TengenError as error:
        raise TengenError(f"{path}: {error}") from None
    return position


def _pdn_text(game: Game, played: Position, players: tuple[str, str], result: str) -> str:
    from tengen.envs.checkers.pdn import make_pdn, write_pdn

    record = make_pdn(played.actions, {"Black": players[0], "White": players[1]}, played.start)
    won = {f"{game.first_player} wins": "1-0", f"{game.second_player} wins": "0-1", "draw": "1/2-1/2"}
    record.result = won.get(result, record.result)  # a game given up is over before its position is
    out = io.StringIO()
    write_pdn(out, [record])
    return out.getvalue()


def _load_pgn(path: Path | str, game: Game) -> Position:
    from tengen.envs.chess import Chess
    from tengen.envs.chess.pgn import iter_pgn, start_of

    assert isinstance(game, Chess)
    record = next(iter_pgn(io.BytesIO(read_bytes(path))), None)
    if record is None or record.fault:
        fault = record.fault if record else "no game in this file; expected PGN"
        raise TengenError(f"{path}: {fault}")
    try:
        position = Position(game, start_of(record, game))
        for turn in record.turns:
            position.play(turn)
    except TengenError as error:
        raise TengenError(f"{path}: {error}") from None
    return position


def _pgn_text(game: Game, played: Position, players: tuple[str, str], result: str) -> str:
    from tengen.envs.chess import Chess
    from tengen.envs.chess.pgn import game_text as pgn_text

    assert isinstance(game, Chess)
    won = {f"{game.first_player} wins": "1-0", f"{game.second_player} wins": "0-1", "draw": "1/2-1/2"}
    tags = {"White": players[0], "Black": players[1]}
    return pgn_text(game, played.actions, tags, won.get(result, "*"), played.start)


def _load_sgf(path: Path | str, game: Game) -> Position:
    from tengen.envs.go import Go
    from tengen.envs.go.sgf import read_sgf

    assert isinstance(game, Go)
    try:
        record = read_sgf(read_bytes(path))
        if record.size != game.size:
            raise TengenError(f"the game is on {record.size}x{record.size}, and {game.name} was asked for")
        position = Position(game, game.from_colors(record.setup, record.first_player))
        for action in record.actions:
            position.play(game.format_action(position.state, action))  # says why a move is illegal
    except TengenError as error:
        raise TengenError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    return position


def _sgf_text(played: Position, players: tuple[str, str], result: str) -> str:
    from tengen.envs.go.sgf import record_position, write_sgf

    record = record_position(played, *players)
    if result != "draw":
        record.result = result
    return write_sgf(record).decode()


def game_turns(game: Game, actions: Sequence[int]) -> list[str]:
    """The turns of a game from its start, in notation; the actions of one multi-jump make one turn."""
    position = Position(game)
    words = []
    while len(position.actions) < len(actions):
        begin, mover, before = len(position.actions), position.to_play, position.state.copy()
        for action in actions[begin:]:
            position.apply(action)
            if position.to_play != mover or position.is_terminal:
                break
        turn = position.actions[begin:]
        try:
            words.append(game.format_turn(before, turn))
        except IllegalMove:  # a turn that the record breaks off half-way
            words.append(game.format_action(before, turn[0]))
    return words


def read_turn_lines(path: Path | str, game: Game) -> list[list[int]]:
    """The games or openings of a text file, one a line, turns apart by spaces; `#` begins a comment.

    Raises TengenError naming file, line and the first fault.
    """
    games = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        position = Position(game)
        words = line.partition("#")[0].split()
        for word in words:
            try:
                position.play(word)
            except TengenError as error:
                raise TengenError(f"{path} line {number}: {error}") from None
        if words:
            games.append(list(position.actions))
    return games


def read_openings(
    path: Path | str, game: Game, plies: int = 0, count: int = 0, seed: int = 0
) -> list[list[int]]:
    """The openings of a file. Raises TengenError if there are none, or if one leaves no moves to play.

    For chess also of a PGN, a Polyglot book or an EPD; see `read_chess_openings` for plies, count and seed.
    """
    if game.family == "chess":
        from tengen.league.chess_openings import read_chess_openings

        found = read_chess_openings(path, game, plies, count, seed)  # type: ignore[arg-type]
        if found is not None:
            return found
    openings = read_turn_lines(path, game)
    if not openings:
        raise TengenError(f"{path}: no opening in this file; expected one a line, turns apart by spaces")
    for number, opening in enumerate(openings, 1):
        position = Position(game)
        for action in opening:
            position.apply(action)
        if position.is_terminal:
            raise TengenError(
                f"{path}: opening {number} ends the game; expected one that leaves moves to play"
            )
    return openings


def read_text(path: Path | str) -> str:
    """A user's text file. Raises TengenError if it is not there or not text."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise TengenError(f"{path}: not a text file in UTF-8") from None


def read_bytes(path: Path | str) -> bytes:
    """A user's file. Raises TengenError if it is not there, MachineError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise read_fault(path, error) from None
    if len(data) > MOST_BYTES:
        raise TengenError(f"{path}: is larger than {MOST_BYTES >> 20} MiB; that is no file of games")
    if data.startswith(b"\x1f\x8b"):
        raise TengenError(f"{path}: is gzipped; unpack it first, as with gunzip")
    return data


def unused_name(folder: Path, number: int, suffix: str) -> Path:
    """The file for a match's game in a folder: game-0001.sgf; with a letter more where that is taken."""
    for extra in itertools.chain([""], (f"-{k}" for k in itertools.count(2))):
        path = folder / f"game-{number:04d}{extra}{suffix}"
        if not path.exists():
            return path
    raise AssertionError
