"""Made-up worlds for tests of the replay: every frame is a number, so that a batch tells where it is from."""

from dataclasses import dataclass, field

import numpy as np

from tengen.agents.dqn.replay import FrameReplay
from tengen.agents.dqn.replay_config import ReplayConfig
from tengen.agents.dqn.transitions import Transitions
from tengen.envs.worlds import WorldSpec

ACTIONS = 5


def world(stack: int = 3, shape: tuple[int, ...] = (2,), dtype: type = np.float32) -> WorldSpec:
    return WorldSpec("toy/numbers", ACTIONS, shape, dtype, stack)


def replay_of(
    spec: WorldSpec, worlds: int = 1, n_step: int = 1, gamma: float = 0.5, folder=None, **config
) -> FrameReplay:
    chosen = ReplayConfig(**{"capacity": 1000, "min_steps": 1, "prioritised": True} | config)
    return FrameReplay(spec, chosen, worlds=worlds, n_step=n_step, gamma=gamma, folder=folder)


def frame(spec: WorldSpec, number: int) -> np.ndarray:
    """A frame from which `number_of` gets the number back; never all zeros."""
    if spec.frame_dtype == np.float32:
        return np.full(spec.frame_shape, number, np.float32)
    flat = np.zeros(int(np.prod(spec.frame_shape)), np.uint8)
    flat[:3] = number & 255, number >> 8 & 255, number >> 16
    flat[3:] = number % 251
    return flat.reshape(spec.frame_shape)


def number_of(spec: WorldSpec, shown: np.ndarray) -> int:
    flat = shown.reshape(-1)
    if spec.frame_dtype == np.float32:
        return int(flat[0])
    return int(flat[0]) | int(flat[1]) << 8 | int(flat[2]) << 16


@dataclass
class Lived:
    """One step of one world, as it was."""

    number: int
    first: bool
    action: int
    reward: float
    terminal: bool
    truncated: bool
    final: int  # number of the final frame, 0 for none


@dataclass
class Lives:
    """Worlds in which lives are lost, games end and are cut short, and actors are started anew."""

    spec: WorldSpec
    worlds: int
    seed: int = 0
    eventful: float = 0.1
    history: list[list[Lived]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.history = [[] for _ in range(self.worlds)]
        self.numbers = 0

    def live(self, steps: int, restarts: bool = False) -> Transitions:
        """The next steps of all worlds."""
        begin = len(self.history[0])
        finals, final_at = [], []
        for t in range(steps):
            for w, past in enumerate(self.history):
                is_first = not past or past[-1].truncated or (past[-1].terminal and past[-1].final < 0)
                if restarts and t == 0:
                    is_first = True
                event = self.rng.choice(4, p=[1 - 3 * self.eventful, *[self.eventful] * 3])
                lived = Lived(
                    self._number(),
                    is_first,
                    int(self.rng.integers(ACTIONS)),
                    float(self.rng.integers(-3, 4)),
                    terminal=event in (1, 2),  # a life, or the last one
                    truncated=event == 3,
                    final=-1 if event == 2 else 0,
                )
                if event == 3:
                    lived.final = self._number()
                    finals.append(frame(self.spec, lived.final))
                    final_at.append((t, w))
                past.append(lived)
        new = [past[begin:] for past in self.history]

        def column(name: str, dtype: type) -> np.ndarray:
            return np.array([[getattr(lived, name) for lived in past] for past in new], dtype).T

        return Transitions(
            frames=np.array([[frame(self.spec, past[t].number) for past in new] for t in range(steps)]),
            firsts=column("first", bool),
            actions=column("action", np.int32),
            rewards=column("reward", np.float32),
            terminals=column("terminal", bool),
            truncations=column("truncated", bool),
            final_frames=np.array(finals, self.spec.frame_dtype).reshape(-1, *self.spec.frame_shape),
            final_at=np.array(final_at, np.int32).reshape(-1, 2),
        )

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers


def stack_at(past: list[Lived], t: int, stack: int, final: bool = False) -> list[int]:
    """Numbers of the frames that the actor saw at step t (or in the final frame after it), oldest first."""
    seen = [past[t].final] if final else []
    at = t
    while len(seen) < stack:
        seen.append(past[at].number)
        if past[at].first:
            break
        at -= 1
    return [0] * (stack - len(seen)) + seen[::-1]


def transition(past: list[Lived], t: int, n: int, gamma: float, stack: int):
    """(stack, action, return, discount, next stack), spelled out; None where n steps are not all there."""
    total, discount = 0.0, 1.0
    for step in range(t, t + n):
        if step >= len(past) or (step > t and past[step].first):
            return None
        total += discount * past[step].reward
        discount *= gamma
        if past[step].terminal:
            return stack_at(past, t, stack), past[t].action, total, 0.0, None
        if past[step].truncated:
            return (
                stack_at(past, t, stack),
                past[t].action,
                total,
                discount,
                stack_at(past, step, stack, True),
            )
    if t + n >= len(past) or past[t + n].first:
        return None
    return stack_at(past, t, stack), past[t].action, total, discount, stack_at(past, t + n, stack)


def kept(past: list[Lived], length: int) -> set[int]:
    """Numbers of the frames that a ring of that length still holds."""
    numbers = [number for lived in past for number in (lived.number, lived.final) if number > 0]
    return set(numbers[-length:])


def drawable(lives: Lives, length: int, n: int, gamma: float) -> dict[int, tuple]:
    """What must be drawn, by the number of the newest frame."""
    found = {}
    for past in lives.history:
        held = kept(past, length)
        for t, lived in enumerate(past):
            wanted = transition(past, t, n, gamma, lives.spec.stack)
            if wanted and all(number in held for number in wanted[0] if number):
                found[lived.number] = wanted
    return found


def everything(replay: FrameReplay, seed: int = 0):
    """A batch with every step in it: stratified draws from equal priorities, two to a step."""
    count = int(replay.stats()["drawable"])
    return replay.sample(2 * count, np.random.default_rng(seed), beta=1.0)


def is_likely(counts: np.ndarray, expected: np.ndarray) -> bool:
    """Whether Pearson's statistic lies within four standard deviations of what chance makes of it."""
    freedom = len(counts) - 1
    statistic = ((counts - expected) ** 2 / expected).sum()
    return statistic < freedom + 4 * np.sqrt(2 * freedom)
