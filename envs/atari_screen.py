"""One Atari game that shows the picture a person sees beside the observation that an agent does."""

import re

import numpy as np
from numpy.typing import NDArray

from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.pixels import resize

FRAMES_PER_SECOND = 60  # of the console
ASPECT = 2 * 160 / 210  # width over height: a pixel was twice as wide as high on the screens of the time


class AtariScreen:
    """A game stepped by the emulator itself, each step as AtariVectorEnv makes it, but in colour too.

    Observations equal those of the vector environment but for one grey level in a few pixels of ten thousand,
    where a mean lies half-way between two; an episode's number of no-ops is drawn otherwise.
    """

    def __init__(
        self,
        name: str,
        rom: str,
        *,
        seed: int = 0,
        stack: int = 4,
        frame_skip: int = 4,
        size: tuple[int, int] = (84, 84),
        noop_max: int = 30,
        fire_reset: bool = False,
        sticky: float = 0.0,
        full_actions: bool = False,
        max_frames: int = 108_000,
    ) -> None:
        """name: "atari/SpaceInvaders"; rom: what ale-py calls its file, "space_invaders".

        sticky: chance that a frame repeats the last action. max_frames: of the emulator, after which an
        episode is cut short. Raises TengenError where there is no such rom.
        """
        import ale_py

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._emulator = ale_py.ALEInterface()
        self._emulator.setInt("random_seed", seed)
        self._emulator.setFloat("repeat_action_probability", sticky)
        self._emulator.setInt("max_num_frames_per_episode", max_frames)
        path = ale_py.roms.get_rom_path(rom)
        if path is None:
            raise TengenError(f"unknown game '{name}'; ale-py has no '{rom}'")
        self._emulator.loadROM(path)
        emulator = self._emulator
        self._actions = list(emulator.getLegalActionSet() if full_actions else emulator.getMinimalActionSet())
        self.action_names = tuple(_words(action.name.lower()) for action in self._actions)
        self.steps_per_second = FRAMES_PER_SECOND / frame_skip
        self.aspect = ASPECT
        self._rng = np.random.default_rng(seed)
        self._frame_skip, self._noop_max, self._fire_reset = frame_skip, noop_max, fire_reset
        height, width = emulator.getScreenDims()
        self.spec = WorldSpec(name, len(self._actions), size, np.uint8, stack)
        self._observation = np.zeros((stack, *size), np.uint8)
        self.screen = np.zeros((height, width, 3), np.uint8)  # [H, W, 3] the picture after the last step
        self._grey = np.zeros((height, width), np.uint8)

    def reset(self) -> NDArray[np.uint8]:
        """Begin an episode; its first observation [stack, *size], older frames than its first black."""
        import ale_py

        self._emulator.reset_game()
        for _ in range(int(self._rng.integers(self._noop_max + 1))):
            self._emulator.act(ale_py.Action.NOOP)
            if self._emulator.game_over():
                self._emulator.reset_game()
        if self._fire_reset and ale_py.Action.FIRE in self._actions:
            self._emulator.act(ale_py.Action.FIRE)
        self._observation[:] = 0
        self._look(pooled=False)
        return self._observation.copy()

    def step(self, action: int) -> tuple[NDArray[np.uint8], float, bool]:
        """One decision of frame_skip frames: observation [stack, *size], raw reward, whether all is over."""
        reward = 0.0
        for frame in range(self._frame_skip):
            reward += self._emulator.act(self._actions[action])
            if self._emulator.game_over():
                self._look(pooled=False)
                return self._observation.copy(), reward, True
            if frame == self._frame_skip - 2:
                self._emulator.getScreenRGB(self.screen)
                self._emulator.getScreenGrayscale(self._grey)
        self._look(pooled=self._frame_skip > 1)
        return self._observation.copy(), reward, False

    def close(self) -> None:
        """Nothing is held that Python does not give up by itself."""

    def _look(self, pooled: bool) -> None:
        """Take the screen in, pooled with the last: games draw some things in every second frame only."""
        screen, grey = self._emulator.getScreenRGB(), self._emulator.getScreenGrayscale()
        self.screen = np.maximum(self.screen, screen) if pooled else screen
        self._grey = np.maximum(self._grey, grey) if pooled else grey
        self._observation = np.roll(self._observation, -1, axis=0)
        self._observation[-1] = resize(self._grey, *self._observation.shape[1:])


def _words(action: str) -> str:
    """ "upleftfire" as "up left fire"."""
    return re.sub(r"(?<!^)(?=left|right|fire)", " ", action)
