"""gymnasium's environments with discrete actions, behind the interface of `Worlds`."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tengen.envs.worlds import Episode, Observations, Step, WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError


class _Framing(NamedTuple):
    """How an observation of a space becomes a frame."""

    shape: tuple[int, ...]
    dtype: DTypeLike
    frame: Callable[[Any], Any]  # observation -> what is written into the frame


#: First part of a name -> what makes the package's environments known to gymnasium, and the package.
PACKAGES = {"MinAtar": ("minatar.gym", "register_envs", "minatar")}


def is_known(name: str) -> bool:
    """Whether gymnasium knows "gym/ID", or a package of `PACKAGES` that is installed.

    Not by asking gymnasium.make, which imports any module that stands before a colon in a name.
    Raises TengenError where the package is not installed.
    """
    import gymnasium

    key = name.removeprefix("gym/")
    if key not in gymnasium.registry and (package := PACKAGES.get(key.partition("/")[0])):
        module, function, wanted = package
        try:
            getattr(importlib.import_module(module), function)()
        except ImportError:
            raise TengenError(f"{name} needs a package: pip install {wanted}") from None
    return key in gymnasium.registry


def gym_names() -> list[str]:
    """What gymnasium knows, by the worlds' names: not Atari's, which have their own, nor board games."""
    import gymnasium

    return [
        f"gym/{key}"
        for key, spec in sorted(gymnasium.registry.items())
        if not str(spec.entry_point).startswith("ale_py") and not key.startswith("tengen/")
    ]


def gym_spec(name: str, config: WorldsConfig) -> WorldSpec:
    """What a network must know of an environment."""
    env = _make(name, config)
    try:
        return _spec(name, env, config)
    finally:
        env.close()


class GymWorlds:
    """N environments stepped one after another.

    A frame is a vector (D,) float32 or an image (C, H, W) or (H, W): uint8 as it is, bools as 0 and 255,
    floats as float32. With `stack` above 1, the frames before an episode's first are zeros. Every episode has
    a seed of its own, drawn from that of the worlds, the environment's number and the episode's.
    """

    def __init__(
        self, name: str, count: int, *, seed: int, config: WorldsConfig, render_mode: str | None = None
    ) -> None:
        """name: "gym/CartPole-v1". Raises TengenError for what does not fit `Worlds`."""
        self.count = count
        self._envs = [_make(name, config, render_mode) for _ in range(count)]
        self.spec = _spec(name, self._envs[0], config)
        self._frame = _framing(name, self._envs[0].observation_space).frame
        self._first_action = int(self._envs[0].action_space.start)
        self._clips = bool(config.clip_rewards)
        self._seed = seed
        self._observations = np.zeros((count, self.spec.stack, *self.spec.frame_shape), self.spec.frame_dtype)
        self._scores = [0.0] * count
        self._actions: list[list[int]] = [[] for _ in range(count)]  # of the running episodes
        self._begun = [0] * count  # episodes so far, the running one not counted

    def reset(self) -> Observations:
        """Begin all episodes; [N, stack, *frame_shape]."""
        self._begun = [0] * self.count
        for world in range(self.count):
            self._begin(world)
        return self._observations

    def step(self, actions: NDArray[np.int32]) -> Step:
        """One decision in every environment, actions [N]. The observations are one array, written again."""
        rewards = np.zeros(self.count, np.float32)
        terminals, truncations, firsts = np.zeros((3, self.count), np.bool_)
        final_observations: dict[int, Observations] = {}
        episodes: list[Episode] = []
        for world, action in enumerate(actions.tolist()):
            reward, is_terminal, is_cut = self._act(world, action)
            rewards[world] = np.sign(reward) if self._clips else reward
            if not (is_terminal or is_cut):
                continue
            firsts[world] = True
            terminals[world] = is_terminal
            if not is_terminal:
                truncations[world] = True
                final_observations[world] = self._observations[world].copy()
            episodes.append(Episode(world, self._scores[world], len(self._actions[world])))
            self._begun[world] += 1
            self._begin(world)
        return Step(self._observations, rewards, terminals, truncations, firsts, final_observations, episodes)

    def env(self, world: int) -> Any:
        """The environment of gymnasium's, to look at."""
        return self._envs[world]

    def state(self) -> dict[str, Any]:
        """Where all environments stand, as JSON keeps it: the running episodes' numbers and actions."""
        return {"seed": self._seed, "begun": list(self._begun), "actions": [list(a) for a in self._actions]}

    def restore(self, state: dict[str, Any]) -> tuple[Observations, NDArray[np.bool_]]:
        """Go back to a saved state by playing the running episodes again; observations and firsts [N].

        Exact for environments whose episodes depend on seed and actions only. Raises TengenError where the
        state is of another number of environments, or the environment plays otherwise than it did.
        """
        name, played = self.spec.name, state["actions"]
        if len(played) != self.count or len(state["begun"]) != self.count:
            raise TengenError(f"saved worlds: {len(played)} of {name}, but {self.count} are to go on")
        self._seed, self._begun = int(state["seed"]), [int(number) for number in state["begun"]]
        for world, actions in enumerate(played):
            self._begin(world)
            for action in actions:
                _, is_terminal, is_cut = self._act(world, int(action))
                if is_terminal or is_cut:
                    raise TengenError(f"{name} does not play as it did when it was saved, so it cannot go on")
        return self._observations, np.array([not actions for actions in played])

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()

    def _begin(self, world: int) -> None:
        key = (world, self._begun[world])
        drawn = np.random.SeedSequence(self._seed, spawn_key=key).generate_state(1)[0]
        observation, _ = self._envs[world].reset(seed=int(drawn) >> 1)  # some take 31 bits only
        self._observations[world] = 0
        self._observations[world, -1] = self._frame(observation)
        self._scores[world] = 0.0
        self._actions[world] = []

    def _act(self, world: int, action: int) -> tuple[float, bool, bool]:
        """Reward, whether it is over, whether it was cut short; the new frame stands in the observations."""
        observation, reward, is_terminal, is_cut, _ = self._envs[world].step(action + self._first_action)
        stack = self._observations[world]
        stack[:-1] = stack[1:]
        stack[-1] = self._frame(observation)
        self._scores[world] += float(reward)
        self._actions[world].append(action)
        return float(reward), bool(is_terminal), bool(is_cut)


def _make(name: str, config: WorldsConfig, render_mode: str | None = None) -> Any:
    import gymnasium

    if name.startswith("gym/tengen/"):
        raise TengenError(f"{name} is a board game for two; worlds have one player, such as gym/CartPole-v1")
    if wrong := config.of_atari_only():
        raise TengenError(f"{name}: {wrong[0]} is of Atari only; leave it out for worlds of gymnasium")
    limit = {} if config.max_frames is None else {"max_episode_steps": config.max_frames}
    try:
        return gymnasium.make(
            name.removeprefix("gym/"), disable_env_checker=True, render_mode=render_mode, **limit
        )
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TengenError(f"{name} cannot be made: {reason}") from None


def _spec(name: str, env: Any, config: WorldsConfig) -> WorldSpec:
    from gymnasium.spaces import Discrete

    if not isinstance(env.action_space, Discrete):
        raise TengenError(f"{name}: its actions are {env.action_space}; worlds need Discrete actions")
    framing = _framing(name, env.observation_space)
    return WorldSpec(name, int(env.action_space.n), framing.shape, framing.dtype, config.stack or 1)


def _framing(name: str, space: Any) -> _Framing:
    """How observations of a space are cut into frames; raises TengenError for those that cannot be."""
    from gymnasium.spaces import Box

    if not isinstance(space, Box):
        raise TengenError(
            f"{name}: its observations are {space}; worlds need a Box, a vector or an image "
            "(gymnasium.wrappers.FlattenObservation makes one)"
        )
    shape = tuple(int(size) for size in space.shape)
    if len(shape) == 1:
        # A vector of bytes, such as a console's memory, would swamp a network as it is.
        scale = np.float32(1 / 255 if space.dtype == np.uint8 else 1)
        return _Framing(shape, np.float32, (lambda seen: seen * scale) if scale != 1 else _same)
    if len(shape) not in (2, 3):
        raise TengenError(f"{name}: its observations have shape {shape}; a vector or an image has 1 to 3")
    is_bool, is_image = space.dtype == np.bool_, space.dtype == np.uint8
    dtype: DTypeLike = np.uint8 if is_bool or is_image else np.float32
    order = (0, 1)
    if len(shape) == 3:
        order = _channels_first(shape)  # type: ignore[assignment]
    turned = tuple(shape[axis] for axis in order)
    if is_bool:
        return _Framing(turned, dtype, lambda seen: np.multiply(seen.transpose(order), 255, dtype=np.uint8))
    return _Framing(turned, dtype, lambda seen: seen.transpose(order))


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of an image in the order C, H, W.

    Two equal axes are height and width; else channels are the fewest. They stand last if in doubt.
    """
    if shape[0] == shape[1] or (shape[1] != shape[2] and shape[2] <= shape[0]):
        return (2, 0, 1)
    return (0, 1, 2)


def _same(observation: Any) -> Any:
    return observation
