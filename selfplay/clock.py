"""Counters of a run: what is done, what is due, when it is over."""

import contextlib
import time
from collections.abc import Iterator

from tengen.selfplay.config import StopConfig
from tengen.selfplay.games import Games


class RunClock:
    """Updates, games and wall time of a run over all its resumptions."""

    def __init__(self, stop: StopConfig, evaluate_minutes: float, checkpoint_minutes: float) -> None:
        self.stop = stop
        self.update = 0
        self.games = 0
        self.steps = 0
        self.owed_samples = 0.0
        self._before_s = 0.0  # wall time of earlier sessions
        self._started = time.perf_counter()
        self._evaluate_s = evaluate_minutes * 60
        self._checkpoint_s = checkpoint_minutes * 60
        self._next_evaluation = self._evaluate_s
        self._next_checkpoint = self._checkpoint_s
        self._third_passed = False

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Around the start of a session: the clock runs from its end."""
        yield
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of training."""
        return self._before_s + time.perf_counter() - self._started

    def count(self, games: Games) -> None:
        """An update is done."""
        self.update += 1
        self.games += len(games)

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]; 0 for a run without an end."""
        shares = [0.0]
        if self.stop.minutes:
            shares.append(self.seconds / (60 * self.stop.minutes))
        if self.stop.games:
            shares.append(self.games / self.stop.games)
        if self.stop.updates:
            shares.append(self.update / self.stop.updates)
        return min(1.0, max(shares))

    @property
    def is_over(self) -> bool:
        """Whether a limit of the configuration is reached."""
        return self.progress >= 1.0

    @property
    def is_evaluation_due(self) -> bool:
        """True once for each interval, and at the end."""
        if self.seconds < self._next_evaluation and not self.is_over:
            return False
        self._next_evaluation = self.seconds + self._evaluate_s
        return True

    @property
    def is_checkpoint_due(self) -> bool:
        """True once for each interval."""
        if self.seconds < self._next_checkpoint:
            return False
        self._next_checkpoint = self.seconds + self._checkpoint_s
        return True

    @property
    def total(self) -> float | None:
        """Of what the progress bar counts."""
        return self.stop.games or self.stop.updates or (self.stop.minutes * 60) or None

    @property
    def unit(self) -> str:
        """Of what the progress bar counts."""
        if self.stop.games:
            return "games"
        return "updates" if self.stop.updates or not self.stop.minutes else "s"

    @property
    def done(self) -> float:
        """What the progress bar counts."""
        return {"games": self.games, "updates": self.update, "s": self.seconds}[self.unit]

    @property
    def passes_third(self) -> bool:
        """True once, when a third of the run is done: that network is the younger self of the final table."""
        if self._third_passed or self.progress < 1 / 3:
            return False
        self._third_passed = True
        return True

    def stats(self) -> dict[str, float]:
        """For the log."""
        return {"seconds": self.seconds, "progress": self.progress, "learner_steps": float(self.steps)}

    def state(self) -> dict[str, float]:
        """Counters, as JSON keeps them."""
        return {
            "update": self.update,
            "games": self.games,
            "steps": self.steps,
            "owed_samples": self.owed_samples,
            "seconds": self.seconds,
            "third_passed": self._third_passed,
        }

    def restore(self, state: dict[str, float]) -> None:
        """Go on from saved counters."""
        self.update, self.games, self.steps = int(state["update"]), int(state["games"]), int(state["steps"])
        self.owed_samples = float(state["owed_samples"])
        self._before_s = float(state["seconds"])
        self._third_passed = bool(state["third_passed"])
        self._started = time.perf_counter()
        self._next_evaluation = self._before_s + self._evaluate_s
        self._next_checkpoint = self._before_s + self._checkpoint_s
