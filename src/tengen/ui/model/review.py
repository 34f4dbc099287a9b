"""Which moves of a game cost most."""

from collections.abc import Sequence
from dataclasses import dataclass

from tengen.ui.model.tree import Node


@dataclass(frozen=True)
class Finding:
    """What a search thinks of the position before a turn, for the side to move there."""

    value: float  # in [-1, 1]
    best: str  # in notation, "" where nothing was looked at
    line: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A turn after which its player stood worse."""

    node: Node
    cost: float  # of the chance to win, 0 to 1
    before: float  # chance to win, for who moved
    after: float
    best: str
    line: tuple[str, ...]


def chance(value: float) -> float:
    """A value in [-1, 1] as a chance to win."""
    return (value + 1) / 2


def mistakes(line: Sequence[Node], findings: Sequence[Finding], final: float | None) -> list[Mistake]:
    """The turns of a line by what they cost, the dearest first.

    line: nodes from the start on; findings: one for each node in which a turn was made; final: player 0's
    value where the line ends, None where that is not known.
    """
    out = []
    for i in range(1, len(line)):
        node, here = line[i], findings[i - 1] if i - 1 < len(findings) else None
        if here is None:
            break
        if i < len(findings):
            same = line[i].to_play == node.mover
            after = findings[i].value if same else -findings[i].value
        elif final is not None:
            after = final if node.mover == 0 else -final
        else:
            break
        cost = chance(here.value) - chance(after)
        if cost > 0 and here.best != node.words:
            out.append(Mistake(node, cost, chance(here.value), chance(after), here.best, here.line))
    return sorted(out, key=lambda mistake: -mistake.cost)
