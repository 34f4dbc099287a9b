"""A board game as a PettingZoo AEC environment: `env("go9")`."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.envs.registry import make_game

PLAYERS = ("player_0", "player_1")


def env(game: str | Game, render_mode: str | None = None) -> AECEnv:
    """The game under PettingZoo's usual wrappers: an illegal action loses, out of order calls raise."""
    inner = wrappers.TerminateIllegalWrapper(BoardGameAEC(game, render_mode), illegal_reward=-1)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(inner))


class BoardGameAEC(AECEnv):
    """player_0 moves first; observations are {"observation" [C, H, W], "action_mask" [A] int8}.

    Illegal actions raise IllegalMove; `env` wraps this class so that they lose instead.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["ansi"],
        "name": "tengen_v0",
        "is_parallelizable": False,
        "render_fps": 4,
    }

    def __init__(self, game: str | Game, render_mode: str | None = None) -> None:
        super().__init__()
        self.game = make_game(game) if isinstance(game, str) else game
        self.render_mode = render_mode
        self.possible_agents = list(PLAYERS)
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": spaces.Box(-1.0, 1.0, self.game.obs_shape, np.float32),
                    "action_mask": spaces.Box(0, 1, (self.game.num_actions,), np.int8),
                }
            )
            for agent in PLAYERS
        }
        self.action_spaces = {agent: spaces.Discrete(self.game.num_actions) for agent in PLAYERS}
        self.position = Position(self.game)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Set up a new game; there is no chance in it, so the seed changes nothing."""
        self.position = Position(self.game)
        self.agents = list(PLAYERS)
        self.agent_selection = PLAYERS[0]
        self.rewards = dict.fromkeys(PLAYERS, 0.0)
        self._cumulative_rewards = dict.fromkeys(PLAYERS, 0.0)
        self.terminations = dict.fromkeys(PLAYERS, False)
        self.truncations = dict.fromkeys(PLAYERS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in PLAYERS}

    def observe(self, agent: str) -> dict[str, Any]:
        """The board from the agent's side; its legal actions are all 0 while the other side moves."""
        player = PLAYERS.index(agent)
        state = self.position.state.copy()
        mine = bool(state["to_play"][0] == player)
        state["to_play"] = player
        observation = np.zeros((1, *self.game.obs_shape), np.float32)
        self.game.observe(state, observation)
        mask = self.position.legal_mask() & mine
        return {"observation": observation[0], "action_mask": mask.astype(np.int8)}

    def step(self, action: int | None) -> None:
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        assert action is not None
        self.position.apply(int(action))
        self._cumulative_rewards[agent] = 0.0
        self.rewards = {
            name: float(value) for name, value in zip(PLAYERS, self.position.returns, strict=True)
        }
        self.terminations = dict.fromkeys(PLAYERS, self.position.is_terminal)
        self.agent_selection = PLAYERS[self.position.to_play]
        self._accumulate_rewards()

    def render(self) -> str | None:
        """The board as text under render_mode="ansi"."""
        return str(self.position) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing is held open."""
