"""Learning from recorded games: the moves that were played, and who won.

Clark & Storkey (2014), Maddison et al. (2014) and the first stage of AlphaGo (Silver et al. 2016).
"""

import contextlib
import json
import math
from dataclasses import dataclass

import torch
from safetensors.torch import load_file

from tengen.console import Progress
from tengen.envs import make_game
from tengen.envs.game import Game
from tengen.interrupt import GracefulInterrupt
from tengen.machine import usable_cores
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.checkpoint_files import write_tensors
from tengen.networks.paths import STATE
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.rundir import BEST as BEST
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.held_out import HeldOut
from tengen.selfplay.learner import Learner
from tengen.selfplay.make_learner import make_learner
from tengen.selfplay.resume import OPTIMIZER, explained, or_older
from tengen.selfplay.start import start_from
from tengen.selfplay.supervised_config import SupervisedConfig
from tengen.selfplay.supervised_data import EpochBatches, open_dataset


@dataclass(frozen=True)
class Limits:
    """When a run ends, as its clock reads it."""

    minutes: float
    updates: int
    positions: int


@dataclass
class Saved:
    """The parts of a run that a checkpoint keeps."""

    game: Game
    learner: Learner
    clock: RunClock
    best: float = math.inf  # lowest cross entropy of held-out moves; of results without a policy's loss
    tests_since_best: int = 0


def train(config: SupervisedConfig, run: RunDir, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed)."""
    torch.manual_seed(config.seed)
    game = make_game(config.game)
    dataset = open_dataset(config.data, game)
    batches = EpochBatches(
        dataset.part("train"),
        game,
        config.learner.batch_size,
        seed=config.seed,
        skip=config.skip_plies,
        symmetries=config.learner.symmetries,
        positions=config.positions,
    )
    held_out = HeldOut(
        dataset.part("test"),
        game,
        config.evaluation.positions,
        skip=config.skip_plies,
        kind=config.positions,
    )
    network = make_network(config.network, spec_for(game))
    slower = start_from(config.init, network, game, run, resume=resume)
    teaching = config.learner
    learner = make_learner(
        network, teaching.as_learner(), compile=teaching.compile, slower=slower, address=teaching.address
    )
    device = learner.device
    clock = RunClock(
        limits(config, batches), config.evaluation.every_minutes, config.checkpoint.every_minutes, "positions"
    )
    saved = Saved(game, learner, clock)
    words = f"{game.name}, {network.parameter_count():,} weights, {len(batches.plies):,} positions, {device}"
    Progress("starting").say(f"{run.path}: {words}; starting")
    run.log(words)
    patience = config.evaluation.patience
    with contextlib.closing(learner), contextlib.closing(batches):
        if resume:
            restore(saved, run)
        clock.start()
        with (
            GracefulInterrupt() as interrupt,
            Progress("learning", clock.total, clock.unit, clock.done) as progress,
        ):
            while not (is_over(saved, patience) or interrupt.stop_requested):
                losses = learn(learner, batches, config.steps_per_update, clock.progress)
                clock.steps = learner.steps
                clock.count(config.steps_per_update * config.learner.batch_size)
                metrics = {**clock.stats(), **losses, "positions": float(clock.collected)}
                metrics["epoch"] = learner.steps / batches.batches
                metrics["learning_rate"] = learner.learning_rate(clock.progress)
                due = clock.due()
                if due.rate:
                    found = held_out.test(learner.acting(), device, config.learner.threads or usable_cores())
                    metrics |= found
                    is_policy = config.learner.policy_weight > 0
                    note_best(saved, found["test_policy_loss" if is_policy else "test_value_loss"], run)
                    progress.say((told if is_policy else value_told)(clock.collected, found))
                if due.save:
                    save(saved, run)
                run.append_metrics({"step": clock.update, **metrics})
                progress.update(clock.done, f"loss {metrics['policy_loss']:.3f}")
            if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
                save(saved, run)
    over = is_over(saved, patience)
    run.log(f"{'finished' if over else 'stopped'} at update {clock.update}, saved")
    return over


def limits(config: SupervisedConfig, batches: EpochBatches) -> Limits:
    """The configured end, with epochs as positions."""
    stop = config.stop
    epochs = math.ceil(stop.epochs * batches.batches * batches.batch_size)
    chosen = [count for count in (stop.positions, epochs) if count]
    return Limits(stop.minutes, stop.updates, min(chosen, default=0))


def is_over(saved: Saved, patience: int) -> bool:
    """Whether a limit is reached, or the network has not become better for too long."""
    return saved.clock.is_over or bool(patience and saved.tests_since_best >= patience)


def learn(learner: Learner, batches: EpochBatches, steps: int, progress: float) -> dict[str, float]:
    """So many steps of the optimizer; returns the mean losses."""
    sums: dict[str, float] = {}
    for _ in range(steps):
        metrics = learner.step(batches.batch(learner.steps), progress)
        for name in ("policy_loss", "value_loss", "loss"):
            sums[name] = sums.get(name, 0.0) + metrics[name]
    return {name: value / steps for name, value in sums.items()}


def note_best(saved: Saved, loss: float, run: RunDir) -> None:
    """Keep the network where it is the best so far."""
    if loss < saved.best:
        saved.best, saved.tests_since_best = loss, 0
        with run.new_best() as folder:
            save_checkpoint(folder, saved.learner.acting(), game=saved.game, step=saved.clock.update)
    else:
        saved.tests_since_best += 1


def told(positions: int, found: dict[str, float]) -> str:
    """A test in words."""
    return (
        f"{positions:,} positions: {100 * found['test_top1']:.2f} % of held-out moves foretold, "
        f"{100 * found['test_top5']:.2f} % among five, cross entropy {found['test_policy_loss']:.3f}; "
        f"winners {100 * found['test_value_accuracy']:.1f} %"
    )


def value_told(positions: int, found: dict[str, float]) -> str:
    """A test in words, where only the winner is learned."""
    return (
        f"{positions:,} positions: {100 * found['test_value_accuracy']:.1f} % of held-out winners foretold, "
        f"mean squared error {found['test_value_mse']:.3f}, cross entropy {found['test_value_loss']:.3f}, "
        f"calibration within {100 * found['test_value_calibration']:.1f} %"
    )


def save(saved: Saved, run: RunDir) -> None:
    """Write a checkpoint."""
    state = {
        "loop": saved.clock.state(),
        "learner_steps": saved.learner.steps,
        "best": saved.best if math.isfinite(saved.best) else None,
        "tests_since_best": saved.tests_since_best,
    }
    with run.new_checkpoint(saved.clock.update) as checkpoint:
        write_tensors(checkpoint / OPTIMIZER, {**saved.learner.tensors(), "rng.torch": torch.get_rng_state()})
        save_checkpoint(
            checkpoint, saved.learner.acting(), game=saved.game, step=saved.clock.update, extra=state
        )


def restore(saved: Saved, run: RunDir) -> None:
    """Take up the run's newest checkpoint, if it has one. Raises TengenError where it cannot be read."""
    latest = run.latest_checkpoint()
    if latest is None:
        return
    step, folder = latest
    with or_older(folder, run):
        load_checkpoint(folder, saved.game)  # its weights are not needed, but should be whole
    with explained(folder, run):
        state = json.loads((folder / STATE).read_text())["extra"]
        tensors = load_file(folder / OPTIMIZER)
        torch.set_rng_state(tensors.pop("rng.torch"))
        saved.learner.restore(tensors, state["learner_steps"])
        saved.clock.restore(state["loop"])
        saved.best = math.inf if state["best"] is None else float(state["best"])
        saved.tests_since_best = int(state["tests_since_best"])
    run.log(f"resumed at update {step}, after {saved.clock.collected:,} positions")
