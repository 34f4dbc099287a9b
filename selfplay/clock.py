"""Counters of a run: what is done, what is due, when it is over."""

import time
from typing import NamedTuple

from tengen.selfplay.config import StopConfig
from tengen.selfplay.games import Games


class Due(NamedTuple):
    """What the loop should do after an update."""

    save: bool
    keep: bool  # the saved checkpoint for good: it is rated, the last, or the younger self of the final table
    rate: bool


class RunClock:
    """Updates, games and wall time of a run over all its resumptions.

    Time is read once an update, so that all questions of one turn of the loop get answers that agree.
    """

    def __init__(self, stop: StopConfig, evaluate_minutes: float, checkpoint_minutes: float) -> None:
        self.stop = stop
        self.update = 0
        self.games = 0
        self.steps = 0
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

    def count(self, games: Games) -> None:
        """An update is done."""
        self.update += 1
        self.games += len(games)
        self.seconds = self._before_s + time.perf_counter() - self._started

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
            "progress": self.progress,
            "third_passed": self._third_passed,
        }

    def restore(self, state: dict[str, float]) -> None:
        """Go on from saved counters."""
        self.update, self.games, self.steps = int(state["update"]), int(state["games"]), int(state["steps"])
        self.owed_samples = float(state["owed_samples"])
        self.seconds = self._before_s = float(state["seconds"])
        self._third_passed = bool(state["third_passed"])
        self._next_evaluation = self.seconds + self._evaluate_s
        self._next_checkpoint = self.seconds + self._checkpoint_s
