"""Policy-gradient self-play against a pool of one's own past: AlphaGo's second stage.

Silver et al., Mastering the game of Go with deep neural networks and tree search (Nature 2016), methods,
"Reinforcement learning of policy networks".
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from tengen.console import Progress
from tengen.envs import make_game
from tengen.envs.game import Game
from tengen.interrupt import GracefulInterrupt
from tengen.networks.checkpoint import checkpoint_planes, load_checkpoint, save_checkpoint
from tengen.networks.checkpoint_files import write_tensors
from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.hardware import choose_device
from tengen.networks.heads import BoardNetwork
from tengen.networks.paths import STATE
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.networks.weights import network_weights
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.policy_games import Actor, Played, play_games
from tengen.selfplay.policy_gradient import PolicyGradient
from tengen.selfplay.reinforce_config import ReinforceConfig
from tengen.selfplay.resume import OPTIMIZER, explained, or_older
from tengen.selfplay.start import start_from

POOL = "pool"  # folder of the policies that are met
Odds = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of opponents, by the win rates against them


@dataclass
class Pool:
    """Earlier policies, each in a folder of its own, and how one fares against them."""

    folder: Path
    scores: dict[int, list[float]] = field(default_factory=dict)  # update it joined at -> [games, points]

    def path(self, update: int) -> Path:
        """The checkpoint of the policy that joined at an update."""
        return self.folder / f"update-{update:06d}"

    def add(self, update: int, network: BoardNetwork, game: Game, keep: int) -> None:
        """Take a policy in; the first, and then the newest, stay where `keep` are the most."""
        save_checkpoint(self.path(update), network, game=game, step=update)
        self.scores.setdefault(update, [0.0, 0.0])
        while keep and len(self.scores) > max(1, keep):
            del self.scores[sorted(self.scores)[1 if len(self.scores) > 1 and keep > 1 else 0]]

    def win_rates(self) -> NDArray[np.float64]:
        """Points a game against each one, oldest first; nan before the first game."""
        with np.errstate(invalid="ignore"):
            pairs = np.array([self.scores[update] for update in sorted(self.scores)])
            rates: NDArray[np.float64] = pairs[:, 1] / pairs[:, 0]
        return rates

    def draw(self, odds: Odds, rng: np.random.Generator) -> int:
        """The update at which the next opponent joined."""
        members = sorted(self.scores)
        return members[int(rng.choice(len(members), p=odds(self.win_rates())))]

    def note(self, update: int, outcomes: NDArray[np.int8], memory: float = 0.9) -> None:
        """Count games against a member; older ones fade, for one becomes stronger."""
        score = self.scores[update]
        score[0] = memory * score[0] + len(outcomes)
        score[1] = memory * score[1] + float((outcomes + 1).sum() / 2)


def network_for(config: ReinforceConfig, game: Game) -> BoardNetwork:
    """The run's network before it takes over weights. Raises TengenError where it does not fit the game."""
    shape = config.network
    if shape is None:
        assert config.init is not None
        shape = load_checkpoint(config.init.path)[0].config
    return make_network(shape, spec_for(game))


def baseline_of(config: ReinforceConfig, game: Game) -> NetworkEvaluator | None:
    """The value network that tells what was to be expected. Raises TengenError where there is none."""
    if config.learner.baseline in ("none", "mean"):
        return None
    network, _ = load_checkpoint(config.learner.baseline, game)
    return NetworkEvaluator(network, threads=config.learner.threads or None)


def game_of(config: ReinforceConfig) -> Game:
    """The run's game, seen in the planes of `init` where there is no other network."""
    game = make_game(config.game)
    if config.network is None and config.init is not None:
        return game.seeing(checkpoint_planes(config.init.path))
    return game


def train(config: ReinforceConfig, run: RunDir, odds: Odds, *, resume: bool = False) -> bool:
    """Train until the configured end; returns False where the user stopped it (the run can be resumed).

    odds: whom to meet (`league.matchmaking.fictitious`).
    """
    torch.manual_seed(config.seed)
    latest = run.latest_checkpoint() if resume else None
    game, network = taken_up(config, latest)
    slower = start_from(config.init, network, game, run, resume=latest is not None)
    device = choose_device("auto")
    learner = PolicyGradient(network, config, device, slower, baseline_of(config, game))
    player = NetworkEvaluator(network, threads=config.learner.threads or None)
    opponent = NetworkEvaluator(network, threads=config.learner.threads or None)
    clock = RunClock(config.stop, float("inf"), config.checkpoint.every_minutes)
    pool = Pool(run.path / POOL)
    words = f"{game.name}, {network.parameter_count():,} weights, {device}"
    Progress("starting").say(f"{run.path}: {words}; starting")
    run.log(words)
    if latest is None:
        pool.add(0, network, game, config.pool.keep)
    else:
        restore(learner, pool, clock, run, latest)
    clock.start()
    with (
        GracefulInterrupt() as interrupt,
        Progress("self-play", clock.total, clock.unit, clock.done) as progress,
    ):
        while not (clock.is_over or interrupt.stop_requested):
            rng = np.random.default_rng([config.seed, clock.update])
            player.load_weights(network_weights(network), clock.update)
            met = pool.draw(odds, rng)
            opponent.load_weights(network_weights(load_checkpoint(pool.path(met), game)[0]), met)
            played, outcomes = play(config, game, player, opponent, config.games_per_update, rng)
            pool.note(met, outcomes)
            found = learner.step(played, game, rng)
            clock.count(len(outcomes))
            metrics = {**clock.stats(), **found, "games": float(clock.collected)}
            metrics["plies"] = float(played.part.lengths.mean())
            metrics["score"] = float((outcomes + 1).mean() / 2)
            metrics["pool_score"] = float(np.nanmean(pool.win_rates()))
            if clock.update % config.pool.every == 0:
                pool.add(clock.update, network, game, config.pool.keep)
            metrics["pool"] = float(len(pool.scores))
            if clock.update % config.evaluation.every == 0 or clock.is_over:
                metrics["first_score"] = against_first(config, game, network, pool, player, opponent)
                progress.say(told(clock, metrics))
            if clock.due().save:
                save(learner, pool, clock, game, run)
            run.append_metrics({"step": clock.update, **metrics})
            progress.update(clock.done, f"{metrics['pool_score']:.1%} against the pool")
        if (newest := run.latest_checkpoint()) is None or newest[0] != clock.update:
            save(learner, pool, clock, game, run)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at update {clock.update}, saved")
    return clock.is_over


def taken_up(config: ReinforceConfig, latest: tuple[int, Path] | None) -> tuple[Game, BoardNetwork]:
    """Game and network of a new run, or of its newest checkpoint, for which `init` need not be there."""
    if latest is None:
        game = game_of(config)
        return game, network_for(config, game)
    game = make_game(config.game).seeing(checkpoint_planes(latest[1]))
    return game, load_checkpoint(latest[1], game)[0]


def play(
    config: ReinforceConfig,
    game: Game,
    first: NetworkEvaluator,
    second: NetworkEvaluator,
    count: int,
    rng: np.random.Generator,
) -> tuple[Played, NDArray[np.int8]]:
    """Games of the first against the second, who begin in turn; outcomes [count] are the first's."""
    actors = [Actor(game, one, config.temperature, config.passes_last) for one in (first, second)]
    sides = np.arange(count) % 2  # the player that the first one is
    played = play_games(
        game,
        actors,
        lambda games, players, ply: (players != sides[games]).astype(np.int64),
        count,
        rng,
        max_plies=config.max_plies,
    )
    return played, np.where(sides == 0, played.part.outcomes, -played.part.outcomes).astype(np.int8)


def against_first(
    config: ReinforceConfig,
    game: Game,
    network: BoardNetwork,
    pool: Pool,
    player: NetworkEvaluator,
    opponent: NetworkEvaluator,
) -> float:
    """Points a game against the policy that the run began with."""
    player.load_weights(network_weights(network), 0)
    opponent.load_weights(network_weights(load_checkpoint(pool.path(0), game)[0]), 0)
    rng = np.random.default_rng(config.seed)
    _, outcomes = play(config, game, player, opponent, config.evaluation.games, rng)
    return float((outcomes + 1).mean() / 2)


def told(clock: RunClock, metrics: dict[str, float]) -> str:
    """A test in words."""
    return (
        f"update {clock.update}, {clock.collected:,} games: {metrics['first_score']:.1%} against the first "
        f"policy, {metrics['pool_score']:.1%} against the pool; entropy {metrics['entropy']:.2f}"
    )


def save(learner: PolicyGradient, pool: Pool, clock: RunClock, game: Game, run: RunDir) -> None:
    """Write a checkpoint."""
    extra = {"loop": clock.state(), "pool": {str(update): score for update, score in pool.scores.items()}}
    with run.new_checkpoint(clock.update) as checkpoint:
        write_tensors(checkpoint / OPTIMIZER, {**learner.tensors(), "none": torch.zeros(1)})
        save_checkpoint(checkpoint, learner.network, game=game, step=clock.update, extra=extra)


def restore(
    learner: PolicyGradient, pool: Pool, clock: RunClock, run: RunDir, latest: tuple[int, Path]
) -> None:
    """Take up counters, opponents and moments of a checkpoint. Raises TengenError where it cannot be read."""
    step, folder = latest
    with or_older(folder, run):
        load_checkpoint(folder)
    with explained(folder, run):
        state = json.loads((folder / STATE).read_text())["extra"]
        learner.restore(load_file(folder / OPTIMIZER))
        clock.restore(state["loop"])
        pool.scores = {int(update): list(map(float, score)) for update, score in state["pool"].items()}
    run.log(f"resumed at update {step}, after {clock.collected:,} games")
