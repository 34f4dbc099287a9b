"""Turns of English draughts in words: `11-15`, `22x8`, or `22x15x8` where that could be two turns."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tengen.envs.checkers import rules, turns
from tengen.envs.checkers.bitboards import BIT, U, shift
from tengen.envs.checkers.text import SIDES, jumper_of, pieces_of, printable
from tengen.envs.game import States
from tengen.errors import IllegalMove


def _neighbours() -> list[list[int]]:
    """[square index][direction] -> the square index one step on, -1 over the edge."""
    known = {int(bit): i for i, bit in enumerate(BIT)}
    return [[known.get(int(shift(bit, d)), -1) for d in range(4)] for bit in BIT]


class Turn(NamedTuple):
    """A whole turn: its actions, the squares 1..32 it visits, and those it captures on."""

    actions: list[int]
    squares: tuple[int, ...]
    captured: frozenset[int]

    def __str__(self) -> str:
        return ("x" if self.captured else "-").join(map(str, self.squares))


def legal_turns(state: States, start: int = 0) -> list[Turn]:
    """Every turn of the side to move of state [1], or only those from a square; draws by rule left aside."""
    side = int(state["to_play"][0])
    black, white, kings, jumper = (U(word) for word in state["board"][0])
    own, opp = (black, white) if side == 0 else (white, black)
    allowed = jumper or own
    out = np.empty((turns.count_turns(own, opp, kings, side, allowed), turns.MAX_STEPS), np.int64)
    turns.list_turns(own, opp, kings, side, allowed, 0, np.empty(turns.MAX_STEPS, np.int64), out, 0)
    rows = [row for row in out.tolist() if not start or row[0] // 4 + 1 == start]
    return [_trace(int(opp), side, [step for step in row if step >= 0]) for row in rows]


def _trace(opp: int, side: int, steps: Sequence[int]) -> Turn:
    """The turn made of `steps`, given as 4 * square index + direction on the page."""
    squares, captured = [steps[0] // 4 + 1], []
    for step in steps:
        square, direction = divmod(step, 4)
        end = NEIGHBOURS[square][direction]
        if end >= 0 and opp >> int(BIT[end]).bit_length() - 1 & 1:
            captured.append(end + 1)
            end = NEIGHBOURS[end][direction]
        squares.append(end + 1)
    actions = [step if side == 0 else rules.ACTIONS - 1 - step for step in steps]
    return Turn(actions, tuple(squares), frozenset(captured))


def _turn_of(state: States, actions: Sequence[int]) -> Turn:
    side = int(state["to_play"][0])
    steps = [int(action) if side == 0 else rules.ACTIONS - 1 - int(action) for action in actions]
    return _trace(int(state["board"][0, 1 - side]), side, steps)


def format_action(state: States, action: int) -> str:
    """One step or jump of state [1], legal or not: "11-15", "22x15"."""
    turn = _turn_of(state, [action])
    return str(turn) if turn.squares[1] else f"{turn.squares[0]} over the edge"


def format_turn(state: States, actions: Sequence[int]) -> str:
    """A turn from state [1]: start and end, or the full path where another turn shares both."""
    turn = _turn_of(state, actions)
    if len(turn.squares) == 2:
        return str(turn)
    ends = turn.squares[0], turn.squares[-1]
    known = legal_turns(state)
    alike = sum((other.squares[0], other.squares[-1]) == ends for other in known)
    return f"{ends[0]}x{ends[1]}" if alike == 1 and turn in known else str(turn)


def parse_turn(state: States, text: str) -> list[int]:
    """The actions of the turn that text names: start and end, the full path, or enough squares to tell it.

    `-`, `x`, `:` and spaces separate squares alike, but an x without a capture is refused. Of paths that end
    alike and capture the same pieces the first is taken, as they lead to the same position.

    Raises IllegalMove.
    """
    squares = _read(text)
    known = [] if state["terminal"][0] else legal_turns(state, squares[0])
    matches = [turn for turn in known if turn.squares == squares]
    matches = matches or [turn for turn in known if _names(squares, turn.squares)]
    if not matches:
        raise IllegalMove(f"{text.strip()} is illegal: {_reason(state, squares)}")
    if len({turn.captured for turn in matches}) > 1:
        raise IllegalMove(f"{text.strip()} is ambiguous: it may be {' or '.join(map(str, matches))}")
    if not matches[0].captured and re.search("[xX:×]", text):
        raise IllegalMove(f"{text.strip()} is illegal: nothing is captured; did you mean {matches[0]}?")
    return matches[0].actions


def parse_action(state: States, text: str) -> int:
    """The single step that text names in state [1]. Raises IllegalMove with the move and the reason."""
    squares = _read(text)
    known = [] if state["terminal"][0] else legal_turns(state)
    for turn in known:
        if turn.squares[:2] == squares:
            return turn.actions[0]
    for turn in known:
        if _names(squares, turn.squares):
            first = "x".join(map(str, turn.squares[:2]))
            raise IllegalMove(f"{text.strip()} takes {len(turn.actions)} jumps; the first alone is {first}")
    raise IllegalMove(f"{text.strip()} is illegal: {_reason(state, squares)}")


def _read(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r"[0-9]{1,2}(?:(?:\s*[-xX:×]\s*|\s+)[0-9]{1,2})+", text.strip())
    if not match or len(text) > 200:
        raise IllegalMove(
            f"'{printable(text.strip())}' is not a move; moves look like 11-15, 22x15 or 22x15x8"
        )
    return tuple(int(number) for number in re.findall("[0-9]+", text))


def _names(squares: tuple[int, ...], path: tuple[int, ...]) -> bool:
    """Whether the path has these ends and visits the squares between in this order."""
    if (squares[0], squares[-1]) != (path[0], path[-1]):
        return False
    rest = iter(path[1:-1])
    return all(square in rest for square in squares[1:-1])


def _reason(state: States, squares: tuple[int, ...]) -> str:
    """Why no legal turn is named by these squares."""
    if state["terminal"][0]:
        return "the game is over"
    start, end = squares[0], squares[-1]
    for square in squares:
        if not 1 <= square <= 32:
            return f"there is no square {square}; squares are 1 to 32"
    side = int(state["to_play"][0])
    piece = pieces_of(state)[start - 1]
    if piece == ".":
        return f"there is no piece on {start}"
    if piece.lower() != "bw"[side]:
        return f"the piece on {start} is {SIDES[1 - side]}'s and {SIDES[side]} is to move"
    known = legal_turns(state)
    jumper = jumper_of(state)
    if jumper and start != jumper:
        return f"the piece on {jumper} must go on jumping, for example {known[0]}"
    for turn in known:
        if turn.squares[: len(squares)] == squares:
            return f"the jump must go on, for example {turn}"
    here = [turn for turn in known if turn.squares[0] == start]
    if known[0].captured:
        return f"capture is mandatory, for example {(here or known)[0]}"
    if here:
        return f"{end} cannot be reached from {start}; legal are {', '.join(map(str, here))}"
    return f"the piece on {start} cannot move; legal is, for example, {known[0]}"


NEIGHBOURS = _neighbours()
