"""Counters of a run: what is done, what is due, when it is over."""

import time
from typing import NamedTuple, Protocol


class Limits(Protocol):
    """When a run ends; 0 is no limit. What the run collects has a limit of its own name besides."""

    @property
    def minutes(self) -> float: ...
    @property
    def updates(self) -> int: ...


class Due(NamedTuple):
    """What the loop should do after an update."""

    save: bool
    keep: bool  # the saved checkpoint for good: it is rated, the last, or the younger self of the final table
    rate: bool


class RunClock:
    """Updates, wall time and what was collected (`counted`, as "games") of a run over all its resumptions.

    Time is read once an update, so that all questions of one turn of the loop get answers that agree.
    """

    def __init__(
        self, stop: Limits, evaluate_minutes: float, checkpoint_minutes: float, counted: str = "games"
    ) -> None:
        self.stop = stop
        self.counted = counted
        self.limit: int = getattr(stop, counted)
        self.update = 0
        self.collected = 0
        self.steps = 0  # of the learner
        self.owed_samples = 0.0
        self.seconds = 0.0
        """Wall time of training up to the last update."""
        self._before_s = 0.0  # wall time of earlier sessions
        self._started = time.perf_counter()
        self._evaluate_s = evaluate_minutes * 60
        self._checkpoint_s = checkpoint_minutes * 60
        self._next_evaluation = self._evaluate_s
        self._next_checkpoint = self._checkpoint_s
        self._third_passed = False

    def start(self) -> None:
        """A session begins now; what came before it in this process is not training."""
        self._started = time.perf_counter()

    def count(self, new: int) -> None:
        """An update is done, with so many new games (or what else is counted)."""
        self.update += 1
        self.collected += new
        self.seconds = self._before_s + time.perf_counter() - self._started

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]; 0 for a run without an end."""
        shares = [0.0]
        if self.stop.minutes:
            shares.append(self.seconds / (60 * self.stop.minutes))
        if self.limit:
            shares.append(self.collected / self.limit)
        if self.stop.updates:
            shares.append(self.update / self.stop.updates)
        return min(1.0, max(shares))

    @property
    def is_over(self) -> bool:
        """Whether a limit of the configuration is reached."""
        return self.progress >= 1.0

    def due(self) -> Due:
        """What is to be done after this update; each thing once an interval, and all at the end."""
        is_rated = self.is_over or self.seconds >= self._next_evaluation
        is_third = not self._third_passed and self.progress >= 1 / 3
        is_saved = is_rated or is_third or self.seconds >= self._next_checkpoint
        if is_rated:
            self._next_evaluation = self.seconds + self._evaluate_s
        if is_saved:
            self._next_checkpoint = self.seconds + self._checkpoint_s
        self._third_passed |= is_third
        return Due(save=is_saved, keep=is_rated or is_third, rate=is_rated)

    @property
    def total(self) -> float | None:
        """Of what the progress bar counts."""
        return self.limit or self.stop.updates or (self.stop.minutes * 60) or None

    @property
    def unit(self) -> str:
        """Of what the progress bar counts."""
        if self.limit:
            return self.counted
        return "updates" if self.stop.updates or not self.stop.minutes else "s"

    @property
    def done(self) -> float:
        """What the progress bar counts."""
        return {self.counted: self.collected, "updates": self.update, "s": self.seconds}[self.unit]

    def stats(self) -> dict[str, float]:
        """For the log."""
        return {"seconds": self.seconds, "progress": self.progress, "learner_steps": float(self.steps)}

    def state(self) -> dict[str, float]:
        """Counters, as JSON keeps them."""
        return {
            "update": self.update,
            self.counted: self.collected,
            "learner_steps": self.steps,
            "owed_samples": self.owed_samples,
            "seconds": self.seconds,
            "progress": self.progress,
            "third_passed": self._third_passed,
        }

    def restore(self, state: dict[str, float]) -> None:
        """Go on from saved counters."""
        self.update, self.collected = int(state["update"]), int(state[self.counted])
        self.steps = int(state["learner_steps"])
        self.owed_samples = float(state["owed_samples"])
        self.seconds = self._before_s = float(state["seconds"])
        self._third_passed = bool(state["third_passed"])
        self._next_evaluation = self.seconds + self._evaluate_s
        self._next_checkpoint = self.seconds + self._checkpoint_s
