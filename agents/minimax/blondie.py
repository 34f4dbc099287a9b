"""The checkers networks of Chellapilla and Fogel inside the search, on vector instructions.

The board is seen by the side to move, turned by 180 degrees for White, own pieces positive. The value is the
output before its tanh, in millionths: the same order of positions, and a won one is not lost in rounding.
"""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.frames import EXTRA, OPPONENT, OWN, SIDE, whole
from tengen.envs.checkers.bitboards import NONE, ONE, popcount, square_of
from tengen.envs.jit import vector_kernel
from tengen.networks.blondie_layout import BLONDIE_1999, HIDDEN, LAYOUTS, SQUARES

SCALE = 1_000_000  # of a value; tanh(value / SCALE) is the network's output
_TOP = np.float32(4e8)
_F = np.float32

# Layers are padded to whole vectors of 8 floats; sums run over four rows at a time.
NODES, LAST_WIDE = 96, 16
_BOARD = 1  # params[0] is the king's value
_HIDDEN_1999 = _BOARD + SQUARES * HIDDEN
_LAST_1999 = _HIDDEN_1999 + HIDDEN
_HIDDEN_2001 = _BOARD + SQUARES * NODES
_ROWS_2001 = _HIDDEN_2001 + NODES
_BIAS_2001 = _ROWS_2001 + NODES * HIDDEN
_LAST_2001 = _BIAS_2001 + HIDDEN


def pack(name: str, flat: NDArray[np.floating], king: float) -> NDArray[np.float32]:
    """The parameters of `by_net_1999` or `by_net_2001`, from the flat weights and the king's value."""
    layout = LAYOUTS[name]
    arrays = layout.split(flat)
    board = layout.first_layer(arrays)  # [nodes, 32]
    width = HIDDEN if layout is BLONDIE_1999 else NODES
    out = [np.array([king]), _padded(board.T, SQUARES, width)]
    if layout is BLONDIE_1999:
        out.append(arrays["first.bias"])
    else:
        out += [
            _padded(arrays["local.bias"][None], 1, NODES),
            _padded(arrays["hidden.weight"].T, NODES, HIDDEN),
        ]
        out.append(arrays["hidden.bias"])
    out += [
        _padded(arrays["last.weight"].T, HIDDEN, LAST_WIDE),
        _padded(arrays["last.bias"][None], 1, LAST_WIDE),
    ]
    out += [_padded(arrays["output.weight"][None], 1, LAST_WIDE), arrays["output.bias"]]
    return np.concatenate([part.ravel() for part in out]).astype(np.float32)


def _padded(array: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.float32]:
    out = np.zeros((rows, columns), np.float32)
    out[: array.shape[0], : array.shape[1]] = array
    return out


@vector_kernel
def squash(x: NDArray[np.float32]) -> None:
    """tanh in place, within 1e-6.

    With t the seventh-order fraction of Lambert for tanh(x / 2), tanh(x) is 2 t / (1 + t^2); near 1, where
    t is least exact, its error counts least.
    """
    for j in range(len(x)):
        y = _F(0.5) * x[j]
        y = y if y < _F(4.9) else _F(4.9)
        y = y if y > _F(-4.9) else _F(-4.9)
        s = y * y
        p = y * (_F(135135.0) + s * (_F(17325.0) + s * (_F(378.0) + s)))
        q = _F(135135.0) + s * (_F(62370.0) + s * (_F(3150.0) + s * _F(28.0)))
        x[j] = _F(2.0) * p * q / (q * q + p * p)


@vector_kernel
def add_pieces(
    pieces: np.uint64, turned: bool, weight: np.float32, params: NDArray[np.float32], x: NDArray[np.float32]
) -> None:
    """Add the first layer's rows of some pieces to its nodes x."""
    width = len(x)
    while pieces != NONE:
        rest = pieces & (pieces - ONE)
        square = square_of(pieces ^ rest)
        start = _BOARD + (31 - square if turned else square) * width
        row = params[start : start + width]
        for j in range(width):
            x[j] += weight * row[j]
        pieces = rest


@vector_kernel
def first_layer(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], bias: int, x: NDArray[np.float32]
) -> np.float32:
    """Write the first layer's nodes to x; returns the sum of the inputs."""
    own, opp, kings = words[ply, OWN], words[ply, OPPONENT], words[ply, EXTRA]
    turned = whole(words[ply, SIDE]) == 1
    king = params[0]
    start = params[bias : bias + len(x)]
    for j in range(len(x)):
        x[j] = start[j]
    add_pieces(own & ~kings, turned, _F(1.0), params, x)
    add_pieces(own & kings, turned, king, params, x)
    add_pieces(opp & ~kings, turned, _F(-1.0), params, x)
    add_pieces(opp & kings, turned, -king, params, x)
    squash(x)
    men = popcount(own & ~kings) - popcount(opp & ~kings)
    return _F(men) + king * _F(popcount(own & kings) - popcount(opp & kings))


@vector_kernel
def layer(
    params: NDArray[np.float32], rows: int, bias: int, x: NDArray[np.float32], y: NDArray[np.float32]
) -> None:
    """y = tanh(x W + b), W [len(x), len(y)] at params[rows:], b at params[bias:]; len(x) a multiple of 4."""
    width = len(y)
    start = params[bias : bias + width]
    for j in range(width):
        y[j] = start[j]
    for i in range(0, len(x), 4):
        at = rows + i * width
        one, two = params[at : at + width], params[at + width : at + 2 * width]
        three, four = params[at + 2 * width : at + 3 * width], params[at + 3 * width : at + 4 * width]
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(width):
            y[j] += a * one[j] + b * two[j] + c * three[j] + d * four[j]
    squash(y)


@vector_kernel
def last_layers(
    params: NDArray[np.float32],
    at: int,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    total: np.float32,
) -> int:
    """The value of the 40 nodes x and the sum of the inputs; y is room for the last layer."""
    bias = at + HIDDEN * LAST_WIDE
    layer(params, at, bias, x, y)
    row = params[bias + LAST_WIDE : bias + 2 * LAST_WIDE]
    out = total + params[bias + 2 * LAST_WIDE]
    for j in range(LAST_WIDE):
        out += y[j] * row[j]
    scaled = out * _F(SCALE)
    scaled = scaled if scaled < _TOP else _TOP
    scaled = scaled if scaled > -_TOP else -_TOP
    return np.int64(scaled)  # type: ignore[return-value]


@vector_kernel
def by_net_1999(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """The network of 1999; params as `pack` makes them."""
    x = scratch[:HIDDEN]
    total = first_layer(words, ply, params, _HIDDEN_1999, x)
    return last_layers(params, _LAST_1999, x, scratch[HIDDEN : HIDDEN + LAST_WIDE], total)


@vector_kernel
def by_net_2001(
    words: NDArray[np.uint64], ply: int, params: NDArray[np.float32], scratch: NDArray[np.float32]
) -> int:
    """The network of 2001; params as `pack` makes them."""
    nodes, x = scratch[:NODES], scratch[NODES : NODES + HIDDEN]
    total = first_layer(words, ply, params, _HIDDEN_2001, nodes)
    layer(params, _ROWS_2001, _BIAS_2001, nodes, x)
    return last_layers(params, _LAST_2001, x, scratch[NODES + HIDDEN : NODES + HIDDEN + LAST_WIDE], total)
