"""Alpha-beta in one kernel over an explicit stack, so that a search can pause and go on.

Principal variation search (Marsland and Campbell 1982), a transposition table, killers and history. What a
game brings stands under `specialise`; the functions of those names here only say what they are asked.

The value of a position is a function of the position, the depth left and the extensions left alone, and so
the table cannot change it, as long as repetitions are not looked for and entries of greater depth are left
aside. A position with captures is searched on at depth 0, and a single legal move costs an extension instead
of depth.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.frames import (
    ALPHA,
    ALPHA_BEFORE,
    BEST,
    BEST_MOVE,
    BETA,
    CALM,
    CHILD_DEPTH,
    CHILD_SPARE,
    COUNT,
    DEEPER,
    DEPTH,
    DRAWN,
    EVALUATIONS,
    EXACT,
    FAR,
    INFINITE,
    LOST,
    LOUD,
    LOWER,
    NODES,
    PHASE,
    PLIES,
    PLY,
    QUIET,
    R_ALPHA,
    R_BETA,
    R_DEPTH,
    R_SPARE,
    REPETITIONS,
    SEEN,
    SINGLE,
    SPARE,
    TRIED,
    UPPER,
    WIN,
    Stack,
    whole,
)
from tengen.envs.jit import leaf_kernel

U = np.uint64
_M1, _M2, _S32, _S29 = U(0xFF51AFD7ED558CCD), U(0xC4CEB9FE1A85EC53), U(32), U(29)
_BIAS, _LOW = 1 << 31, U(0xFFFFFFFF)

QUIET_LIMIT = 0  # a game's: after so many quiet plies it is drawn; 0 is never
CACHED = False  # an evaluation's: whether it costs more than looking it up


def status(words: NDArray[np.uint64], ply: int) -> int:
    """LOST, DRAWN, CALM, SINGLE (one legal move) or LOUD (captures), for the side to move."""
    raise NotImplementedError


def generate(
    words: NDArray[np.uint64], ply: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> int:
    """Write the moves of the position at `ply`; returns how many."""
    raise NotImplementedError


def make(
    words: NDArray[np.uint64], ply: int, move: int, codes: NDArray[np.int64], results: NDArray[np.uint64]
) -> None:
    """Write the position after a move that `generate` wrote to ply + 1."""
    raise NotImplementedError


def record_key(words: NDArray[np.uint64], ply: int) -> np.uint64:
    """The position's `hash` in the game's records."""
    raise NotImplementedError


def evaluate(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """The worth of the position for the side to move, far from WIN."""
    raise NotImplementedError


@leaf_kernel
def key_of(words: NDArray[np.uint64], ply: int, salt: np.uint64) -> np.uint64:
    """A hash of the position (Murmur's finaliser, word by word)."""
    h = salt ^ words[ply, 3]
    for i in range(3):
        h = (h ^ words[ply, i]) * _M1
        h = h ^ (h >> _S32)
    h = h * _M2
    return h ^ (h >> _S29)


if numba.config.DISABLE_JIT:  # interpreted, a product that wraps around would warn
    key_of = np.errstate(over="ignore")(key_of)


def is_repeated(words: NDArray[np.uint64], ply: int, seen: NDArray[np.uint64], count: int) -> bool:
    """Whether the position stood before, in the line searched or in the game."""
    quiet = whole(words[ply, QUIET])
    if quiet < 4:
        return False
    for p in range(ply - 4, max(-1, ply - quiet - 1), -2):
        if words[p, 0] == words[ply, 0] and words[p, 1] == words[ply, 1] and words[p, 2] == words[ply, 2]:
            return True
    if quiet > ply and count > 0:
        key = record_key(words, ply)
        for i in range(count):
            if seen[i] == key:
                return True
    return False


def rank_moves(s: Stack, ply: int, count: int, first: int, loud: bool) -> None:
    """Give each move its place in the order: the table's, killers, then by history."""
    order, codes = s.order, s.codes
    for i in range(count):
        if ply == 0:
            score = s.root[i]
        elif loud:
            score = 0
        else:
            code = codes[ply, i]
            score = s.history[code]
            if code == s.killers[ply, 0]:
                score = 1 << 41
            elif code == s.killers[ply, 1]:
                score = 1 << 40
        if i == first:
            score = 1 << 42
        order[ply, i] = score * 256 + 255 - i


def next_move(order: NDArray[np.int64], ply: int, tried: int, count: int) -> int:
    """The best of the moves not yet tried, put at its place in the order."""
    at = tried
    for i in range(tried + 1, count):
        if order[ply, i] > order[ply, at]:
            at = i
    chosen = order[ply, at]
    order[ply, at] = order[ply, tried]
    order[ply, tried] = chosen
    return 255 - (chosen & 255)


def remember(s: Stack, ply: int) -> None:
    """Enter the finished node at `ply` in the table, and what cut it off among killers and history."""
    f = s.frame
    best = f[ply, BEST]
    if best >= f[ply, BETA] and f[ply, DEPTH] > 0:
        code = s.codes[ply, f[ply, BEST_MOVE]]
        s.history[code] += f[ply, DEPTH] * f[ply, DEPTH]
        if s.killers[ply, 0] != code:
            s.killers[ply, 1] = s.killers[ply, 0]
            s.killers[ply, 0] = code
    key = s.keys[ply]
    if key == U(0):
        return
    bound = LOWER if best >= f[ply, BETA] else UPPER if best <= f[ply, ALPHA_BEFORE] else EXACT
    if best > FAR:
        best += ply
    elif best < -FAR:
        best -= ply
    slot = whole(key & U(len(s.table) - 1))
    s.table[slot, 0] = key
    packed = (f[ply, DEPTH] << 16) | (bound << 8) | f[ply, BEST_MOVE]
    s.table[slot, 1] = (U(best + _BIAS) << _S32) | U(packed)


def search(s: Stack, params: NDArray[np.float32], pause: int) -> bool:
    """Go on with the search that the registers describe, up to `pause` nodes in all.

    Returns whether it is over; frame[0, BEST] and frame[0, BEST_MOVE] then hold the root's value and move,
    before that those of the moves already searched (BEST_MOVE -1: none).
    """
    r, f, words = s.registers, s.frame, s.words
    ply, depth, spare, alpha, beta = r[PLY], r[R_DEPTH], r[R_SPARE], r[R_ALPHA], r[R_BETA]
    nodes, evaluations = r[NODES], r[EVALUATIONS]
    table, mask = s.table, U(len(s.table) - 1)
    cache, cache_mask = s.cache, U(len(s.cache) - 1)
    while True:
        if nodes >= pause:
            r[PLY], r[R_DEPTH], r[R_SPARE], r[R_ALPHA], r[R_BETA] = ply, depth, spare, alpha, beta
            r[NODES], r[EVALUATIONS] = nodes, evaluations
            return False
        nodes += 1
        value = 0
        returns = True
        kind = status(words, ply)
        if kind == LOST:
            value = ply - WIN
        elif kind == DRAWN or (r[REPETITIONS] != 0 and ply > 0 and is_repeated(words, ply, s.seen, r[SEEN])):
            value = 0
        elif ply >= PLIES - 2 or (depth <= 0 and (kind == CALM or (kind == SINGLE and spare <= 0))):
            if CACHED:
                key = key_of(words, ply, s.salts[1])
                slot = whole(key & cache_mask)
                if cache[slot, 0] == key:
                    value = whole(cache[slot, 1]) - _BIAS
                else:
                    value = evaluate(words, ply, params, s.scratch)
                    evaluations += 1
                    cache[slot, 0] = key
                    cache[slot, 1] = U(value + _BIAS)
            else:
                value = evaluate(words, ply, params, s.scratch)
                evaluations += 1
        else:
            first = -1
            returns = False
            s.keys[ply] = U(0)
            if depth > 0 and (QUIET_LIMIT == 0 or whole(words[ply, QUIET]) + depth + spare < QUIET_LIMIT):
                key = key_of(words, ply, s.salts[0] + U(spare))
                s.keys[ply] = key
                slot = whole(key & mask)
                if table[slot, 0] == key:
                    data = table[slot, 1]
                    packed = whole(data & _LOW)
                    first = packed & 255
                    known = packed >> 16
                    if ply > 0 and (known == depth or (known > depth and r[DEEPER] != 0)):
                        value = whole(data >> _S32) - _BIAS
                        if value > FAR:
                            value -= ply
                        elif value < -FAR:
                            value += ply
                        bound = (packed >> 8) & 255
                        returns = (
                            bound == EXACT
                            or (bound == LOWER and value >= beta)
                            or (bound == UPPER and value <= alpha)
                        )
            if not returns:
                count = generate(words, ply, s.codes, s.results)
                rank_moves(s, ply, count, first, kind == LOUD)
                f[ply, ALPHA] = alpha
                f[ply, ALPHA_BEFORE] = alpha
                f[ply, BETA] = beta
                f[ply, BEST] = -INFINITE
                f[ply, BEST_MOVE] = -1
                f[ply, DEPTH] = depth
                f[ply, SPARE] = spare
                f[ply, COUNT] = count
                f[ply, TRIED] = 0
                f[ply, PHASE] = 0
                if count == 1 and spare > 0 and (depth > 0 or kind == SINGLE):
                    f[ply, CHILD_DEPTH] = depth
                    f[ply, CHILD_SPARE] = spare - 1
                else:
                    f[ply, CHILD_DEPTH] = depth - 1 if depth > 0 else 0
                    f[ply, CHILD_SPARE] = spare
        # A node that returns gives its value to the one above, which goes on, or returns itself.
        while True:
            if returns:
                if ply == 0:
                    r[NODES], r[EVALUATIONS] = nodes, evaluations
                    return True
                ply -= 1
                value = -value
                alpha, beta = f[ply, ALPHA], f[ply, BETA]
                if f[ply, PHASE] == 1 and alpha < value < beta:
                    f[ply, PHASE] = 2  # the same move again, in the whole window
                    depth, spare = f[ply, CHILD_DEPTH], f[ply, CHILD_SPARE]
                    alpha, beta = -beta, -alpha
                    ply += 1
                    break
                if value > f[ply, BEST]:
                    f[ply, BEST] = value
                    f[ply, BEST_MOVE] = 255 - (s.order[ply, f[ply, TRIED]] & 255)
                    if value > alpha:
                        alpha = value
                        f[ply, ALPHA] = value
                f[ply, TRIED] += 1
                if alpha < beta and f[ply, TRIED] < f[ply, COUNT]:
                    returns = False
                else:
                    remember(s, ply)
                    value = f[ply, BEST]
                    continue
            tried = f[ply, TRIED]
            make(words, ply, next_move(s.order, ply, tried, f[ply, COUNT]), s.codes, s.results)
            alpha, beta = f[ply, ALPHA], f[ply, BETA]
            depth, spare = f[ply, CHILD_DEPTH], f[ply, CHILD_SPARE]
            if tried > 0 and beta - alpha > 1:
                f[ply, PHASE] = 1
                beta = alpha + 1
            else:
                f[ply, PHASE] = 2
            alpha, beta = -beta, -alpha
            ply += 1
            break


Kernel = Callable[[Stack, NDArray[np.float32], int], bool]
_INNER = (is_repeated, rank_moves, next_move, remember)


def specialise(name: str, parts: dict[str, Any]) -> Kernel:
    """`search` compiled for a game and an evaluation.

    parts: status, generate, make, record_key, evaluate, QUIET_LIMIT and CACHED. `name` is what Numba's cache
    on disk knows it by, since the cache looks at names and not at what a kernel calls.
    """
    scope: dict[str, Any] = {**globals(), **parts}
    for function in _INNER:
        scope[function.__name__] = _compiled(function, name, scope)
    return _compiled(search, name, scope)


def _compiled(function: Callable[..., Any], name: str, scope: dict[str, Any]) -> Any:
    assert isinstance(function, FunctionType)
    own = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    own.__qualname__ = f"{function.__qualname__}.{name}"
    own.__module__ = function.__module__
    own.__doc__ = function.__doc__
    return leaf_kernel(own)
