"""A board game as a PettingZoo AEC environment: `env("go9")`."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from tengen.envs.adapters.gym import SeatedAgent
from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError

PLAYERS = ("player_0", "player_1")


def env(
    game: str | Game, render_mode: str | None = None, opponents: Mapping[str, str] | None = None
) -> AECEnv:
    """The game under PettingZoo's usual wrappers: an illegal action loses, out of order calls raise.

    opponents: see BoardGameAEC.
    """
    inner = wrappers.TerminateIllegalWrapper(BoardGameAEC(game, render_mode, opponents), illegal_reward=-1)
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

    def __init__(
        self, game: str | Game, render_mode: str | None = None, opponents: Mapping[str, str] | None = None
    ) -> None:
        """Set up the game.

        opponents: players that Tengen's agents play, by their strings, such as
        {"player_1": "mcts?sims=100"}; they answer within `step` and `reset` and are no agents of the
        environment. Raises TengenError for an unknown player, or where nobody is left to play.
        """
        super().__init__()
        self.game = make_game(game) if isinstance(game, str) else game
        self.render_mode = render_mode
        self.opponents = dict(opponents or {})
        self.possible_agents = [player for player in PLAYERS if player not in self.opponents]
        if unknown := sorted(set(self.opponents) - set(PLAYERS)):
            raise TengenError(f"opponents: '{unknown[0]}' is no player; {' and '.join(PLAYERS)} are")
        if not self.possible_agents:
            raise TengenError("opponents: both players are taken; one must be left for the environment")
        self._seated: dict[str, SeatedAgent] = {}
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
        """Set up a new game; the seed is that of opponents, for there is no other chance in it."""
        self.position = Position(self.game)
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        if seed is not None or not self._seated:
            self.close()
            for player, spec in self.opponents.items():
                self._seated[player] = SeatedAgent(spec, self.game, seed or 0)
        self._let_opponents_play()

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
        self._let_opponents_play()
        self._accumulate_rewards()

    def _let_opponents_play(self) -> None:
        """Let them move while it is their turn; set rewards, ends and whose turn it is."""
        returns, is_over = self.position.returns, self.position.is_terminal
        while not is_over and (player := PLAYERS[self.position.to_play]) in self._seated:
            action = self._seated[player].choose(self.position)
            if action < 0:  # given up
                lost = self.position.to_play
                returns, is_over = (-1.0, 1.0) if lost == 0 else (1.0, -1.0), True
                break
            self.position.apply(action)
            returns, is_over = self.position.returns, self.position.is_terminal
        self.rewards = {agent: float(returns[PLAYERS.index(agent)]) for agent in self.agents}
        self.terminations = dict.fromkeys(self.agents, is_over)
        turn = PLAYERS[self.position.to_play]
        self.agent_selection = turn if turn in self.agents else self.agents[0]

    def render(self) -> str | None:
        """The board as text under render_mode="ansi"."""
        return str(self.position) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """End what opponents hold, such as programs."""
        for seated in self._seated.values():
            seated.close()
        self._seated = {}
