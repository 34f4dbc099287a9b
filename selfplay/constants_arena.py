"""Games of tree search against itself, each side by constants of its own."""

import numpy as np

from tengen.agents.mcts.tuning import tuned_agent
from tengen.envs.game import Game
from tengen.envs.registry import make_game
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.fitness import Openings
from tengen.selfplay.pairing import Jobs, Results
from tengen.selfplay.strategies import Population


class ConstantsArena:
    """Individuals are constants; one game after another, its chance from its place among all games."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self.config = config
        self.game: Game = make_game(config.game)
        self.openings = openings

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """See `tengen.selfplay.fitness.Arena.play`."""
        game, out = self.game, np.empty((len(jobs), 2), np.int32)
        slot, result = np.zeros(1, np.int32), np.zeros((1, 2), np.float32)
        for j, (*sides, opening) in enumerate(jobs.tolist()):
            chance = [(seed * 1_000_003 + 2 * j + side) % 2**31 for side in (0, 1)]
            agents = [
                tuned_agent(self.config.network.agent, game, players.weights[player], own)
                for player, own in zip(sides, chance, strict=True)
            ]
            state, turns = game.new_states(1), 0
            for action in self.openings[opening]:
                game.step(state, np.array([action], np.int32))
            while not state["terminal"][0] and turns < self.config.fitness.max_turns:
                mover = int(state["to_play"][0])
                game.step(state, agents[mover].choose(state, slot))
                turns += mover != state["to_play"][0]
            game.returns(state, result)
            out[j] = result[0, 0], turns
        return out
