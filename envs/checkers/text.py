"""Positions of English draughts as text: PDN-FEN on one line, and the board in ASCII.

PDN-FEN is `B:W18,24,27-30,K10:B12,16,K22`: the side to move, then each side's squares, K before a king,
ranges allowed, in any order. Fields may follow:

- `H12`: 12 turns since the last capture or man's move (lidraughts writes it so)
- `F7`: lidraughts' move number, read and ignored
- `J15`: ours; a multi-jump is under way and the piece on 15 must go on jumping
"""

import re
from collections.abc import Callable, Iterator

import numpy as np

from tengen.envs.checkers import rules
from tengen.envs.checkers.bitboards import BIT, KING_ROWS
from tengen.envs.game import States
from tengen.errors import TengenError

PIECES = ("b", "B", "w", "W")  # index 2 * side + is_king
SIDES = ("Black", "White")

Fault = Callable[[str], TengenError]  # makes the error of a reason


def pieces_of(state: States) -> list[str]:
    """What stands on squares 1..32 of state [1]: "b", "B", "w", "W" or "."."""
    black, white, kings, _ = (int(word) for word in state["board"][0])
    out = []
    for bit in BIT.tolist():
        side = 0 if black & bit else 1 if white & bit else -1
        out.append("." if side < 0 else PIECES[2 * side + bool(kings & bit)])
    return out


def jumper_of(state: States) -> int:
    """The square 1..32 of the piece that must go on jumping, 0 if there is none."""
    jumper = int(state["board"][0, rules.JUMPER])
    return BIT.tolist().index(jumper) + 1 if jumper else 0


def to_text(state: States) -> str:
    """PDN-FEN of state [1]; what the position was before (repetitions, ply) is not in it."""
    pieces = pieces_of(state)
    sides = []
    for man, king, letter in (("w", "W", "W"), ("b", "B", "B")):
        names = [f"{i}" for i, piece in enumerate(pieces, 1) if piece == man]
        names += [f"K{i}" for i, piece in enumerate(pieces, 1) if piece == king]
        sides.append(letter + ",".join(names))
    fields = ["BW"[int(state["to_play"][0])], *sides]
    if state["quiet"][0]:
        fields.append(f"H{state['quiet'][0]}")
    if jumper := jumper_of(state):
        fields.append(f"J{jumper}")
    return ":".join(fields)


def from_text(text: str) -> States:
    """States [1] from PDN-FEN. Raises TengenError naming the fault."""

    def fault(reason: str) -> TengenError:
        return TengenError(f"position '{printable(text)}': {reason}")

    fields = [field.strip() for field in text.strip().strip('"').rstrip(".").split(":")]
    if fields[0].upper() not in ("B", "W"):
        raise fault("starts with neither B nor W; a PDN-FEN looks like B:W21-32:B1-12")
    to_play = "BW".index(fields[0].upper())
    pieces = ["."] * 32
    quiet = jumper = 0
    seen: set[str] = set()
    for field in fields[1:]:
        key, rest = field[:1].upper(), field[1:].strip()
        if not key or key not in "BWHFJ":
            raise fault(f"field '{printable(field)}' is none of B, W (squares), H, F, J")
        if key in seen:
            raise fault(f"field {key} comes twice")
        seen.add(key)
        if key in "BW":
            for square, is_king in _squares(rest, fault):
                if pieces[square - 1] != ".":
                    raise fault(f"square {square} is taken twice")
                pieces[square - 1] = PIECES[2 * "BW".index(key) + is_king]
            continue
        if not re.fullmatch("[0-9]{1,5}", rest):
            raise fault(f"field '{printable(field)}' is not {key} and a number")
        if key == "H":
            quiet = int(rest)
        elif key == "J":
            jumper = int(rest)
    if not seen >= {"B", "W"}:
        raise fault("needs both sides' squares, for example B:W21-32:B1-12")
    return _build(pieces, to_play, quiet, jumper, fault)


def _squares(text: str, fault: Fault) -> Iterator[tuple[int, bool]]:
    """Yield (square, is king) of "18,27-30,K10"."""
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([Kk]?)([0-9]{1,2})(?:\s*-\s*[Kk]?([0-9]{1,2}))?", part)
        if not match:
            raise fault(f"'{printable(part)}' is not a square such as 18, K18 or 18-20")
        first, last = int(match[2]), int(match[3] or match[2])
        if not 1 <= first <= last <= 32:
            raise fault(f"'{part}' is not within squares 1 to 32")
        for square in range(first, last + 1):
            yield square, bool(match[1])


def _build(pieces: list[str], to_play: int, quiet: int, jumper: int, fault: Fault) -> States:
    boards = [0, 0, 0]
    for bit, piece in zip(BIT.tolist(), pieces, strict=True):
        if piece == ".":
            continue
        side, is_king = divmod(PIECES.index(piece), 2)
        if not is_king and bit & int(KING_ROWS[side]):
            square = BIT.tolist().index(bit) + 1
            raise fault(
                f"{SIDES[side]}'s man on {square} stands on its king row; a king is written K{square}"
            )
        boards[side] |= bit
        boards[2] |= bit * is_king
    for side in (0, 1):
        if boards[side].bit_count() > 12:
            raise fault(f"{SIDES[side]} has {boards[side].bit_count()} pieces, more than 12")
    if quiet > rules.DRAW_PLIES:
        raise fault(f"H{quiet} is more than {rules.DRAW_PLIES}, at which the game is drawn")
    states = np.zeros(1, rules.STATE_DTYPE)
    if jumper:
        if not 1 <= jumper <= 32 or not boards[to_play] & int(BIT[jumper - 1]):
            raise fault(f"J{jumper}: {SIDES[to_play]} has no piece on {jumper}")
        if quiet:
            raise fault(f"H{quiet} with J{jumper}: a jump has just captured, so H is 0")
        states["board"][0, rules.JUMPER] = BIT[jumper - 1]
    states["board"][0, :3] = boards
    black, white, kings = boards
    states["to_play"] = to_play
    states["quiet"] = quiet
    states["hash"] = rules.position_hash(black, white, kings, int(states["board"][0, rules.JUMPER]), to_play)
    rules.begin_turn(states, 0)
    if jumper and states["terminal"][0]:
        raise fault(f"J{jumper}: the piece on {jumper} cannot jump on")
    return states


def board(state: States) -> str:
    """Eight lines, squares 1-4 on top, with each row's first and last square number."""
    pieces = pieces_of(state)
    lines = []
    for row in range(8):
        cells = ["."] * 8
        for square in range(4 * row, 4 * row + 4):
            cells[rules.COLUMN[square]] = pieces[square]
        lines.append(f"{4 * row + 1:2}  {' '.join(cells)}  {4 * row + 4:2}")
    return "\n".join(lines)


def from_board(drawing: str, to_play: int = 0) -> States:
    """States [1] from eight lines of eight squares, or of the four dark ones; numbers are skipped."""

    def fault(reason: str) -> TengenError:
        return TengenError(f"board: {reason}")

    rows = [re.sub(r"[\s0-9|]", "", line) for line in drawing.splitlines()]
    rows = [row for row in rows if row]
    if len(rows) != 8:
        raise fault(f"has {len(rows)} rows instead of 8")
    pieces: list[str] = []
    for row, cells in enumerate(rows):
        if len(cells) not in (4, 8):
            raise fault(
                f"row {row + 1} '{printable(cells)}' has {len(cells)} squares instead of 8 (or 4 dark ones)"
            )
        if unknown := re.search("[^bBwW.-]", cells):
            raise fault(f"row {row + 1} holds '{unknown[0]}'; squares are b, B, w, W and '.'")
        cells = cells.replace("-", ".")
        dark = cells if len(cells) == 4 else cells[(row + 1) % 2 :: 2]
        if len(cells) == 8 and cells[row % 2 :: 2] != "....":
            raise fault(f"row {row + 1} '{cells}' has a piece on a light square")
        pieces += dark
    return _build(pieces, to_play, 0, 0, fault)


def printable(text: str) -> str:
    """At most 40 printable characters of a text, for a message."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 40 else text[:37] + "..."
