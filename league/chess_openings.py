"""Openings of chess from where books are kept: PGN, Polyglot, EPD, lines of moves, and a deck of our own."""

import itertools
import random
from pathlib import Path

import numpy as np

from tengen.envs.chess import Chess
from tengen.envs.chess.pgn import iter_pgn, play_through
from tengen.envs.game import States
from tengen.envs.position import Position
from tengen.errors import IllegalMove, TengenError
from tengen.league.chess_deck import deck
from tengen.league.wave import replay

PLIES = 16  # of a game or a book's line, where nobody says
EPD_PLIES = 4  # an EPD's position is looked for this far from the start
MOST = 100_000  # openings of a file
POLYGLOT_TRIES = 20  # lines drawn for each that is wanted


def deck_openings(game: Chess) -> list[list[int]]:
    """Well-known openings as actions. Raises TengenError where the game does not begin as usual."""
    _usual_start(game, "the deck of openings")
    found = []
    for words in deck():
        position = Position(game)
        for word in words:
            position.play(word)
        found.append(list(position.actions))
    return found


def read_chess_openings(
    path: Path | str, game: Chess, plies: int = 0, count: int = 0, seed: int = 0
) -> list[list[int]] | None:
    """The openings of a .pgn, .bin (Polyglot), .epd or .fen file as actions; None for any other name.

    plies: of a PGN's games only so many count (16), of a Polyglot book's lines there are so many (16). count:
    how many lines are drawn from a Polyglot book, by its weights (1,000). Doubles are left out. Raises
    TengenError naming file and fault.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".pgn", ".bin", ".epd", ".fen"):
        return None
    if not path.is_file():
        raise TengenError(f"{path}: there is no such file of openings")
    if suffix == ".pgn":
        found = _read_pgn(path, game, plies or PLIES)
    elif suffix == ".bin":
        found = _draw_polyglot(path, game, plies or PLIES, count or 1000, seed)
    else:
        found = _read_epd(path, game)
    if not found:
        raise TengenError(f"{path}: no opening in this file that leaves moves to play")
    return found


def _read_pgn(path: Path, game: Chess, plies: int) -> list[list[int]]:
    found: dict[tuple[int, ...], None] = {}
    start = game.new_states(1)["board"]
    with path.open("rb") as file:
        for record in itertools.islice(iter_pgn(file), MOST):
            record.turns = record.turns[:plies]
            if record.fault and record.turns and "without a result" in record.fault:
                record.fault = None  # an opening has none
            record.result = "*"
            try:
                fen = record.tags.get("FEN", "").strip()
                if fen and not np.array_equal(game.from_text(fen)["board"], start):
                    raise TengenError("it begins from a position of its own (tag FEN), not from the start")
                _, actions, _ = play_through(record)
            except TengenError as error:
                raise TengenError(f"{path}: game {record.number}: {error}") from None
            if _is_open(game, actions):
                found.setdefault(tuple(actions))
    return [list(actions) for actions in found if actions]


def _draw_polyglot(path: Path, game: Chess, plies: int, count: int, seed: int) -> list[list[int]]:
    """Different lines, each move drawn by the book's weights; a line that leaves the book ends there."""
    import chess.polyglot

    _usual_start(game, "a Polyglot book")
    found: dict[tuple[int, ...], None] = {}
    draw = random.Random(seed)
    try:
        with chess.polyglot.open_reader(path) as book:
            for _ in range(POLYGLOT_TRIES * count):
                board, position = chess.Board(), Position(game)
                while len(position.actions) < plies and not position.is_terminal:
                    try:
                        entry = book.weighted_choice(board, random=draw)
                        position.play(entry.move.uci())
                    except (IndexError, IllegalMove):
                        break
                    board.push(entry.move)
                if position.actions and not position.is_terminal:
                    found.setdefault(tuple(position.actions))
                if len(found) >= count:
                    break
    except (OSError, ValueError) as error:
        reason = str(error).partition(":")[0]
        raise TengenError(f"{path}: not a Polyglot book, of entries of 16 bytes: {reason}") from None
    return [list(actions) for actions in found]


def _read_epd(path: Path, game: Chess) -> list[list[int]]:
    """Openings that lead to a file's positions. A game begins at the start, so they must lie near it."""
    wanted: dict[str, int] = {}
    text = path.read_bytes().decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        if len(fields) < 4:
            raise TengenError(f"{path} line {number}: expected the four fields of an EPD")
        try:
            state = game.from_text(" ".join(fields[:4]))
        except TengenError as error:
            raise TengenError(f"{path} line {number}: {error}") from None
        wanted.setdefault(_four_fields(game, state), number)
    found = _lines_to(game, wanted)
    missing = [number for key, number in wanted.items() if key not in found]
    if missing:
        raise TengenError(
            f"{path} line {missing[0]}: no game of {EPD_PLIES} plies leads to this position (and to "
            f"{len(missing) - 1} more), and games begin at the start; a PGN or Polyglot book has the moves"
        )
    return [found[key] for key in wanted]


def _lines_to(game: Chess, wanted: dict[str, int]) -> dict[str, list[int]]:
    """For each position that is near the start, by its four fields, a shortest line to it."""
    found: dict[str, list[int]] = {}
    start = game.new_states(1)
    boards = {_board_key(game.from_text(key)): key for key in wanted}
    states, seen = start, {int(start["hash"][0])}
    lines: list[tuple[int, ...]] = [()]
    for ply in range(EPD_PLIES + 1):
        for i in range(len(states)):
            key = boards.get(_board_key(states[i : i + 1]))
            if key is not None:
                found.setdefault(key, list(lines[i]))
        if ply == EPD_PLIES or len(found) == len(wanted):
            return found
        mask = game.new_mask(len(states))
        game.legal_mask(states, mask)
        parents, actions = np.nonzero(mask)
        after = states[parents]
        game.step(after, actions.astype(np.int32))
        _, fresh = np.unique(after["hash"], return_index=True)
        kept = [i for i in sorted(fresh.tolist()) if int(after["hash"][i]) not in seen]
        seen |= {int(after["hash"][i]) for i in kept}
        lines = [(*lines[parents[i]], int(actions[i])) for i in kept]
        states = after[kept]
    return found


def _board_key(state: States) -> bytes:
    return bytes(state["board"].tobytes() + state["to_play"].tobytes())


def _four_fields(game: Chess, state: States) -> str:
    return game.to_text(state).rsplit(" ", 2)[0]


def _is_open(game: Chess, actions: list[int]) -> bool:
    state = game.new_states(1)
    replay(game, state, actions)
    return not state["terminal"][0]


def _usual_start(game: Chess, what: str) -> None:
    if game.chess960 not in (None, 518):
        raise TengenError(f"{what} is for the usual start, and {game.name} has another")
