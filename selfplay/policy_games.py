"""Games that policies play without search, many side by side, each move drawn from a network's policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.agents.policy import allowed, sharpen
from tengen.envs.game import Game, States
from tengen.selfplay.recorded_positions import UNKNOWN, Part

AT_ONCE = 512  # positions that a network is asked about together


@dataclass
class Actor:
    """Who moves: a network with the game as it sees it, or chance alone."""

    game: Game
    network: ObservationEvaluator | None = None
    temperature: float = 1.0
    passes_last: bool = True

    def draw(self, states: States, rng: np.random.Generator) -> NDArray[np.int32]:
        """A move [B] for each state, none of which is over."""
        mask = allowed(self.game, states, self.passes_last)
        if self.network is None:
            scores = np.where(mask, 0.0, -np.inf)
        else:
            logits = np.empty(mask.shape, np.float32)
            for begin in range(0, len(states), AT_ONCE):
                some = states[begin : begin + AT_ONCE]
                observations = self.game.new_observation(len(some))
                self.game.observe(some, observations)
                logits[begin : begin + AT_ONCE] = self.network(observations)[0]
            scores = sharpen(np.where(mask, logits, -np.inf), self.temperature)
        return (scores + rng.gumbel(size=mask.shape)).argmax(1).astype(np.int32)


@dataclass
class Played:
    """Finished games, and who moved."""

    part: Part
    by: NDArray[np.int8]  # [T] number of the actor of each ply


def play_games(
    game: Game,
    actors: Sequence[Actor],
    who: Callable[[NDArray[np.int64], NDArray[np.int64], int], NDArray[np.int64]],
    count: int,
    rng: np.random.Generator,
    *,
    max_plies: int = 0,
) -> Played:
    """Play `count` games side by side to their end; those longer than max_plies (0: the rules') are draws.

    who(games [n], players [n], ply) -> number of the actor [n] that moves in each of these games next.
    """
    states = game.new_states(count)
    moves: list[NDArray[np.int32]] = []
    movers: list[NDArray[np.int8]] = []
    lengths = np.zeros(count, np.int32)
    alive = np.arange(count)
    while len(alive) and (not max_plies or len(moves) < max_plies):
        actions, by = np.zeros(count, np.int32), np.zeros(count, np.int8)
        by[alive] = who(alive, states["to_play"][alive].astype(np.int64), len(moves))
        for number, actor in enumerate(actors):
            own = alive[by[alive] == number]
            if len(own):
                actions[own] = actor.draw(states[own], rng)
        moved = states[alive]
        game.step(moved, actions[alive])
        states[alive] = moved
        moves.append(actions)
        movers.append(by)
        lengths[alive] += 1
        alive = alive[~moved["terminal"]]
    results = np.zeros((count, 2), np.float32)
    game.returns(states, results)
    results[~states["terminal"]] = 0
    played = np.arange(len(moves))[None, :] < lengths[:, None]  # [G, longest]
    all_actions = np.stack(moves, 1)[played].astype(np.int16)
    values = np.broadcast_to(UNKNOWN, all_actions.shape)
    part = Part(lengths, results[:, 0].astype(np.int8), all_actions, values)
    return Played(part, np.stack(movers, 1)[played])
