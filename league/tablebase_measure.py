"""How well an agent plays where the truth is known: the share of its choices that keep the game's value."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import RESIGN, Agent
from tengen.envs.checkers.game import Checkers
from tengen.envs.checkers.rules import JUMPER
from tengen.envs.checkers.tablebase import Tablebase
from tengen.envs.checkers.tablebase.verify import positions, successors
from tengen.envs.game import States
from tengen.errors import TengenError
from tengen.league.score import score_interval

BATCH = 64  # positions side by side


@dataclass(frozen=True)
class Share:
    """Choices that kept the value, among so many; what a uniformly random turn would have kept of them."""

    positions: int
    kept: int
    by_chance: float

    @property
    def share(self) -> float:
        return self.kept / self.positions if self.positions else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the share."""
        return score_interval(self.kept, 0, self.positions - self.kept)


@dataclass(frozen=True)
class Measured:
    """An agent's choices in won and drawn positions with two turns or more: in lost ones none is wrong.

    critical: those of them in which some turn gives the value away.
    """

    agent: str
    all: Share
    won: Share
    drawn: Share
    critical: Share


def measure(tablebase: Tablebase, agent: Agent, count: int, seed: int) -> Measured:
    """Ask the agent about `count` random positions, each no more likely than another. Raises TengenError."""
    game = Checkers()
    states, values, chances = sample(game, tablebase, count, seed)
    kept = np.zeros(count, np.bool_)
    for begin in range(0, count, BATCH):
        part = slice(begin, min(begin + BATCH, count))
        after, gave_up = _played(game, agent, states[part])
        kept[part] = (-_values(tablebase, after) == values[part]) & ~gave_up

    def share(chosen: NDArray[np.bool_]) -> Share:
        by_chance = float(chances[chosen].mean()) if chosen.any() else 1.0
        return Share(int(chosen.sum()), int(kept[chosen].sum()), by_chance)

    every = np.ones(count, np.bool_)
    return Measured(agent.name, share(every), share(values == 1), share(values == 0), share(chances < 1))


def sample(
    game: Checkers, tablebase: Tablebase, count: int, seed: int
) -> tuple[States, NDArray[np.int8], NDArray[np.float64]]:
    """States [count] won or drawn with a choice of turns, their values, the share of turns that keep them."""
    rng = np.random.default_rng(seed)
    found: list[States] = []
    values: list[int] = []
    chances: list[float] = []
    while len(found) < count:
        numbers = rng.integers(len(tablebase.depths), size=256)
        states, is_position = positions(numbers, rng.integers(2, size=256).astype(np.int8))
        states = states[is_position]
        probed = tablebase.probe(states)
        states, worth = states[probed.values >= 0], probed.values[probed.values >= 0]
        states, worth = _with_both_sides(states, worth)
        after, parents = successors(game, states)
        keeps = -_values(tablebase, after) == worth[parents]
        turns = np.bincount(parents, minlength=len(states))
        good = np.bincount(parents, weights=keeps, minlength=len(states))
        for i in np.flatnonzero(turns > 1):
            # Written and read again, so that the record holds all that a game's own would.
            found.append(game.from_text(game.to_text(states[i : i + 1])))
            values.append(int(worth[i]))
            chances.append(float(good[i] / turns[i]))
    return (
        np.concatenate(found[:count]),
        np.array(values[:count], np.int8),
        np.array(chances[:count]),
    )


def _with_both_sides(states: States, values: NDArray[np.int8]) -> tuple[States, NDArray[np.int8]]:
    both = (states["board"][:, 0] != 0) & (states["board"][:, 1] != 0)
    return states[both], values[both]


def _values(tablebase: Tablebase, states: States) -> NDArray[np.int8]:
    return tablebase.probe(states).values


def _played(game: Checkers, agent: Agent, states: States) -> tuple[States, NDArray[np.bool_]]:
    """States [B] after the agent's whole turn in each, and where it gave the game up instead."""
    starts, states = states, states.copy()
    gave_up = np.zeros(len(states), np.bool_)
    actions: list[list[int]] = [[] for _ in states]
    waiting = np.arange(len(states))
    agent.start(game, len(states))
    while len(waiting):
        for part in np.array_split(waiting, -(-len(waiting) // max(1, agent.batch(len(waiting))))):
            if agent.needs_history:
                for slot in part.tolist():
                    agent.follow(slot, starts[slot : slot + 1], actions[slot])
            now = states[part]
            chosen = agent.choose(now, part.astype(np.int32))
            legal = np.zeros((len(part), game.num_actions), np.bool_)
            game.legal_mask(now, legal)
            for row, (slot, action) in enumerate(zip(part.tolist(), chosen.tolist(), strict=True)):
                if action == RESIGN:
                    gave_up[slot] = True
                    continue
                if not legal[row, action]:
                    raise TengenError(
                        f"{agent.name} chose action {action} in {game.to_text(now[row : row + 1])}, "
                        "which is not legal"
                    )
                actions[slot].append(action)
            goes_on = chosen != RESIGN
            now = now[goes_on]
            game.step(now, chosen[goes_on])
            states[part[goes_on]] = now
        waiting = waiting[(states["board"][waiting, JUMPER] != 0) & ~gave_up[waiting]]
    return states, gave_up
