"""Perft: how many sequences of legal turns of each length there are."""

import numpy as np

from tengen.envs.game import Game, States

CHUNK = 4096  # states expanded at once, so that memory stays flat


def perft(game: Game, state: States, depth: int) -> list[int]:
    """Nodes at depth 1 .. depth below state [1], by any game's batched rules.

    A turn of several actions by one side (a multi-jump) is one ply: its inner states stay at the same depth.
    """
    counts = [0] * depth
    _count(game, state, depth, 0, counts)
    return counts


def _count(game: Game, states: States, depth: int, level: int, counts: list[int]) -> None:
    for start in range(0, len(states), CHUNK):
        part = states[start : start + CHUNK]
        mask = game.new_mask(len(part))
        game.legal_mask(part, mask)
        parents, actions = np.nonzero(mask)
        children = part[parents]
        if not len(children):
            continue
        mover = children["to_play"].copy()
        game.step(children, actions.astype(np.int32))
        inner = (children["to_play"] == mover) & ~children["terminal"]
        done = children[~inner]
        counts[level] += len(done)
        if level + 1 < depth:
            _count(game, done, depth, level + 1, counts)
        if inner.any():
            _count(game, children[inner], depth, level, counts)
