"""The database as a file and as an answer to questions.

The file: eight letters, version, pieces, the SHA-256 of what follows unpacked, and a zstandard frame of two
bits a number (hole, loss, draw, win, the first number lowest) and, for every win and loss in order, half its
depth in a byte.
"""

import hashlib
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers.bitboards import NONE, popcount
from tengen.envs.checkers.rules import DRAW_PLIES, JUMPER, KINGS
from tengen.envs.checkers.tablebase.build import DRAW, HOLE
from tengen.envs.checkers.tablebase.indexing import CLASSES, MOST, STARTS, Material, first_of, number_of
from tengen.envs.game import Game, States
from tengen.envs.jit import kernel
from tengen.errors import TengenError
from tengen.files import atomic_write_bytes, read_fault

MAGIC = b"TENGENCD"
VERSION = 1
_HEAD = struct.Struct("<8sII32s")
_LEVEL = 19  # of zstandard: a second or two, once
_LOSS, _DRAWN, _WIN = 1, 2, 3  # in the file; 0 is a hole


class Probed(NamedTuple):
    """What the database knows of states [B], for the side to move."""

    known: NDArray[np.bool_]  # few enough pieces, and no multi-jump under way
    values: NDArray[np.int8]  # 1 won, 0 drawn or not known, -1 lost
    distances: NDArray[np.int16]  # turns to the end under best play; -1 where neither won nor lost


@kernel
def look_up(states: States, pieces: int, depths: NDArray[np.uint8], out: NDArray[np.int16]) -> None:
    """Write the depth of states [B] to out [B], -1 where the database does not reach."""
    for i in range(len(states)):
        board = states["board"]
        side = states["to_play"][i]
        own, opp = board[i, side], board[i, 1 - side]
        if board[i, JUMPER] == NONE and 1 <= popcount(own | opp) <= pieces:
            out[i] = depths[number_of(own, opp, board[i, KINGS], side)]
        else:
            out[i] = -1


class Tablebase:
    """Win, draw or loss and the distance to the end of every position of up to `pieces` pieces.

    Repetition and the 80-turn rule are left aside. depths: see `build`.
    """

    def __init__(self, pieces: int, depths: NDArray[np.uint8]) -> None:
        self.pieces = pieces
        self.depths = depths

    def probe(self, states: States) -> Probed:
        """What is known of states [B] of checkers."""
        depths = np.empty(len(states), np.int16)
        look_up(states, self.pieces, self.depths, depths)
        known = depths >= 0
        decided = known & (depths != DRAW)
        values = np.where(decided, np.where(depths % 2 == 1, 1, -1), 0).astype(np.int8)
        return Probed(known, values, np.where(decided, depths, -1).astype(np.int16))

    def as_floats(self) -> NDArray[np.float32]:
        """A copy of the depths as 32-bit words, for kernels that take floats; holes fill the last one."""
        filled = np.full(-(-len(self.depths) // 4) * 4, HOLE, np.uint8)
        filled[: len(self.depths)] = self.depths
        return filled.view(np.float32)

    def results(self, states: States) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
        """Which games in states [B] it can end, and player 0's outcome [B] of those.

        A win counts only where it is reached before 80 quiet turns are over, however quiet the way to it is.
        A third repetition on that way would have to be of a position that the game has seen twice before.
        """
        found = self.probe(states)
        in_time = found.distances + states["quiet"] <= DRAW_PLIES
        decided = found.known & ~states["terminal"] & ((found.values == 0) | in_time)
        return decided, np.where(states["to_play"] == 0, found.values, -found.values).astype(np.int8)

    def counts(self) -> list[tuple[Material, int, int, int, int]]:
        """By class: positions won, drawn and lost for the side to move, and the greatest distance."""
        rows = []
        for at, material in enumerate(CLASSES):
            if sum(material) > self.pieces:
                break
            by_depth = np.bincount(self.depths[STARTS[at] : STARTS[at + 1]], minlength=256)
            decided = by_depth[:HOLE]
            longest = int(np.flatnonzero(decided).max(initial=0))
            rows.append(
                (material, int(decided[1::2].sum()), int(by_depth[DRAW]), int(decided[::2].sum()), longest)
            )
        return rows

    def write(self, path: Path | str) -> int:
        """Write the file, whole or not at all; returns its size in bytes. Raises MachineError."""
        import zstandard

        depths = self.depths
        codes = np.where(depths % 2 == 1, _WIN, _LOSS)
        codes = np.where(depths == DRAW, _DRAWN, np.where(depths == HOLE, 0, codes)).astype(np.uint8)
        codes = np.concatenate([codes, np.zeros(-len(codes) % 4, np.uint8)]).reshape(-1, 4)
        packed = codes[:, 0] | codes[:, 1] << 2 | codes[:, 2] << 4 | codes[:, 3] << 6
        body = packed.astype(np.uint8).tobytes() + (depths[depths < HOLE] // 2).tobytes()
        head = _HEAD.pack(MAGIC, VERSION, self.pieces, hashlib.sha256(body).digest())
        data = head + zstandard.ZstdCompressor(level=_LEVEL).compress(body)
        atomic_write_bytes(path, data)
        return len(data)


def read_tablebase(path: Path | str) -> Tablebase:
    """The database of a file. Raises TengenError where it is none, is damaged, or of another version."""
    import zstandard

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise read_fault(path, error) from error
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise TengenError(
            f"{path}: no endgame database of checkers; 'tengen tablebase checkers --out FILE' makes one"
        )
    _, version, pieces, digest = _HEAD.unpack_from(data)
    if version != VERSION or not 2 <= pieces <= MOST:
        raise TengenError(
            f"{path}: version {version} with {pieces} pieces; this Tengen reads version {VERSION} of 2 to "
            f"{MOST} pieces, and 'tengen tablebase checkers' makes it anew"
        )
    count = first_of(pieces + 1)
    quarter = -(-count // 4)
    try:
        if not 0 <= zstandard.frame_content_size(data[_HEAD.size :]) <= quarter + count:
            raise ValueError("size")
        body = zstandard.ZstdDecompressor().decompress(data[_HEAD.size :])
        if hashlib.sha256(body).digest() != digest:
            raise ValueError("checksum")
        depths = _unpacked(body, count, quarter)
    except (ValueError, zstandard.ZstdError) as error:
        raise TengenError(
            f"{path}: damaged, its checksum does not fit; 'tengen tablebase checkers' makes it anew"
        ) from error
    return Tablebase(pieces, depths)


def _unpacked(body: bytes, count: int, quarter: int) -> NDArray[np.uint8]:
    packed = np.frombuffer(body, np.uint8, quarter)
    codes = np.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], 1).ravel()[:count]
    depths = np.where(codes == _DRAWN, DRAW, HOLE).astype(np.uint8)
    decided = (codes == _WIN) | (codes == _LOSS)
    halves = np.frombuffer(body, np.uint8, offset=quarter)
    depths[decided] = 2 * halves + (codes[decided] == _WIN)
    return depths


def tablebase_for(game: Game, path: str, key: str) -> Tablebase:
    """The database of a file, read once; key: what names it, for the error.

    Raises TengenError for other games than checkers, and as `read_tablebase` does.
    """
    if game.family != "checkers":
        raise TengenError(f"{key}: the endgame database is of checkers, not of {game.name}")
    return _kept(path)


@lru_cache(maxsize=4)
def _kept(path: str) -> Tablebase:
    return read_tablebase(path)
