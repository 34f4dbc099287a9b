"""Steps of learning which of the sensible moves was played, by a log-linear model of patterns."""

import math

import numpy as np
from numpy.typing import NDArray

from tengen.envs.go.board import address, mover
from tengen.envs.go.layout import CELL, EMPTIES, LISTED, POINTS, SIZE
from tengen.envs.go.patterns import AWAY, Bytes, is_sensible, last_cell, look, pattern, place_of
from tengen.envs.go.words import Raw, at
from tengen.envs.jit import leaf_kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@leaf_kernel
def learn_batch(
    raw: Raw,
    actions: Ints,
    classes: Ints,
    weights: Floats,
    squares: Floats,
    rate: float,
    decay: float,
    found: NDArray[np.float64],
    liberties: Bytes,
    status: Bytes,
    features: Ints,
    chances: Floats,
) -> None:
    """One step for each position raw [B, itemsize] in which actions [B] were played; only a test at rate 0.

    The logit of a move is weights[0, class] and, next to the last move, weights[1, class] and weights[2, 0]
    beside it or weights[2, 1] at its corner. AdaGrad (Duchi et al. 2011) with squares like weights [3, K];
    decay: of L2. Adds to found [4]: positions, cross entropy, how often the move was the likeliest (of n that
    are alike 1/n), and how many moves there were. Passes, and what fills an own eye, are left out.
    features: scratch [3, SCRATCH]; chances: [SCRATCH].
    """
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        size = at(words, SIZE)
        action = int(actions[b])
        if action >= size * size:
            continue
        goal = address(size, action)
        me = mover(words)
        if not is_sensible(words, goal, me):
            continue
        look(words, liberties, status)
        last = last_cell(words)
        row = size + 1
        count = 0
        chosen = 0
        highest = -1e30
        for k in range(at(words, EMPTIES)):
            p = at(words, POINTS + CELL * k + LISTED)
            if not is_sensible(words, p, me):
                continue
            cell = (p - POINTS) >> 3
            kind = int(classes[pattern(status, cell, row)])
            place = place_of(cell, last, row)
            logit = weights[0, kind]
            if place != AWAY:
                logit += weights[1, kind] + weights[2, place - 1]
            features[0, count] = kind
            features[1, count] = place
            chances[count] = logit
            highest = max(highest, logit)
            if p == goal:
                chosen = count
            count += 1
        total = 0.0
        alike = 0
        own = chances[chosen]
        for i in range(count):
            alike += chances[i] == highest
            chances[i] = math.exp(chances[i] - highest)
            total += chances[i]
        found[0] += 1
        found[1] += math.log(total) - math.log(chances[chosen])
        found[2] += 1.0 / alike if own == highest else 0.0
        found[3] += count
        if rate == 0:
            continue
        for i in range(count):
            slope = chances[i] / total - (i == chosen)
            kind = features[0, i]
            place = features[1, i]
            _step(weights, squares, 0, kind, slope, rate, decay)
            if place != AWAY:
                _step(weights, squares, 1, kind, slope, rate, decay)
                _step(weights, squares, 2, place - 1, slope, rate, decay)


@leaf_kernel
def _step(
    weights: Floats, squares: Floats, part: int, kind: int, slope: float, rate: float, decay: float
) -> None:
    slope += decay * weights[part, kind]
    squares[part, kind] += slope * slope
    weights[part, kind] -= rate * slope / math.sqrt(squares[part, kind] + 1e-8)


@leaf_kernel
def weigh_batch(raw: Raw, table: Floats, out: Floats, liberties: Bytes, status: Bytes) -> None:
    """Write to out [B, A] the weight of each sensible move, of the pass 0 and where there is no other 1."""
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        size = at(words, SIZE)
        me = mover(words)
        look(words, liberties, status)
        last = last_cell(words)
        for action in range(size * size + 1):
            out[b, action] = 0
        found = False
        for action in range(size * size):
            p = address(size, action)
            if is_sensible(words, p, me):
                cell = (p - POINTS) >> 3
                out[b, action] = table[place_of(cell, last, size + 1), pattern(status, cell, size + 1)]
                found = True
        if not found:
            out[b, size * size] = 1
