"""What every run in worlds does around its learning: start, take up, count, publish, save, rate, log, end."""

import contextlib
from types import TracebackType
from typing import Self

from tengen.console import Progress
from tengen.interrupt import GracefulInterrupt
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.dqn_config import WorldRunConfig
from tengen.selfplay.dqn_resume import SavedWorlds, restore, save
from tengen.selfplay.saving import saving
from tengen.selfplay.world_log import WorldJudge, WorldLog
from tengen.selfplay.world_rollouts import Answer, WorldTrainConfig, make_world_rollouts


def make_clock(config: WorldRunConfig) -> RunClock:
    """The counters of a run that ends by steps of its worlds."""
    return RunClock(config.stop, config.evaluation.every_minutes, config.checkpoint.every_minutes, "steps")


class WorldSession:
    """One stretch of a run, from its start or resumption to its end or interruption. A context manager.

    with WorldSession(config, run, judge, saved, resume) as session:
        while session.goes_on:
            answer = session.collect()
            ...  # learn, and tell session.log what came of it
            session.end_turn(answer.steps)
    """

    def __init__(
        self, config: WorldTrainConfig, run: RunDir, judge: WorldJudge, saved: SavedWorlds, resume: bool
    ) -> None:
        self._config, self._run, self._judge, self._saved, self._resume = config, run, judge, saved, resume
        self.clock = saved.clock
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        saved, clock = self._saved, self.clock
        weights = f"{saved.network.parameter_count():,} weights, {saved.learner.device}"
        self._run.log(f"{self._config.game}, {weights}")
        with contextlib.ExitStack() as closing:
            self._rollouts = make_world_rollouts(self._config)
            closing.callback(self._rollouts.close)
            closing.callback(self._judge.close)
            if self._resume:
                restore(saved, self._run, self._rollouts)
            self._publish()
            clock.start()
            self._interrupt = closing.enter_context(GracefulInterrupt())
            progress = Progress(self._config.game, clock.total, clock.unit, clock.done, share=clock.progress)
            self.log = WorldLog(self._run, clock, closing.enter_context(progress))
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._closing:
            if kind is not None:
                return
            if not self._interrupt.stop_requested:
                self._write_log(wait=True)
            newest = self._run.latest_checkpoint()
            if newest is None or newest[0] != self.clock.update:
                save(self._saved, self._run, self._rollouts)
        end = "finished" if self.clock.is_over else "stopped"
        self._run.log(f"{end} at step {self.clock.collected}, saved")

    @property
    def goes_on(self) -> bool:
        """Whether there is more to do: no limit is reached, and the user has not stopped it."""
        return not (self.clock.is_over or self._interrupt.stop_requested)

    def collect(self) -> Answer:
        """See `WorldRollouts.collect`."""
        with self._saving():
            return self._rollouts.collect()

    def end_turn(self, new_steps: int) -> None:
        """The learner has learnt from so many new steps: publish it, save and rate what is due."""
        self.clock.count(new_steps)
        due = self.clock.due()
        if due.save:
            save(self._saved, self._run, self._rollouts)
        if due.rate:
            self._judge.begin(self._saved.network, self.clock.update)
        self._write_log()
        with self._saving():
            self._publish()

    def _saving(self) -> contextlib.AbstractContextManager[None]:
        return saving(lambda: save(self._saved, self._run, self._rollouts))

    def _publish(self) -> None:
        self._rollouts.publish(self._saved.learner.weights(), self.clock.update, self.clock.collected)

    def _write_log(self, wait: bool = False) -> None:
        shards = self._saved.shards
        stored = {} if shards is None else {"replay": float(len(shards.replay))}
        self.log.write(self._rollouts, stored, self._judge.finished(wait), last=wait)
