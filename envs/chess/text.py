"""Chess positions as text: FEN on one line, and the board in ASCII.

FEN is read as it stands in the wild: four fields or six, an en passant square after every double step,
castling rights by letter (KQkq) and, in Chess960, by file (HAha). Written is what python-chess writes: en
passant only where the capture is legal, rights as X-FEN (KQkq, a file for a rook that is not the outermost).
"""

import re
from collections.abc import Callable

import numpy as np

from tengen.envs.chess import rules
from tengen.envs.chess.bitboards import (
    CASTLING,
    DIAGONAL,
    EN_PASSANT,
    KNIGHTS,
    OPP,
    OWN,
    PAWNS,
    STRAIGHT,
    WORDS,
)
from tengen.envs.game import States
from tengen.errors import TengenError

LETTERS = "pnbrqk"
SIDES = ("White", "Black")
NAMES = ("pawn", "knight", "bishop", "rook", "queen", "king")
ARMY = (8, 2, 2, 2, 1)  # pawns, knights, bishops, rooks, queens at the start
START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"

Fault = Callable[[str], TengenError]  # makes the error of a reason


def words_of(state: States) -> list[int]:
    """The eight words of state [1] as White sees them: own is White's, opp Black's."""
    words = [int(word) for word in state["board"][0]]
    if state["to_play"][0]:
        words = _turned(words)
    return words


def _turned(words: list[int]) -> list[int]:
    """The position as the other side sees it."""
    words = [int.from_bytes(word.to_bytes(8, "little"), "big") for word in words]
    words[OWN], words[OPP] = words[OPP], words[OWN]
    return words


def pieces_of(state: States) -> list[str]:
    """What stands on a1, b1 .. h8 of state [1]: PNBRQK, pnbrqk or "."."""
    words = words_of(state)
    out = []
    for square in range(64):
        has = [bool(word >> square & 1) for word in words]
        if not (has[OWN] or has[OPP]):
            out.append(".")
            continue
        kinds = [
            has[PAWNS],
            has[KNIGHTS],
            has[DIAGONAL] and not has[STRAIGHT],
            has[STRAIGHT] and not has[DIAGONAL],
            has[STRAIGHT] and has[DIAGONAL],
            True,
        ]
        letter = LETTERS[kinds.index(True)]
        out.append(letter.upper() if has[OWN] else letter)
    return out


def square_name(square: int) -> str:
    """ "e4" for 28."""
    return "abcdefgh"[square % 8] + str(square // 8 + 1)


def castling_text(state: States) -> str:
    """The rights as X-FEN has them: "KQkq", "-"."""
    rights, pieces = words_of(state)[CASTLING], pieces_of(state)
    out = ""
    for side in (0, 1):
        home = range(56 * side, 56 * side + 8)
        row = [pieces[square] for square in home]
        king, rook = ("K", "R") if side == 0 else ("k", "r")
        for file in reversed(range(8)):
            if rights >> home[file] & 1:
                kingside = file > row.index(king)
                outer = row[file + 1 :] if kingside else row[:file]
                letter = "kq"[not kingside] if rook not in outer else "abcdefgh"[file]
                out += letter.upper() if side == 0 else letter
    return out or "-"


def en_passant_text(state: States) -> str:
    """The square where a pawn may capture in passing, "-" without one."""
    word = words_of(state)[EN_PASSANT]
    return square_name(word.bit_length() - 1) if word else "-"


def to_text(state: States) -> str:
    """FEN of state [1]; what the position was before (repetitions) is not in it."""
    pieces = pieces_of(state)
    rows = []
    for rank in reversed(range(8)):
        row = "".join(pieces[8 * rank : 8 * rank + 8])
        rows.append(re.sub(r"\.+", lambda gap: str(len(gap[0])), row))
    fields = (
        "/".join(rows),
        "wb"[int(state["to_play"][0])],
        castling_text(state),
        en_passant_text(state),
        str(state["quiet"][0]),
        str(int(state["ply"][0]) // 2 + 1),
    )
    return " ".join(fields)


def from_text(text: str, limit: int, chess960: bool) -> States:
    """States [1], of `rules.state_dtype(limit)`, from FEN. Raises TengenError naming the fault."""

    def fault(reason: str) -> TengenError:
        return TengenError(f"position '{printable(text)}': {reason}")

    fields = text.split()
    if len(fields) not in (4, 6):
        raise fault(f"has {len(fields)} fields instead of 4 or 6; the start is {START}")
    placement, side, castling, en_passant, quiet, move = (*fields, "0", "1")[:6]
    if side not in ("w", "b"):
        raise fault(f"the side to move is '{printable(side)}' instead of w or b")
    for number, what in ((quiet, "the halfmove clock"), (move, "the move number")):
        if not re.fullmatch("[0-9]{1,4}", number):
            raise fault(f"{what} is '{printable(number)}' instead of a number")
    rows = placement.split("/")
    if len(rows) != 8:
        raise fault(f"has {len(rows)} ranks instead of 8")
    pieces: list[str] = []
    for rank, row in zip(range(8), reversed(rows), strict=True):
        cells = re.sub("[1-8]", lambda gap: "." * int(gap[0]), row)
        if unknown := re.search("[^pnbrqkPNBRQK.]", cells) or re.search(r"\.", row):
            raise fault(f"rank {rank + 1} holds '{printable(unknown[0])}', which is no piece")
        if len(cells) != 8:
            raise fault(f"rank {rank + 1} '{printable(row)}' has {len(cells)} squares instead of 8")
        pieces += cells
    numbers = int(quiet), int(move)
    return build(pieces, "wb".index(side), castling, en_passant, numbers, limit, chess960, fault)


def build(
    pieces: list[str],
    to_play: int,
    castling: str,
    en_passant: str,
    numbers: tuple[int, int],
    limit: int,
    chess960: bool,
    fault: Fault,
) -> States:
    """States [1] from what stands on a1 .. h8 and the fields of a FEN, all checked.

    `numbers` are the halfmove clock and the move number; `fault` makes the error of a reason.
    """
    quiet, move = numbers
    _check_armies(pieces, fault)
    if quiet > limit:
        more = "; chess:claims=false goes on to 150" if limit == rules.CLAIMED_PLIES else ""
        raise fault(f"the halfmove clock is {quiet}, and the game is drawn at {limit}{more}")
    words = [0] * WORDS
    for square, piece in enumerate(pieces):
        if piece == ".":
            continue
        bit, kind = 1 << square, piece.lower()
        words[OWN if piece.isupper() else OPP] |= bit
        words[PAWNS] |= bit * (kind == "p")
        words[KNIGHTS] |= bit * (kind == "n")
        words[DIAGONAL] |= bit * (kind in "bq")
        words[STRAIGHT] |= bit * (kind in "rq")
    words[CASTLING] = _castling(castling, pieces, chess960, fault)
    words[EN_PASSANT] = _en_passant(en_passant, pieces, to_play, fault)
    if to_play:
        words = _turned(words)
    states = np.zeros(1, rules.state_dtype(limit))
    states["board"][0] = words
    states["to_play"], states["quiet"] = to_play, quiet
    states["ply"] = 2 * (max(move, 1) - 1) + to_play
    if not rules.set_up(states, 0):
        raise fault(f"{SIDES[1 - to_play]} is in check and {SIDES[to_play]} is to move")
    return states


def _check_armies(pieces: list[str], fault: Fault) -> None:
    for side, kinds in zip(SIDES, (LETTERS.upper(), LETTERS), strict=True):
        *counts, kings = (pieces.count(kind) for kind in kinds)
        if kings != 1:
            raise fault(f"{side} has {kings or 'no'} king{'s' * (kings > 1)}; each side has one")
        if counts[0] > 8:
            raise fault(f"{side} has {counts[0]} pawns, more than 8")
        promoted = sum(max(0, count - most) for count, most in zip(counts[1:], ARMY[1:], strict=True))
        if promoted > 8 - counts[0]:
            too_many = f"{promoted} piece{'s' * (promoted > 1)} too many"
            raise fault(f"{side} has {too_many} for {counts[0]} pawns; each costs a pawn")
    for square in (*range(8), *range(56, 64)):
        if pieces[square] in "pP":
            raise fault(f"there is a pawn on {square_name(square)}; none can stand on ranks 1 and 8")


def _castling(text: str, pieces: list[str], chess960: bool, fault: Fault) -> int:
    """The rooks with a right to castle, as White sees them."""
    if text == "-":
        return 0
    rooks: set[int] = set()
    taken: set[tuple[int, bool]] = set()
    for letter in text:
        if letter.lower() not in ("kqabcdefgh" if chess960 else "kq"):
            raise fault(f"castling '{printable(text)}' is neither - nor made of KQkq")
        side = int(letter.islower())
        first, king_letter, rook_letter = (56, "k", "r") if side else (0, "K", "R")
        king = pieces.index(king_letter) - first
        if not 0 <= king < 8 or (not chess960 and king != 4):
            where = f"on {square_name(pieces.index(king_letter))}"
            needs = f"rank {first // 8 + 1}" if chess960 else square_name(first + 4)
            raise fault(f"castling {letter} needs {SIDES[side]}'s king on {needs}, and it is {where}")
        if letter.lower() in "kq":
            files = range(7, king, -1) if letter.lower() == "k" else range(king)
            files = files if chess960 else files[:1]
        else:
            files = range("abcdefgh".index(letter.lower()), "abcdefgh".index(letter.lower()) + 1)
        found = [first + file for file in files if pieces[first + file] == rook_letter]
        if not found:
            where = square_name(first + files[0]) if len(files) == 1 else "that side of the king"
            raise fault(f"castling {letter} needs a rook of {SIDES[side]}'s on {where}")
        wing = (side, found[0] - first > king)
        if wing in taken:
            raise fault(f"castling '{printable(text)}' has {letter} where there is a right already")
        taken.add(wing)
        rooks.add(found[0])
    return sum(1 << square for square in rooks)


def _en_passant(text: str, pieces: list[str], to_play: int, fault: Fault) -> int:
    """The square that a pawn has just gone over, as White sees it."""
    if text == "-":
        return 0
    rank = 3 if to_play else 6
    if not re.fullmatch(f"[a-h]{rank}", text):
        raise fault(
            f"en passant '{printable(text)}' is neither - nor on rank {rank}, where {SIDES[to_play]} captures"
        )
    square, up = "abcdefgh".index(text[0]) + 8 * (rank - 1), -8 if to_play else 8
    pawn = "P" if to_play else "p"
    if pieces[square - up] != pawn or pieces[square] != "." or pieces[square + up] != ".":
        raise fault(
            f"en passant {text}: no pawn can have gone from {square_name(square + up)} "
            f"to {square_name(square - up)} just now"
        )
    return 1 << square


def board(state: States) -> str:
    """Eight ranks with their numbers, 8 on top, the files, and what else of the position there is to know."""
    pieces = pieces_of(state)
    lines = [f"{rank + 1}  {' '.join(pieces[8 * rank : 8 * rank + 8])}" for rank in reversed(range(8))]
    lines.append("   a b c d e f g h")
    castling, en_passant = castling_text(state), en_passant_text(state)
    more = [f"castling {castling}"] * (castling != "-") + [f"en passant {en_passant}"] * (en_passant != "-")
    return "\n".join([*lines, *([", ".join(more)] if more else [])])


def from_board(drawing: str, to_play: int, limit: int, chess960: bool) -> States:
    """States [1] from eight lines of eight squares, with rights as `board` writes them below, or without."""

    def fault(reason: str) -> TengenError:
        return TengenError(f"board: {reason}")

    castling = re.search(r"castling ([A-Ha-hKQkq]+)", drawing)
    en_passant = re.search(r"en passant ([a-h][36])", drawing)
    rows = [re.sub(r"[\s0-9|]", "", line) for line in drawing.splitlines() if " passant" not in line]
    rows = [row for row in rows if row and row != "abcdefgh" and not row.startswith("castling")]
    if len(rows) != 8:
        raise fault(f"has {len(rows)} rows instead of 8")
    pieces: list[str] = []
    for rank, row in zip(range(8), reversed(rows), strict=True):
        if unknown := re.search("[^pnbrqkPNBRQK.-]", row):
            raise fault(f"rank {rank + 1} holds '{printable(unknown[0])}'; squares are pnbrqkPNBRQK and '.'")
        if len(row) != 8:
            raise fault(f"rank {rank + 1} '{printable(row)}' has {len(row)} squares instead of 8")
        pieces += row.replace("-", ".")
    rights, passed = castling[1] if castling else "-", en_passant[1] if en_passant else "-"
    return build(pieces, to_play, rights, passed, (0, 1), limit, chess960, fault)


def printable(text: str) -> str:
    """At most 90 printable characters of a text, for a message."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 90 else text[:87] + "..."


def chess960_text(number: int) -> str:
    """FEN of a start of Chess960 by Scharnagl's number, 0 to 959; 518 is the usual one."""
    row = [""] * 8
    number, light = divmod(number, 4)
    number, dark = divmod(number, 4)
    number, queen = divmod(number, 6)
    row[2 * light + 1] = row[2 * dark] = "b"
    row[[file for file in range(8) if not row[file]][queen]] = "q"
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    free = [file for file in range(8) if not row[file]]
    for place in pairs[number]:
        row[free[place]] = "n"
    for piece in "rkr":
        row[row.index("")] = piece
    line = "".join(row)
    return f"{line}/pppppppp/8/8/8/8/PPPPPPPP/{line.upper()} w KQkq - 0 1"
