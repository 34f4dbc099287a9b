"""One Atari game that shows the picture a person sees beside the observation that an agent does."""

import re

import numpy as np
from numpy.typing import NDArray

from tengen.envs.worlds import WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.pixels import resize

FRAMES_PER_SECOND = 60  # of the console
ASPECT = 2 * 160 / 210  # width over height: a pixel was twice as wide as high on the screens of the time


class AtariScreen:
    """A game stepped by the emulator itself, each step as AtariVectorEnv makes it, but in colour too.

    Observations equal those of the vector environment but for one grey level in a few pixels of ten thousand,
    where a mean lies half-way between two; an episode's number of no-ops is drawn otherwise.
    """

    def __init__(self, spec: WorldSpec, rom: str, *, seed: int, config: WorldsConfig) -> None:
        """spec: as `atari_spec` gives it for the ROM and the configuration."""
        import ale_py

        self.spec, self.aspect = spec, ASPECT
        self.steps_per_second = FRAMES_PER_SECOND / config.frame_skip
        self._config = config
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        emulator = self._emulator = ale_py.ALEInterface()
        emulator.setInt("random_seed", seed % 2**31)
        emulator.setFloat("repeat_action_probability", config.atari_sticky)
        emulator.loadROM(ale_py.roms.get_rom_path(rom))  # type: ignore[arg-type]  # the ROM is known
        self._actions = list(
            emulator.getLegalActionSet() if config.full_actions else emulator.getMinimalActionSet()
        )
        self.action_names = tuple(_words(action.name.lower()) for action in self._actions)
        self._rng = np.random.default_rng(seed)
        self._observation = np.zeros((spec.stack, *spec.frame_shape), np.uint8)
        self._most_steps = -(-config.atari_max_frames // config.frame_skip)
        self._steps = 0
        height, width = emulator.getScreenDims()
        self._grey = np.zeros((height, width), np.uint8)
        self.screen = np.zeros((height, width, 3), np.uint8)  # [H, W, 3] the picture after the last step

    def reset(self) -> NDArray[np.uint8]:
        """Begin an episode; its first observation [stack, 84, 84], the frames before its first black."""
        import ale_py

        self._emulator.reset_game()
        for _ in range(int(self._rng.integers(self._config.atari_noop_max + 1))):
            self._emulator.act(ale_py.Action.NOOP)
            if self._emulator.game_over():
                self._emulator.reset_game()
        if self._config.fire_reset and ale_py.Action.FIRE in self._actions:
            self._emulator.act(ale_py.Action.FIRE)
        self._observation[:] = 0
        self._steps = 0
        self._look(pooled=False)
        return self._observation.copy()

    def step(self, action: int) -> tuple[NDArray[np.uint8], float, bool]:
        """One decision of frame_skip frames: observation [stack, 84, 84], raw reward, whether all is over."""
        reward, last = 0.0, self._config.frame_skip - 1
        for frame in range(last + 1):
            reward += self._emulator.act(self._actions[action])
            if self._emulator.game_over():
                break
            if frame == last - 1:
                self._emulator.getScreenRGB(self.screen)
                self._emulator.getScreenGrayscale(self._grey)
        self._steps += 1
        over = bool(self._emulator.game_over())
        self._look(pooled=last > 0 and not over)
        return self._observation.copy(), reward, over or self._steps >= self._most_steps

    def close(self) -> None:
        """Nothing is held that Python does not give up by itself."""

    def _look(self, pooled: bool) -> None:
        """Take the screen in, pooled with the last: games draw some things in every second frame only."""
        screen, grey = self._emulator.getScreenRGB(), self._emulator.getScreenGrayscale()
        self.screen = np.maximum(self.screen, screen) if pooled else screen
        self._grey = np.maximum(self._grey, grey) if pooled else grey
        self._observation = np.roll(self._observation, -1, axis=0)
        self._observation[-1] = resize(self._grey, *self.spec.frame_shape)


def _words(action: str) -> str:
    """ "upleftfire" as "up left fire"."""
    return re.sub(r"(?<!^)(?=left|right|fire)", " ", action)
