"""Worlds to watch: one game at a time, with its picture in colour."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.envs.atari import atari_roms
from tengen.envs.atari_screen import AtariScreen
from tengen.envs.gym_worlds import GymWorlds
from tengen.envs.make_worlds import world_spec
from tengen.envs.worlds import Observations, WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError


class Screen(Protocol):
    """One world that can be looked at."""

    spec: WorldSpec
    action_names: tuple[str, ...]
    steps_per_second: float  # decisions in a second of the game's own time
    aspect: float  # width over height of the picture as it should look
    screen: NDArray[np.uint8]  # [H, W, 3] after the last reset or step

    def reset(self) -> Observations:
        """Begin an episode; [stack, *frame_shape]."""

    def step(self, action: int) -> tuple[Observations, float, bool]:
        """One decision: observation [stack, *frame_shape], raw reward, whether the episode is over."""

    def close(self) -> None:
        """Give up what the world holds."""


def make_screen(name: str, *, seed: int, config: WorldsConfig | None = None) -> Screen:
    """The world of that name as one sees it, set up as `make_worlds` does it.

    Raises TengenError for an unknown name, with the nearest ones, and for a world that draws no picture.
    """
    config = config or WorldsConfig()
    spec = world_spec(name, config)
    if name in atari_roms():
        return AtariScreen(spec, atari_roms()[name], seed=seed, config=config)
    return GymScreen(name, seed=seed, config=config)


class GymScreen:
    """A world of gymnasium's with the picture that it draws of itself."""

    def __init__(self, name: str, *, seed: int, config: WorldsConfig) -> None:
        """Raises TengenError where it does not fit, or draws nothing."""
        raw = config.model_copy(update={"clip_rewards": False})
        self._worlds = GymWorlds(name, 1, seed=seed, config=raw, render_mode="rgb_array")
        self._name, self.spec = name, self._worlds.spec
        self._observation = self._worlds.reset()[0]
        self._fresh = True  # an episode has begun by itself
        env = self._worlds.env(0)
        self.action_names = tuple(f"action {number}" for number in range(self.spec.num_actions))
        self.steps_per_second = float(env.metadata.get("render_fps") or 30)
        self.screen = self._render()
        self.aspect = self.screen.shape[1] / self.screen.shape[0]

    def reset(self) -> Observations:
        """See `Screen`."""
        if not self._fresh:  # left in the middle of an episode
            self._observation = self._worlds.reset()[0]
        self._fresh = True
        self.screen = self._render()
        return self._observation.copy()

    def step(self, action: int) -> tuple[Observations, float, bool]:
        """See `Screen`. After the end, the picture is the first of the next episode."""
        step = self._worlds.step(np.array([action], np.int32))
        self._observation, self._fresh = step.observations[0], bool(step.firsts[0])
        self.screen = self._render()
        return self._observation.copy(), float(step.rewards[0]), self._fresh

    def close(self) -> None:
        """Close the environment."""
        self._worlds.close()

    def _render(self) -> NDArray[np.uint8]:
        import gymnasium

        try:
            picture = self._worlds.env(0).render()
        except gymnasium.error.Error as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise TengenError(f"{self._name} cannot be drawn: {reason}") from None
        if not isinstance(picture, np.ndarray) or picture.ndim != 3:
            raise TengenError(f"{self._name} draws no picture of itself, so there is nothing to watch")
        return picture[..., :3].astype(np.uint8)
