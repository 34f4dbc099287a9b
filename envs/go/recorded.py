"""Positions of recorded games of Go: stones of the start, komi, then moves, in one go for each position."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Ints, States
from tengen.envs.go.board import address, clear, place, play_pass, play_stone
from tengen.envs.go.feature_sets import RANK_BASE
from tengen.envs.go.game import Go
from tengen.envs.go.layout import (
    BLACK,
    HASH,
    HISTORY_START,
    KO,
    PASSES,
    RULE_NAMES,
    RULES,
    SITUATIONAL,
    SIZE,
    TURN,
    WHITE_TO_MOVE,
)
from tengen.envs.go.words import Raw, at, put
from tengen.envs.jit import leaf_kernel

NO_KOMI = -32768
NO_RANK = -128


@dataclass
class Starts:
    """How games of Go began: arrays of all games, G of them."""

    komi2: NDArray[np.int16]  # [G]
    first: NDArray[np.int8]  # [G] who moved first
    ranks: NDArray[np.int8]  # [G, 2]
    setup_lengths: NDArray[np.int16]  # [G]
    setup: NDArray[np.int16]  # stones, 2 * point + (1 for White)

    def __post_init__(self) -> None:
        self.begins = np.concatenate([[0], np.cumsum(self.setup_lengths)[:-1]]).astype(np.int64)


def blank_states(game: Go, komi2: NDArray[np.int16]) -> States:
    """States [B] of which only the rules are written; NO_KOMI takes the game's own."""
    states: States = np.empty(len(komi2), game.state_dtype)
    states.view(np.uint8).reshape(len(states), -1)[:, :64] = 0
    states["size"] = game.size
    states["rules"] = RULE_NAMES.index(game.rules)
    states["suicide"] = game.suicide
    states["cap"] = game.max_plies
    limit = 2 * game.size**2
    is_known = np.abs(komi2.astype(np.int32)) <= limit
    states["komi2"] = np.where(is_known, komi2, round(2 * game.komi))
    return states


def rank_words(ranks: NDArray[np.int8]) -> NDArray[np.uint16]:
    """Ranks as states keep them."""
    return np.where(ranks == NO_RANK, 0, ranks.astype(np.int16) + RANK_BASE).astype(np.uint16)


def play_to(
    game: Go,
    starts: Starts,
    number: NDArray[np.int32],
    actions: NDArray[np.int16],
    begins: NDArray[np.int64],
    counts: Ints,
) -> States:
    """The states [B] of games `number` after `counts` moves, which stand in actions from `begins` on.

    Moves must be legal; passes do not end a game here, so that it can be seen as it went on.
    """
    states = blank_states(game, starts.komi2[number])
    states["ranks"] = rank_words(starts.ranks[number])
    _play_batch(
        states.view(np.uint8).reshape(len(states), -1),
        starts.setup,
        starts.begins[number],
        starts.setup_lengths[number].astype(np.int64),
        starts.first[number],
        actions,
        begins.astype(np.int64),
        counts.astype(np.int64),
    )
    return states


@leaf_kernel
def _play_batch(
    raw: Raw,
    setup: NDArray[np.int16],
    setup_begins: NDArray[np.int64],
    setup_counts: NDArray[np.int64],
    first: NDArray[np.int8],
    actions: NDArray[np.int16],
    begins: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    for b in range(raw.shape[0]):
        words = raw[b].view(np.uint16)
        longs = raw[b].view(np.uint64)
        clear(words)
        size = at(words, SIZE)
        for i in range(setup_begins[b], setup_begins[b] + setup_counts[b]):
            stone = int(setup[i])
            place(words, address(size, stone >> 1), BLACK + (stone & 1))
        put(words, TURN, int(first[b]))
        put(words, KO, 0)
        if at(words, RULES) == SITUATIONAL and first[b] == 1:
            longs[HASH] ^= WHITE_TO_MOVE
        longs[at(words, HISTORY_START)] = longs[HASH]
        for i in range(begins[b], begins[b] + counts[b]):
            action = int(actions[i])
            if action == size * size:
                put(words, PASSES, 0)
                play_pass(words)
            else:
                play_stone(words, address(size, action))
