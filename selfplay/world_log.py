"""What a run in worlds tells of itself: rows of metrics, and the line beside the progress bar."""

import time
from typing import Protocol

from tengen.console import Progress, number
from tengen.networks.q import QNetwork
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.world_rollouts import WorldRollouts

EVERY_S = 2.0  # between rows: a turn of the loop may take milliseconds


class WorldJudge(Protocol):
    """Who plays episodes with the network beside training."""

    def begin(self, network: QNetwork, update: int) -> None:
        """Evaluate the network as it is now, unless an earlier evaluation is not done yet."""

    def finished(self, wait: bool = False) -> dict[str, float]:
        """Metrics of an evaluation that has ended since the last call; `wait` for one that is under way."""

    def close(self) -> None:
        """Stop what is under way."""


class WorldLog:
    """Means of the learner's metrics, rates of the actors and scores, one row every few seconds."""

    def __init__(self, run: RunDir, clock: RunClock, progress: Progress) -> None:
        self._run, self._clock, self._progress = run, clock, progress
        self._sums: dict[str, float] = {}
        self._count = 0
        self._written = time.monotonic()
        self._score: float | None = None

    def add(self, metrics: dict[str, float]) -> None:
        """Those of one gradient step."""
        self._count += 1
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def write(
        self,
        rollouts: WorldRollouts,
        also: dict[str, float],
        evaluation: dict[str, float],
        last: bool = False,
    ) -> None:
        """Append a row if one is due, or there is an evaluation, or the run ends."""
        self._progress.update(self._clock.done, share=self._clock.progress)
        if time.monotonic() - self._written < EVERY_S and not evaluation and not last:
            return
        self._written = time.monotonic()
        means = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        clock = self._clock
        row = {
            **clock.stats(),
            "steps": float(clock.collected),
            **means,
            **also,
            **rollouts.stats(),
            **evaluation,
        }
        self._score = row.get("training_score", self._score)
        self._progress.update(clock.done, self._note(row), clock.progress)
        self._run.append_metrics({"step": clock.update, **row})

    def _note(self, row: dict[str, float]) -> str:
        """The figures worth a place beside the progress bar."""
        words = [f"{row['steps']:,.0f} steps"]
        if row["steps_per_s"]:  # the last row follows the last steps by an evaluation
            words.append(f"{row['steps_per_s']:,.0f} steps/s")
        if self._score is not None:
            words.append(f"score {number(self._score)}")
        if "loss" in row:
            words.append(f"loss {row['loss']:.3g}")
        words.append(f"eps {row['epsilon']:.2f}")
        if "replay" in row:
            words.append(f"replay {row['replay']:,.0f}")
        return ", ".join(words)
