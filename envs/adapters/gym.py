"""A board game as a gymnasium environment: one side is the learner's, the other an opponent's."""

from collections.abc import Callable
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import logger, spaces
from numpy.typing import NDArray

from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import IllegalMove, TengenError

#: A callable opponent: the state [1] and the legal actions [A] in, an action out.
Opponent = Callable[[States, NDArray[np.bool_]], int]


class SeatedAgent:
    """An agent, named by its string, at one board."""

    def __init__(self, spec: str, game: Game, seed: int) -> None:
        """Raises TengenError where the string names no agent for this game."""
        # Only here does a world look up at who plays in it: the agent's name is the user's.
        from tengen.agents.registry import make_agent

        self._agent = make_agent(spec, game, seed=seed)
        self._agent.start(game, 1)

    def choose(self, position: Position) -> int:
        """An action, below 0 where the game is given up."""
        if self._agent.needs_history:
            self._agent.follow(0, position.start, position.actions)
        return int(self._agent.choose(position.state.copy(), np.zeros(1, np.int64))[0])

    def close(self) -> None:
        """Release what the agent holds."""
        self._agent.close()


class BoardGame(gymnasium.Env[NDArray[np.float32], np.int64]):
    """The learner plays one colour; each step is one of its actions and the opponent's whole answer.

    Observation [C, H, W] from the learner's side; reward 1, 0 or -1 when the game ends, else 0;
    `info["action_mask"]` [A] int8 holds the legal actions, as `action_space.sample(mask)` takes them.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012 (gymnasium declares it so)

    def __init__(
        self,
        game: str | Game,
        opponent: str | Opponent = "random",
        color: Literal["first", "second", "random"] = "first",
        illegal: Literal["lose", "raise"] = "lose",
        render_mode: str | None = None,
    ) -> None:
        """Set up the game.

        `opponent` is "random", any agent that `tengen agents` explains ("mcts?sims=100"), or a callable.
        `color` is the side the learner plays, drawn anew each game for "random". An illegal action loses the
        game at once, with a warning and the reason in `info["illegal_action"]`, so that the environment takes
        any sampled action; with `illegal="raise"` it raises IllegalMove and the game goes on.
        """
        self.game = make_game(game) if isinstance(game, str) else game
        for value, allowed, what in (
            (color, ("first", "second", "random"), "color"),
            (illegal, ("lose", "raise"), "illegal"),
            (render_mode, (None, "ansi"), "render_mode"),
        ):
            if value not in allowed:
                raise TengenError(
                    f"{what}={value!r} is unknown; expected one of {', '.join(map(repr, allowed))}"
                )
        self.opponent, self.color, self.illegal, self.render_mode = opponent, color, illegal, render_mode
        self.observation_space = spaces.Box(-1.0, 1.0, self.game.obs_shape, np.float32)
        self.action_space = spaces.Discrete(self.game.num_actions)
        self._position = Position(self.game)
        self._player = 0
        self._forfeited = self._opponent_resigned = False
        self._answer: Opponent | None = None
        self._seated: SeatedAgent | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None or self._answer is None:
            self.close()
            self._answer = self._make_opponent()
        self._position = Position(self.game)
        self._forfeited = self._opponent_resigned = False
        self._player = (
            int(self.np_random.integers(2)) if self.color == "random" else int(self.color == "second")
        )
        self._let_opponent_play()
        return self._observation(), self._info()

    def step(self, action: np.int64 | int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if self._answer is None or self._is_over():
            raise gymnasium.error.ResetNeeded("the game is over or has not begun; call reset() first")
        try:
            self._position.apply(int(action))
        except IllegalMove as error:
            if self.illegal == "raise":
                raise
            self._forfeited = True
            logger.warn(f"{self.game.name}: {error}; the game is lost")
            return self._observation(), -1.0, True, False, {**self._info(), "illegal_action": str(error)}
        self._let_opponent_play()
        reward = 1.0 if self._opponent_resigned else self._position.returns[self._player]
        return self._observation(), reward, self._is_over(), False, self._info()

    def close(self) -> None:
        """End what the opponent holds, such as a program."""
        seated, self._seated, self._answer = self._seated, None, None
        if seated is not None:
            seated.close()

    def render(self) -> str | None:
        """The board as text under render_mode="ansi"."""
        return str(self._position) if self.render_mode == "ansi" else None

    def _let_opponent_play(self) -> None:
        assert self._answer is not None
        while not self._is_over() and self._position.to_play != self._player:
            action = int(self._answer(self._position.state.copy(), self._position.legal_mask()))
            if action < 0:  # an agent's way of giving the game up
                self._opponent_resigned = True
            else:
                self._position.apply(action)

    def _is_over(self) -> bool:
        return self._position.is_terminal or self._forfeited or self._opponent_resigned

    def _observation(self) -> NDArray[np.float32]:
        out = np.zeros((1, *self.game.obs_shape), np.float32)
        state = self._position.state.copy()
        state["to_play"] = self._player  # the end is seen from the learner's side too
        self.game.observe(state, out)
        return out[0]

    def _info(self) -> dict[str, Any]:
        mask = self._position.legal_mask() & (not self._is_over())
        return {"action_mask": mask.astype(np.int8), "player": self._player}

    def _make_opponent(self) -> Opponent:
        if callable(self.opponent):
            return self.opponent
        if self.opponent == "random":
            return lambda state, legal: int(self.np_random.choice(np.flatnonzero(legal)))
        seed = int(self.np_random.integers(2**31))
        agent = self._seated = SeatedAgent(self.opponent, self.game, seed)
        return lambda state, legal: agent.choose(self._position)
