"""Analysis commands as text: what lz-analyze and kata-analyze may be told, and the lines that they print.

Leela Zero's and KataGo's lines, as Sabaki, GoGui and Lizzie read them: Leela's numbers are whole, of 10,000;
KataGo's are fractions of 1 and have a point in them. Everything is from the side to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tengen.agents.engines.gtp_wire import parse_color
from tengen.engine.analysis import MoveRow
from tengen.engine.refusal import Refusal
from tengen.envs.game import Floats
from tengen.envs.go.text import format_point, parse_point
from tengen.errors import IllegalMove

MOST_MOVES = 362
NEVER_S = 1e6


@dataclass
class AnalysisWish:
    """What a controller wants of an analysis."""

    color: int
    interval_s: float = NEVER_S
    least_moves: int = 0
    most_moves: int = MOST_MOVES
    ownership: bool = False
    root_info: bool = False
    avoid: set[int] = field(default_factory=set)  # actions that the first move may not be
    allow: set[int] | None = None  # or must be among


def parse_wish(words: Sequence[str], to_play: int, size: int) -> AnalysisWish:
    """Read `[COLOR] [INTERVAL] [key value ...]`. Raises Refusal.

    avoid and allow are `COLOR VERTEX,VERTEX,... DEPTH`; only those of the side to move count, for its first
    move. Of allow only one may be given, as in KataGo.
    """
    left = list(words)
    color = parse_color(left[0]) if left else None
    wish = AnalysisWish(to_play if color is None else color)
    if color is not None:
        left.pop(0)
    if left and left[0].replace(".", "", 1).isdecimal():
        wish.interval_s = _number(left.pop(0)) / 100
    while left:
        key = left.pop(0).lower()
        if key in ("avoid", "allow"):
            _restrict(wish, key, left, size)
            continue
        if not left:
            raise Refusal(f"syntax error: {key[:40]} needs a value")
        value = left.pop(0)
        if key == "interval":
            wish.interval_s = _number(value) / 100
        elif key == "minmoves":
            wish.least_moves = int(_number(value))
        elif key == "maxmoves":
            wish.most_moves = max(1, int(_number(value)))
        elif key in ("ownership", "rootinfo"):
            setattr(wish, {"ownership": "ownership", "rootinfo": "root_info"}[key], _truth(value))
        elif key not in ("movesownership", "pvvisits", "pvedgevisits", "ownershipstdev", "noresultvalue"):
            raise Refusal(f"syntax error: unknown key '{key[:40]}'")
        elif _truth(value):
            raise Refusal(f"{key} is not there to be had")
    wish.interval_s = max(0.01, wish.interval_s)
    return wish


def _restrict(wish: AnalysisWish, key: str, left: list[str], size: int) -> None:
    if len(left) < 3 or (color := parse_color(left[0])) is None or not left[2].isdecimal():
        raise Refusal(f"syntax error: expected {key} COLOR VERTEX,VERTEX,... DEPTH")
    try:
        points = {parse_point(size, word) for word in left[1].split(",") if word}
    except IllegalMove as error:
        raise Refusal(f"syntax error: {error}") from None
    depth = int(left[2][:6])
    del left[:3]
    if color != wish.color or depth < 1:
        return
    if key == "avoid":
        wish.avoid |= points
    elif wish.allow is not None:
        raise Refusal("syntax error: allow may be given once")
    else:
        wish.allow = points


def allowed_mask(wish: AnalysisWish, actions: int) -> "np.ndarray | None":
    """The actions [A] that a wish leaves for the first move, None where it leaves all."""
    if not wish.avoid and wish.allow is None:
        return None
    mask = np.zeros(actions, np.bool_) if wish.allow is not None else np.ones(actions, np.bool_)
    if wish.allow is not None:
        mask[list(wish.allow)] = True
    mask[list(wish.avoid)] = False
    return mask


def lz_line(size: int, rows: Sequence[MoveRow]) -> str:
    """Leela Zero's line: `info move D4 visits 20 winrate 5100 prior 1200 lcb 4800 order 0 pv D4 ...`."""
    parts = []
    for order, row in enumerate(rows):
        winrate, prior, bound = (round(10_000 * x) for x in (row.winrate, row.prior, row.bound))
        parts.append(
            f"info move {format_point(size, row.action)} visits {row.visits} winrate {winrate} "
            f"prior {prior} lcb {bound} order {order} pv {_line(size, row)}"
        )
    return " ".join(parts)


def kata_line(
    size: int,
    rows: Sequence[MoveRow],
    ownership: Floats | None = None,
    root: tuple[int, float, float | None] | None = None,
) -> str:
    """KataGo's line. ownership: [P] for the side to move, row by row from the top; root: visits, win rate,
    points."""
    parts = []
    for order, row in enumerate(rows):
        lead = "" if row.points is None else f"scoreMean {row.points:.3f} scoreLead {row.points:.3f} "
        parts.append(
            f"info move {format_point(size, row.action)} visits {row.visits} "
            f"utility {2 * row.winrate - 1:.6f} winrate {row.winrate:.6f} {lead}"
            f"prior {row.prior:.6f} lcb {row.bound:.6f} utilityLcb {2 * row.bound - 1:.6f} "
            f"order {order} pv {_line(size, row)}"
        )
    if root is not None:
        visits, winrate, points = root
        lead = "" if points is None else f" scoreLead {points:.3f}"
        parts.append(f"rootInfo visits {visits} utility {2 * winrate - 1:.6f} winrate {winrate:.6f}{lead}")
    if ownership is not None:
        parts.append("ownership " + " ".join(f"{x:.4f}" for x in ownership))
    return " ".join(parts)


def _line(size: int, row: MoveRow) -> str:
    return " ".join(format_point(size, action) for action in row.line)


def _number(text: str) -> float:
    if len(text) > 12 or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        raise Refusal(f"syntax error: '{text[:40]}' is not a number of 0 or more")
    return float(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Refusal(f"syntax error: '{text[:40]}' is neither true nor false")
    return text.lower() == "true"
