"""What the benchmarks share: sides that take turns, positions as self-play meets them, checked options."""

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from tengen.envs.game import Game, States

SETTLED = 0.2  # share of a run before its memory counts


def whole(low: int, high: int = 1_000_000) -> Callable[[str], int]:
    """An option that takes whole numbers from low to high."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high}")
        return int(text)

    return read


def span(high: float) -> Callable[[str], float]:
    """An option that takes a time above 0, at most high."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 and at most {high:g}")
        return value

    return read


def alternate(sides: list[Callable[[], int]], slices: int, seconds: float) -> list[float]:
    """Median rate of each side: sides take turns of `seconds`, so that other load falls on all alike.

    Each call of a side returns how much work it did. Everything must be compiled and warm.
    """
    rates: list[list[float]] = [[] for _ in sides]
    for _ in range(slices):
        for side, found in zip(sides, rates, strict=True):
            work = 0
            started = time.perf_counter()
            while (elapsed := time.perf_counter() - started) < seconds or not work:
                work += side()
            found.append(work / elapsed)
    return [median(found) for found in rates]


def spread_out(game: Game, count: int, plies: int = 30, seed: int = 0) -> States:
    """States [count] after 0 to `plies` random moves, none terminal, as they stand in self-play."""
    from tengen.agents.random import RandomAgent

    agent = RandomAgent(game, seed=seed + 1)
    states = game.new_states(count)
    wanted = np.random.default_rng(seed).integers(plies + 1, size=count)
    for ply in range(plies):
        moving = np.flatnonzero((wanted > ply) & ~states["terminal"])
        if not len(moving):
            break
        part = states[moving]
        game.step(part, agent.choose(part, moving))
        kept = ~part["terminal"]
        states[moving[kept]] = part[kept]
    return states


def settled_and_last(samples: Sequence[float]) -> tuple[float, float]:
    """Of measurements over a run: the median of a tenth of it once it has settled, and of the last tenth."""
    found = samples[int(SETTLED * len(samples)) :]
    share = max(1, len(found) // 10)
    return float(np.median(found[:share])), float(np.median(found[-share:]))
