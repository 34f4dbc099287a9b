"""Atari 2600 games: ale-py's vector of emulators behind the interface of `Worlds`."""

import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tengen.envs.worlds import Episode, Observations, Step, WorldSpec
from tengen.envs.worlds_config import WorldsConfig

FRAME_SHAPE = (84, 84)  # grey, as in Mnih et al. 2015
NEVER = 2**30  # frames; ale-py adds 1 to it in 32 bits
WORLDS_PER_THREAD = 8  # below that, handing work over costs more than a second thread gives

#: ROMs that begin with two players only: there is nothing for one agent to do.
TWO_PLAYERS = frozenset({"combat", "joust", "maze_craze", "warlords"})


@lru_cache(maxsize=1)
def atari_roms() -> dict[str, str]:
    """Name -> ROM: {"atari/MsPacman": "ms_pacman", ...}, named as ale-py names its environments."""
    from ale_py import roms

    known = sorted(set(roms.get_all_rom_ids()) - TWO_PLAYERS)
    return {f"atari/{rom.title().replace('_', '')}": rom for rom in known}


@lru_cache(maxsize=256)
def num_actions(rom: str, full: bool) -> int:
    """Actions of a game: those it knows, or all 18."""
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    path = ale_py.roms.get_rom_path(rom)
    assert path is not None, rom  # `atari_roms` has no others
    emulator.loadROM(path)
    return len(emulator.getLegalActionSet() if full else emulator.getMinimalActionSet())


def atari_spec(name: str, rom: str, config: WorldsConfig) -> WorldSpec:
    """What a network must know of a game, without starting a vector of them."""
    return WorldSpec(name, num_actions(rom, config.full_actions), FRAME_SHAPE, np.uint8, config.atari_stack)


class AtariWorlds:
    """N games of one ROM, stepped by ale-py's AtariVectorEnv.

    Observations are [N, stack, 84, 84] grey, each frame the maximum of the last two of its decision. In the
    first observation of an episode the frames before the newest are zeros; a lost life leaves the stack be.

    What ale-py leaves to its users, and is settled here:
    - `episodic_life` starts a new game at every lost life, so lives are told by `life_loss_info`.
    - Clipped rewards hide the score, so they come whole and are clipped here.
    - A frame limit inside ale-py leaves its last observation with a picture of the decision before, and calls
      the end of a game that loses a life on its last frame terminal alone. The limit is kept here instead, so
      final observations are right. The picture at the end of a game stays stale; nothing learns from it.
    - After game over, the next observation begins a new game in the same step; no step is made up.
    - An action out of range throws in a thread and hangs the caller; it is refused before it gets there.
    """

    def __init__(self, name: str, rom: str, count: int, *, seed: int, config: WorldsConfig) -> None:
        """name: "atari/MsPacman". rom: "ms_pacman". The games get different seeds, all drawn from `seed`."""
        import ale_py
        from gymnasium.vector import AutoresetMode

        self.count = count
        self.spec = atari_spec(name, rom, config)
        self._clips = config.atari_clip_rewards
        self._most_steps = -(-config.atari_max_frames // config.frame_skip)
        # Consecutive numbers from a random one: all different, and far from those of another seed.
        first = int(np.random.SeedSequence(seed).generate_state(1)[0]) % (2**31 - count)
        self._seeds = np.arange(first, first + count)
        self._scores = np.zeros(count, np.int64)
        self._steps = np.zeros(count, np.int64)
        self._in_time = self._most_steps  # steps of which none can meet the limit: looked up anew at 0
        self._none = np.zeros(count, np.bool_)
        self._none.flags.writeable = False
        self._begun_at = np.zeros(count, np.int64)  # the emulator's frame number where the game began
        height, width = FRAME_SHAPE
        self._env = ale_py.AtariVectorEnv(
            rom,
            count,
            num_threads=_threads(config.threads, count),
            max_num_frames_per_episode=NEVER,
            repeat_action_probability=config.atari_sticky,
            full_action_space=config.full_actions,
            autoreset_mode=AutoresetMode.SAME_STEP,
            img_height=height,
            img_width=width,
            stack_num=config.atari_stack,
            frameskip=config.frame_skip,
            maxpool=config.frame_skip > 1,
            noop_max=config.atari_noop_max + 1,  # ale-py draws one less
            life_loss_info=config.atari_life_loss_terminal,
            reward_clipping=False,
            use_fire_reset=config.fire_reset,
        )

    def reset(self) -> Observations:
        """Begin all games with the seeds they have; [N, stack, 84, 84]."""
        observations, info = self._env.reset(seed=self._seeds)
        self._begun_at = info["frame_number"] - info["episode_frame_number"]
        self._scores[:] = 0
        self._steps[:] = 0
        self._in_time = self._most_steps
        return observations

    def step(self, actions: NDArray[np.int32]) -> Step:
        """One decision in every game, actions [N]; raises ValueError for one that the game does not have."""
        if np.count_nonzero(actions.astype(np.uint32) >= self.spec.num_actions):  # below 0 they are large
            raise ValueError(f"actions {actions.tolist()} are not all from 0 to {self.spec.num_actions - 1}")
        observations, scored, terminals, _, info = self._env.step(actions)
        self._scores += scored
        self._steps += 1
        self._in_time -= 1
        rewards = (np.sign(scored) if self._clips else scored).astype(np.float32)
        firsts = truncations = self._none
        final_observations: dict[int, Observations] = {}
        episodes: list[Episode] = []
        if np.count_nonzero(terminals):  # a game over, or a lost life
            begun_at = info["frame_number"] - info["episode_frame_number"]
            firsts = begun_at != self._begun_at
            self._begun_at = begun_at
        if self._in_time == 0:
            late = (self._steps >= self._most_steps) & ~firsts
            truncations = late & ~terminals
            final_observations = {int(n): observations[n].copy() for n in np.flatnonzero(truncations)}
            firsts = firsts | late
            observations = self._cut_short(late, observations)
        if np.count_nonzero(firsts):
            episodes = self._finish(firsts)
        if self._in_time == 0:
            self._in_time = self._most_steps - int(self._steps.max())
        return Step(observations, rewards, terminals, truncations, firsts, final_observations, episodes)

    def close(self) -> None:
        """End the threads of the emulators."""
        if hasattr(self._env, "ale"):
            del self._env.ale

    def _cut_short(self, late: NDArray[np.bool_], observations: Observations) -> Observations:
        """Begin those games anew; the others stay where they are."""
        if not late.any():
            return observations
        observations, info = self._env.reset(options={"reset_mask": late})
        self._begun_at = info["frame_number"] - info["episode_frame_number"]
        return observations

    def _finish(self, ended: NDArray[np.bool_]) -> list[Episode]:
        episodes = [
            Episode(int(n), float(self._scores[n]), int(self._steps[n])) for n in np.flatnonzero(ended)
        ]
        self._scores[ended] = 0
        self._steps[ended] = 0
        return episodes


def _threads(wanted: int | None, count: int) -> int:
    """Threads for so many games: their semaphores spin before they sleep, so never more than cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(wanted or -(-count // WORLDS_PER_THREAD), cores, count))
