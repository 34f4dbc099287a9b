"""Evolution by self-play: games within the population decide who has children.

Chellapilla and Fogel, Evolving neural networks to play checkers without relying on expert knowledge (IEEE
Transactions on Neural Networks 1999); Evolving an expert checkers playing program without using human
expertise (IEEE Transactions on Evolutionary Computation 2001). Strategies of other kinds take the same
place in the loop.
"""

import contextlib
import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.console import Progress, number
from tengen.envs.registry import make_game
from tengen.interrupt import GracefulInterrupt
from tengen.rundir import RunDir
from tengen.selfplay.clock import RunClock
from tengen.selfplay.evolution_checkpoint import SavedEvolution, restore, save
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.fitness import Openings, Players, make_players
from tengen.selfplay.hall import Champion, Hall
from tengen.selfplay.pairing import Results, schedule, scores
from tengen.selfplay.saving import saving
from tengen.selfplay.strategies import Population, Strategy, make_strategy

NO_OPENINGS: Openings = ((),)


class ChampionJudge(Protocol):
    """Who rates the best individual, between two generations."""

    def keep(self, generation: int) -> None:
        """The snapshot of that generation joins the league."""

    def rate(self, generation: int, stop: Callable[[], bool]) -> dict[str, float]:
        """Metrics of the checkpoint of that generation, against baselines."""


class Bred(NamedTuple):
    """A generation that has played."""

    population: Population
    alive: NDArray[np.bool_]  # [P] all numbers finite
    fitness: NDArray[np.float64]  # [P]
    results: Results
    champion: Champion

    def stats(self) -> dict[str, float]:
        """For the log. diversity: a weight's standard deviation over the population, in the mean."""
        weights, points = self.population.weights[self.alive], self.fitness[self.alive]
        outcomes, turns = self.results.T if len(self.results) else np.zeros((2, 1))
        return {
            "best": float(points.max()),
            "mean": float(points.mean()),
            "worst": float(points.min()),
            "diversity": float(weights.std(0).mean()),
            "weight_size": float(np.sqrt(np.square(weights, dtype=np.float64).mean())),
            "king": float(self.population.kings[self.alive].mean()),
            "king_best": self.champion.king,
            "dropped": float((~self.alive).sum()),
            "games": float(len(self.results)),
            "first_player_wins": float((outcomes > 0).mean()),
            "draws": float((outcomes == 0).mean()),
            "turns": float(turns.mean()),
        }


def breed(
    config: EvolutionConfig, strategy: Strategy, hall: Hall, players: Players, openings: int, generation: int
) -> Bred:
    """One generation: its individuals play, and the strategy is told how they did."""
    rng = chance(config, generation, "generation")
    population = strategy.ask(rng)
    alive = np.isfinite(population.weights).all(1) & np.isfinite(population.kings)
    jobs = schedule(config.fitness, alive, len(hall), openings, rng)
    results = players.play(hall.beside(population), jobs, config.seed + generation)
    fitness = scores(config.fitness, alive, jobs, results)
    strategy.tell(fitness, rng)
    weights, king, score = strategy.champion(population, fitness)
    champion = Champion(weights, king, score, generation)
    return Bred(population, alive, fitness, results, champion)


def unbred(config: EvolutionConfig, strategy: Strategy) -> Champion:
    """An individual that no selection has touched: generation 0, which later ones are measured by."""
    population = strategy.ask(chance(config, 0, "unbred"))
    weights, king, score = strategy.champion(population, np.zeros(len(population.weights)))
    return Champion(weights, king, score, 0)


def train(
    config: EvolutionConfig,
    run: RunDir,
    judge: ChampionJudge | None = None,
    openings: Openings = NO_OPENINGS,
    *,
    resume: bool = False,
) -> bool:
    """Breed until the configured end; returns False where the user stopped it (the run can be resumed)."""
    size = genome_size(config)
    strategy = make_strategy(config, size, chance(config, 0, "start"))
    hall = Hall(config.hall, size)
    clock = RunClock(config.stop, math.inf, config.checkpoint.every_minutes)
    saved = SavedEvolution(config, strategy, hall, clock)
    about = f"{config.game}, {config.population} x {size:,} weights, {config.strategy.name}"
    run.log(about)
    Progress("starting").say(f"{run.path}: {about}")
    players = make_players(config, openings)
    with contextlib.closing(players):
        if resume:
            restore(saved, run)
        if config.snapshot_every and run.latest_checkpoint() is None:
            saved.champion = unbred(config, strategy)
            save(saved, run, mark=True)
            if judge is not None:
                judge.keep(0)
        clock.start()
        with (
            GracefulInterrupt() as interrupt,
            Progress("evolution", clock.total, clock.unit, clock.done) as progress,
        ):
            while not (clock.is_over or interrupt.stop_requested):
                generation = clock.update + 1
                started = time.perf_counter()
                with saving(lambda: save(saved, run) if clock.update else None):
                    bred = breed(config, strategy, hall, players, len(openings), generation)
                saved.champion = bred.champion
                hall.consider(bred.champion)
                clock.count(len(bred.results))
                metrics = {
                    "seconds": clock.seconds,
                    "progress": clock.progress,
                    **bred.stats(),
                    **strategy.stats(),
                    "hall": float(len(hall)),
                    "games_per_s": len(bred.results) / (time.perf_counter() - started),
                }
                progress.update(clock.done, note(metrics))
                is_snapshot = config.snapshot_every > 0 and generation % config.snapshot_every == 0
                is_rated = config.evaluation.every > 0 and generation % config.evaluation.every == 0
                # Before the checkpoint: a resumed run drops rows of later generations, and never misses one.
                run.append_metrics({"step": generation, **metrics})
                if clock.due().save or is_snapshot or (is_rated and judge is not None):
                    save(saved, run, mark=is_snapshot)
                if judge is not None and is_snapshot:
                    judge.keep(generation)
                ratings: dict[str, float] = {}
                if judge is not None and is_rated:
                    ratings = judge.rate(generation, lambda: interrupt.stop_requested)
                if ratings:
                    run.append_metrics({"step": generation, **ratings})
            if clock.update and ((newest := run.latest_checkpoint()) is None or newest[0] != clock.update):
                save(saved, run)
    run.log(f"{'finished' if clock.is_over else 'stopped'} at generation {clock.update}, saved")
    return clock.is_over


def genome_size(config: EvolutionConfig) -> int:
    """Weights of an individual. Raises TengenError where it cannot play the game."""
    if config.network.name == "hand":
        from tengen.agents.minimax.searcher import default_params

        return len(default_params(make_game(config.game), "hand"))
    if config.network.name == "search":
        from tengen.agents.mcts.tuning import TUNED, middle_of

        middle_of(config.network.agent, make_game(config.game))
        return len(TUNED)
    if config.network.name == "conv":
        from tengen.networks.population import conv_population

        return conv_population(make_game(config.game), config.network).size
    from tengen.networks.blondie_layout import LAYOUTS

    return LAYOUTS[config.network.name].size


def chance(config: EvolutionConfig, generation: int, what: str) -> np.random.Generator:
    """The chance of a generation: a function of the seed, so that nothing of it need be saved."""
    return np.random.default_rng([config.seed, generation, len(what)])


def note(metrics: dict[str, float]) -> str:
    """The figures worth a place beside the progress bar."""
    return f"{number(metrics['games_per_s'])} games/s, best {metrics['best']:g}, mean {metrics['mean']:.2f}"
