"""Area scoring (Tromp-Taylor): a point belongs to the colour that alone reaches it through empty points."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, is_over, neighbour
from tengen.envs.go.layout import ACTION, BLACK, BORDER, CELL, COLOR, EMPTY, KOMI, SIZE, WHITE
from tengen.envs.go.words import Raw, Words, at
from tengen.envs.jit import kernel, leaf_kernel

UNSEEN = 2


@leaf_kernel
def fill_owners(words: Words, owners: NDArray[np.int8], queue: NDArray[np.int64]) -> int:
    """Write the owner of each point to owners [P] (1 Black, -1 White, 0 nobody); returns their sum.

    queue [P] is room to work in.
    """
    size = at(words, SIZE)
    step = CELL * (size + 1)
    total = 0
    for action in range(size * size):
        color = at(words, address(size, action) + COLOR)
        owner = UNSEEN if color == EMPTY else (1 if color == BLACK else -1)
        owners[action] = owner
        if owner != UNSEEN:
            total += owner
    for action in range(size * size):
        if owners[action] != UNSEEN:
            continue
        owners[action] = 0
        queue[0] = address(size, action)
        head, tail, reached = 0, 1, 0  # reached: bits of the colours at the region's edge
        while head < tail:
            p = queue[head]
            head += 1
            for i in range(4):
                n = neighbour(p, step, i)
                color = at(words, n + COLOR)
                if color == EMPTY:
                    point = at(words, n + ACTION)
                    if owners[point] == UNSEEN:
                        owners[point] = 0
                        queue[tail] = n
                        tail += 1
                elif color != BORDER:
                    reached |= color
        owner = 1 if reached == BLACK else (-1 if reached == WHITE else 0)
        total += owner * tail
        for i in range(tail):
            owners[at(words, queue[i] + ACTION)] = owner
    return total


@leaf_kernel
def komi_of(words: Words) -> float:
    """Komi in points."""
    doubled = at(words, KOMI)
    return (doubled - 65536 if doubled >= 32768 else doubled) / 2


@kernel
def ownership_batch(raw: Raw, out: NDArray[np.int8]) -> None:
    """Write the owner of each point to out [B, P]."""
    queue = np.empty(out.shape[1], np.int64)
    for b in range(raw.shape[0]):
        fill_owners(raw[b].view(np.uint16), out[b], queue)


@kernel
def score_batch(raw: Raw, out: NDArray[np.float32], points: int) -> None:
    """Write Black's points minus White's, komi included, to out [B]; points is size * size."""
    queue = np.empty(points, np.int64)
    owners = np.empty(points, np.int8)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        out[b] = fill_owners(words, owners, queue) - komi_of(words)


@kernel
def returns_batch(raw: Raw, out: NDArray[np.float32], points: int) -> None:
    """Write each player's result to out [B, 2]; 0, 0 where the game goes on. points is size * size."""
    queue = np.empty(points, np.int64)
    owners = np.empty(points, np.int8)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        result = 0.0
        if is_over(words):
            result = np.sign(fill_owners(words, owners, queue) - komi_of(words))
        out[b, 0] = result
        out[b, 1] = -result
