"""Area scoring (Tromp-Taylor): a point belongs to the colour that alone reaches it through empty points."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.batch import Raw
from tengen.envs.go.board import Words, address
from tengen.envs.go.layout import ACTION, BLACK, BORDER, CELL, COLOR, EMPTY, KOMI, SIZE, TERMINAL, TURN
from tengen.envs.jit import kernel


@kernel
def fill_owners(words: Words, owners: NDArray[np.int8], stack: NDArray[np.int64]) -> int:
    """Write the owner of each point to owners [P] (1 Black, -1 White, 0 nobody); returns their sum."""
    size = np.int64(words[SIZE])
    step = CELL * (size + 1)
    unseen = 2
    for action in range(size * size):
        color = np.int64(words[address(size, action) + COLOR])
        owners[action] = unseen if color == EMPTY else (1 if color == BLACK else -1)
    total = 0
    for action in range(size * size):
        if owners[action] != unseen:
            total += owners[action]
            continue
        # The stack keeps every point of the region: those below `head` have been looked around.
        stack[0] = address(size, action)
        owners[action] = 0
        head, tail, reaches = 0, 1, 0
        while head < tail:
            p = stack[head]
            head += 1
            for i in range(4):
                n = p + (step if i > 1 else CELL) * (1 if i & 1 else -1)
                color = np.int64(words[n + COLOR])
                if color == EMPTY:
                    at = np.int64(words[n + ACTION])
                    if owners[at] == unseen:
                        owners[at] = 0
                        stack[tail] = n
                        tail += 1
                elif color != BORDER:
                    reaches |= color
        if reaches == 1 or reaches == 2:
            owner = 1 if reaches == 1 else -1
            for i in range(tail):
                owners[np.int64(words[stack[i] + ACTION])] = owner
        total += owners[action]
    return total


@kernel
def komi_of(words: Words) -> float:
    """Komi in points."""
    doubled = np.int64(words[KOMI])
    return (doubled - 65536 if doubled >= 32768 else doubled) / 2


@kernel
def ownership_batch(raw: Raw, out: NDArray[np.int8]) -> None:
    """Write the owner of each point to out [B, P]."""
    stack = np.empty(out.shape[1], np.int64)
    for b in range(raw.shape[0]):
        fill_owners(raw[b].view(np.uint16), out[b], stack)


@kernel
def score_batch(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write Black's points minus White's, komi included, to out [B]."""
    points = np.int64(raw[0].view(np.uint16)[SIZE]) ** 2 if raw.shape[0] else 0
    stack = np.empty(points, np.int64)
    owners = np.empty(points, np.int8)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        out[b] = fill_owners(words, owners, stack) - komi_of(words)


@kernel
def returns_batch(raw: Raw, out: NDArray[np.float32]) -> None:
    """Write each player's result to out [B, 2]; 0, 0 where the game goes on."""
    points = np.int64(raw[0].view(np.uint16)[SIZE]) ** 2 if raw.shape[0] else 0
    stack = np.empty(points, np.int64)
    owners = np.empty(points, np.int8)
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        result = 0.0
        if words[TURN] & TERMINAL != 0:
            result = np.sign(fill_owners(words, owners, stack) - komi_of(words))
        out[b, 0] = result
        out[b, 1] = -result
