"""What a protocol has to do for its engines to sit at boards."""

import abc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tengen.agents.engines.process import EngineProcess
from tengen.agents.engines.talk import Talk
from tengen.envs.game import Game, States

QUIT_S = 0.5  # for an engine to leave by itself


@dataclass(frozen=True)
class Patience:
    """How long an engine may take."""

    start_s: float = 60.0  # from its start until it is ready to play
    answer_s: float = 120.0  # for anything else, where no clock says less
    move_s: float | None = None  # for a move: told to the engine, and held to
    margin_s: float = 1.0  # a move may take longer by this, for the machine may be busy
    late_s: float = 10.0  # and beyond that it is not late but hangs


@dataclass(frozen=True)
class Clock:
    """What a match tells before a move."""

    move_s: float | None = None
    left_s: tuple[float, float] | None = None  # the mover's own, the opponent's
    increment_s: float = 0.0

    @property
    def allowed_s(self) -> float | None:
        """The most that this move may take."""
        return self.move_s if self.left_s is None else self.left_s[0]


class Driver(abc.ABC):
    """One engine at one game at a time. Conversations raise EngineFault, and EngineRefusal in `ready`."""

    version = ""
    """What the program calls itself, with its version, once it is ready; "" where it does not say."""
    value: float | None = None
    """What it thought of the position of its last turn, from -1 to 1 for itself; None: it does not say."""

    def __init__(self, process: EngineProcess, game: Game, patience: Patience) -> None:
        self.process, self.game, self.patience = process, game, patience
        self.name = process.name
        self.born = time.monotonic()

    @abc.abstractmethod
    def ready(self) -> Talk[None]:
        """Shake hands, and find out whether it can play the game."""

    @abc.abstractmethod
    def turn(self, start: States, actions: Sequence[int], state: States, clock: Clock) -> Talk[list[int]]:
        """The actions of its turn in state [1], which `actions` led to from start [1]; [RESIGN] to resign."""

    @abc.abstractmethod
    def last_words(self) -> bytes:
        """What asks it to leave."""

    def close(self) -> None:
        """Ask it to leave, and see to it."""
        self.process.close(self.last_words(), QUIT_S)

    def deadline(self, clock: Clock) -> tuple[float, float]:
        """When a move asked for now is late, and when it hangs (time.monotonic)."""
        now, patience = time.monotonic(), self.patience
        allowed = clock.allowed_s if clock.allowed_s is not None else patience.move_s
        if allowed is None:
            return now + patience.answer_s, now + patience.answer_s
        hang = now + allowed + patience.margin_s + patience.late_s
        # A match that keeps the clock judges by its own margin.
        return (hang if clock.allowed_s is not None else now + allowed + patience.margin_s), hang
