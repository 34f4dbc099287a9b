"""The weights of the two checkers networks of Chellapilla and Fogel, as one flat vector and as named arrays.

1999: 32 inputs, 40, 10, 1 ("Evolving neural networks to play checkers without relying on expert knowledge",
IEEE Transactions on Neural Networks 10, 1999): 1,741 weights. 2001: the 91 subsquares of 3x3 to 8x8, then
40, 10, 1 ("Evolving an expert checkers playing program without using human expertise", IEEE Transactions on
Evolutionary Computation 5, 2001): 854 + 91 + 3,680 + 410 + 11 = 5,046 weights. The counts settle what the
papers leave open: a subsquare sees its dark squares only, every node has a bias, and the sum of the inputs,
which goes straight to the output, has no weight.

Square index 0..31 is the side to move's own view, 0 at its back rank's side; nothing here needs torch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError

SQUARES = 32
HIDDEN, LAST = 40, 10

Weights = dict[str, NDArray[np.float32]]


def subsquares() -> list[list[int]]:
    """The square indices that each of the 91 subsquares covers: by size, then row, then column."""
    rows = np.arange(SQUARES) // 4
    columns = 2 * (np.arange(SQUARES) % 4) + (rows + 1) % 2
    found = []
    for size in range(3, 9):
        for top in range(9 - size):
            for left in range(9 - size):
                inside = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
                found.append(np.flatnonzero(inside).tolist())
    return found


class Layout(NamedTuple):
    """Names and shapes of a network's arrays, in the order of the flat vector."""

    name: str
    parts: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def size(self) -> int:
        """Weights in all, without the king's value."""
        return sum(int(np.prod(shape)) for _, shape in self.parts)

    def split(self, flat: NDArray[np.floating]) -> Weights:
        """The named arrays of a flat vector [size], as float32. Raises TengenError for another length."""
        if flat.shape != (self.size,):
            raise TengenError(f"{self.name} has {self.size:,} weights, got an array of shape {flat.shape}")
        arrays, at = {}, 0
        for name, shape in self.parts:
            count = int(np.prod(shape))
            arrays[name] = np.asarray(flat[at : at + count], np.float32).reshape(shape)
            at += count
        return arrays

    def join(self, arrays: Weights) -> NDArray[np.float32]:
        """The flat vector [size] of named arrays."""
        return np.concatenate([np.asarray(arrays[name], np.float32).ravel() for name, _ in self.parts])

    def first_layer(self, arrays: Weights) -> NDArray[np.float32]:
        """The weights of the first layer as a dense matrix [nodes, 32]."""
        if "first.weight" in arrays:
            return arrays["first.weight"]
        dense = np.zeros((len(SUBSQUARES), SQUARES), np.float32)
        at = 0
        for node, squares in enumerate(SUBSQUARES):
            dense[node, squares] = arrays["local.weight"][at : at + len(squares)]
            at += len(squares)
        return dense


SUBSQUARES = subsquares()
_COVERED = sum(map(len, SUBSQUARES))
_LAST_LAYERS = (
    ("last.weight", (LAST, HIDDEN)),
    ("last.bias", (LAST,)),
    ("output.weight", (LAST,)),
    ("output.bias", (1,)),
)
BLONDIE_1999 = Layout(
    "blondie1999", (("first.weight", (HIDDEN, SQUARES)), ("first.bias", (HIDDEN,)), *_LAST_LAYERS)
)
BLONDIE_2001 = Layout(
    "blondie2001",
    (
        ("local.weight", (_COVERED,)),
        ("local.bias", (len(SUBSQUARES),)),
        ("hidden.weight", (HIDDEN, len(SUBSQUARES))),
        ("hidden.bias", (HIDDEN,)),
        *_LAST_LAYERS,
    ),
)
LAYOUTS = {layout.name: layout for layout in (BLONDIE_1999, BLONDIE_2001)}
