"""GTP's commands that set up a game: size, komi, handicap, rules, records."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tengen.engine.board import GoBoard, parse_komi
from tengen.engine.gtp_core import need, whole
from tengen.engine.refusal import Refusal
from tengen.envs.go.game import Go
from tengen.envs.go.layout import MAX_SIZE
from tengen.envs.go.options import handicap_points, max_handicap
from tengen.envs.go.sgf import read_sgf
from tengen.envs.go.text import format_point, parse_point
from tengen.errors import IllegalMove, TengenError

if TYPE_CHECKING:
    from tengen.engine.gtp_session import GtpSession

SMALLEST = 2
LARGEST_RECORD = 16 << 20  # bytes
#: KGS's names of rules -> repetition rule, suicide; Japanese and Korean count territory, which is not ours.
KGS_RULES = {
    "chinese": ("positional", False),
    "aga": ("situational", False),
    "new_zealand": ("situational", True),
}


def boardsize(session: "GtpSession", words: list[str]) -> str:
    need(words, "boardsize SIZE", 1)
    size, old = whole(words[0]), session.board
    if not SMALLEST <= size <= MAX_SIZE:
        raise Refusal("unacceptable size")
    if size == old.size:
        return clear_board(session, [])
    session.set_board(_new_board(session, size, old.komi))
    return ""


def _new_board(session: "GtpSession", size: int, komi: float) -> GoBoard:
    rules = session.board.game
    board = GoBoard(Go(size, rules=rules.rules, suicide=rules.suicide), komi)
    try:
        session.player.use(board.game)
    except TengenError:
        raise Refusal("unacceptable size") from None
    return board


def clear_board(session: "GtpSession", words: list[str]) -> str:
    session.set_board(GoBoard(_small(session.board.game), session.board.komi))
    return ""


def _small(game: Go) -> Go:
    """The game without the room that a long one was given."""
    plain = Go(game.size, game.komi, game.rules, game.suicide)
    return game if game.max_plies == plain.max_plies else plain


def komi(session: "GtpSession", words: list[str]) -> str:
    need(words, "komi POINTS", 1)
    try:
        points = parse_komi(words[0])
    except TengenError as error:
        raise Refusal(f"syntax error: {error}") from None
    session.board.set_komi(points)
    return ""


def _handicap(session: "GtpSession", words: list[str], what: str) -> int:
    need(words, f"{what} STONES", 1)
    stones = whole(words[0])
    if not session.board.is_empty or session.board.moves:
        raise Refusal("board not empty")
    if stones < 2:
        raise Refusal("invalid number of stones")
    return stones


def _lay(session: "GtpSession", points: list[int]) -> str:
    session.board.place(points)
    return " ".join(format_point(session.board.size, point) for point in points)


def fixed_handicap(session: "GtpSession", words: list[str]) -> str:
    stones = _handicap(session, words, "fixed_handicap")
    size = session.board.size
    if stones > max_handicap(size):
        raise Refusal("invalid number of stones")
    return _lay(session, [row * size + column for row, column in handicap_points(size, stones)])


def place_free_handicap(session: "GtpSession", words: list[str]) -> str:
    """The fixed points, and beyond those the points farthest from all stones and from the edge."""
    stones = _handicap(session, words, "place_free_handicap")
    size = session.board.size
    if stones >= size * size:
        raise Refusal("invalid number of stones")
    fixed = handicap_points(size, min(stones, max_handicap(size)))
    return _lay(session, spread([row * size + column for row, column in fixed], stones, size))


def spread(points: list[int], stones: int, size: int) -> list[int]:
    """Points with more added, each as far as can be from those there and from the edge."""
    rows, columns = np.divmod(np.arange(size * size), size)
    edge = np.minimum.reduce([rows, columns, size - 1 - rows, size - 1 - columns])
    chosen = list(points)
    while len(chosen) < stones:
        room = 2.0 * edge + 1
        for point in chosen:
            room = np.minimum(room, np.hypot(rows - point // size, columns - point % size))
        chosen.append(int(room.argmax()))
    return chosen


def set_free_handicap(session: "GtpSession", words: list[str]) -> str:
    board = session.board
    if not board.is_empty or board.moves:
        raise Refusal("board not empty")
    try:
        points = [parse_point(board.size, word) for word in words]
    except IllegalMove as error:
        raise Refusal(f"bad vertex list: {error}") from None
    if not 2 <= len(points) < board.size**2 or len(set(points)) < len(points) or board.size**2 in points:
        raise Refusal("bad vertex list")
    board.place(points)
    return ""


def loadsgf(session: "GtpSession", words: list[str]) -> str:
    """The main line of a file, all of it or up to before a move; answers who is to move."""
    if not words:
        raise Refusal("syntax error: expected loadsgf FILE [MOVE]")
    upto = None
    if len(words) > 1 and words[-1].isascii() and words[-1].isdecimal():
        upto = whole(words.pop())
        if upto < 1:
            raise Refusal("syntax error: moves are numbered from 1")
    try:
        record = read_sgf(_read(" ".join(words)))
        rules = session.board.game
        komi_ = session.board.komi if record.komi is None else record.komi
        board = GoBoard(Go(record.size, rules=rules.rules, suicide=rules.suicide), komi_)
        board.place(record.setup, record.first_player)
        for color, action in record.moves[: None if upto is None else upto - 1]:
            board.play(color, action)
    except TengenError as error:
        raise Refusal(f"cannot load file: {error}") from None
    if not session.player.can_play(board.game):
        raise Refusal("cannot load file: unacceptable size")
    session.set_board(board)
    return ("black", "white")[board.to_play]


def _read(name: str) -> bytes:
    path = Path(name)
    try:
        known = path.stat()
        if not stat.S_ISREG(known.st_mode) or known.st_size > LARGEST_RECORD:
            raise Refusal(f"'{name[:80]}' is not a file of at most {LARGEST_RECORD >> 20} MiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise Refusal(f"'{name[:80]}': {getattr(error, 'strerror', None) or error}") from None


def kgs_rules(session: "GtpSession", words: list[str]) -> str:
    need(words, "kgs-rules RULES", 1)
    rules = KGS_RULES.get(words[0].lower())
    if rules is None:
        raise Refusal(f"unsupported rules '{words[0][:40]}'; {', '.join(KGS_RULES)} are known")
    session.board.set_rules(*rules)
    return ""


COMMANDS = {
    "boardsize": boardsize,
    "clear_board": clear_board,
    "komi": komi,
    "fixed_handicap": fixed_handicap,
    "place_free_handicap": place_free_handicap,
    "set_free_handicap": set_free_handicap,
    "loadsgf": loadsgf,
    "kgs-rules": kgs_rules,
}
