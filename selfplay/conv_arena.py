"""Games of convolutional individuals, side by side: one batched evaluation for all their next moves."""

import numpy as np
from numpy.typing import NDArray

from tengen.agents.population import best_by_policy, best_by_value, population_search
from tengen.envs.game import Game, States
from tengen.envs.registry import make_game
from tengen.networks.population import PopulationEvaluator, conv_population
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.fitness import Openings
from tengen.selfplay.pairing import Jobs, Results
from tengen.selfplay.strategies import Population


class ConvArena:
    """Individuals play by their policy, by the value of the positions one ply on, or by tree search."""

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
        if config.player == "gumbel":
            search, leaves = population_search(game, evaluator, config.simulations, len(jobs))
        live = np.flatnonzero(~states["terminal"])
        while len(live):
            part = states[live]
            to_play = part["to_play"].copy()
            whose = sides[live, to_play]
            if config.player == "value":
                actions = best_by_value(game, evaluator, part, whose)
            elif config.player == "gumbel":
                leaves.whose[live] = whose
                search.set_roots(live, part)
                search.run(live)
                actions = search.result(live).actions
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
