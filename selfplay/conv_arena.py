"""Games of convolutional individuals, side by side: one batched evaluation for all their next moves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Game, States
from tengen.envs.registry import make_game
from tengen.networks.population import PopulationEvaluator, conv_population
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.fitness import Openings
from tengen.selfplay.pairing import Jobs, Results
from tengen.selfplay.strategies import Population


class ConvArena:
    """Individuals play by their policy, or by the value of the positions one ply on."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self.config = config
        self.game: Game = make_game(config.game)
        self.openings = openings
        self._network = conv_population(self.game, config.network)

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """See `tengen.selfplay.fitness.Arena.play`; games over `max_turns` go by points, or are drawn."""
        game, config = self.game, self.config.fitness
        rng = np.random.default_rng(seed)
        people, sides = np.unique(jobs[:, :2], return_inverse=True)
        sides = sides.reshape(-1, 2)  # [J, 2] places among the people
        evaluator = PopulationEvaluator(self._network, players.weights[people])
        states = self._begin(jobs)
        turns = np.zeros(len(jobs), np.int32)
        live = np.flatnonzero(~states["terminal"])
        while len(live):
            part = states[live]
            to_play = part["to_play"].copy()
            whose = sides[live, to_play]
            if config.player == "value":
                actions = best_by_value(game, evaluator, part, whose)
            else:
                actions = best_by_policy(game, evaluator, part, whose, config.temperature, rng)
            game.step(part, actions)
            states[live] = part
            turns[live] += part["to_play"] != to_play
            live = live[~part["terminal"] & (turns[live] < config.max_turns)]
        return np.stack([self._outcomes(states), turns], 1)

    def _begin(self, jobs: Jobs) -> States:
        states = self.game.new_states(len(jobs))
        for j, opening in enumerate(jobs[:, 2]):
            for action in self.openings[opening]:
                self.game.step(states[j : j + 1], np.array([action], np.int32))
        return states

    def _outcomes(self, states: States) -> NDArray[np.int32]:
        results = np.zeros((len(states), 2), np.float32)
        self.game.returns(states, results)
        open_ended = np.flatnonzero(~states["terminal"])
        if self.game.has_ownership and len(open_ended):
            points = np.zeros(len(open_ended), np.float32)
            self.game.score(states[open_ended], points)
            results[open_ended, 0] = np.sign(points)
        return results[:, 0].astype(np.int32)


class Groups(NamedTuple):
    """Positions in groups of at most `size` of one individual; who has many positions has several groups."""

    people: NDArray[np.int64]  # [G] whose group it is
    size: int
    group: NDArray[np.int64]  # [B] of each position
    place: NDArray[np.int64]  # [B] within its group


def in_groups(whose: NDArray[np.int64]) -> Groups:
    """Groups that leave little room empty, where a group costs about as much as a position more in each."""
    order = np.argsort(whose, kind="stable")
    people, counts = np.unique(whose, return_counts=True)
    costs = [(-(-counts // size)).sum() * (size + 1) for size in range(1, counts.max() + 1)]
    size = int(np.argmin(costs)) + 1
    groups = -(-counts // size)
    rank = np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its individual
    group, place = np.empty(len(whose), np.int64), np.empty(len(whose), np.int64)
    group[order] = np.repeat(np.cumsum(groups) - groups, counts) + rank // size
    place[order] = rank % size
    return Groups(np.repeat(people, groups), size, group, place)


def evaluated(
    game: Game, evaluator: PopulationEvaluator, states: States, whose: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits [B, A] and values [B] of states, each by the individual that it belongs to."""
    observations = game.new_observation(len(states))
    game.observe(states, observations)
    groups = in_groups(whose)
    few = evaluator.only(groups.people)
    buffer = few.buffer(groups.size)
    buffer[groups.place, :, :, groups.group] = observations.transpose(0, 2, 3, 1)
    logits, values = few.evaluate(buffer)
    return logits[groups.group, groups.place], values[groups.group, groups.place]


def best_by_policy(
    game: Game,
    evaluator: PopulationEvaluator,
    states: States,
    whose: NDArray[np.int64],
    temperature: float,
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """The likeliest legal actions [B], or samples at a temperature."""
    legal = game.new_mask(len(states))
    game.legal_mask(states, legal)
    logits, _ = evaluated(game, evaluator, states, whose)
    if temperature > 0:
        logits = logits / np.float32(temperature) + rng.gumbel(size=logits.shape).astype(np.float32)
    return np.where(legal, logits, -np.inf).argmax(1).astype(np.int32)


def best_by_value(
    game: Game, evaluator: PopulationEvaluator, states: States, whose: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The actions [B] after which the individual likes its position best; finished games count in full."""
    legal = game.new_mask(len(states))
    game.legal_mask(states, legal)
    parents, actions = np.nonzero(legal)
    children = states[parents]
    game.step(children, actions.astype(np.int32))
    _, values = evaluated(game, evaluator, children, whose[parents])
    movers = states["to_play"][parents]
    results = np.zeros((len(children), 2), np.float32)
    game.returns(children, results)
    mine = np.where(children["to_play"] == movers, values, -values)
    mine = np.where(children["terminal"], 2 * results[np.arange(len(children)), movers], mine)
    scores = np.full(legal.shape, -np.inf, np.float32)
    scores[parents, actions] = mine
    return scores.argmax(1).astype(np.int32)
