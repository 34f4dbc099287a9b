"""Matches and tournaments: what the runner itself costs, and how full it keeps networks' batches."""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.random import RandomAgent
from tengen.benchmarks.measuring import span, whole
from tengen.envs.game import Floats, Game, Ints, States

if TYPE_CHECKING:
    from tengen.networks.spec import NetworkConfig


class Timed(Agent):
    """An agent, and the processor time that this process spent in it."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self.name, self.needs_history = agent, agent.name, agent.needs_history
        self.cpu_s = 0.0

    def start(self, game: Game, slots: int) -> None:
        self.agent.start(game, slots)

    def batch(self, waiting: int) -> int:
        return self.agent.batch(waiting)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        began = time.process_time()
        try:
            return self.agent.choose(states, slots)
        finally:
            self.cpu_s += time.process_time() - began


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=6, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=64, help="default: %(default)s")
    parser.add_argument("--games", type=whole(2, 100_000), default=200, help="of two networks' policies")
    parser.add_argument("--turns", type=whole(1, 1000), default=5, help="of each side (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=span(3600), default=2.0, help="processor time of a turn, at least (%(default)s)"
    )
    parser.add_argument(
        "--random-games", type=whole(2), default=2000, help="of the tournament (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ms_per_ply (players in this process), gtp_ms_per_ply (where GNU Go is found; a game a core, as
    tournaments play by default), gtp_alone_ms_per_ply (one game at a time), games_per_minute (random players,
    store included), ratio (policies' evaluations/s in a match over self-play's), and both rates of
    evaluations.
    """
    from tengen.envs.registry import make_game

    game = make_game(args.game)
    return {
        "ms_per_ply": own_cost(game),
        **gtp_cost(game),
        "games_per_minute": tournament_rate(args.game, args.random_games),
        **policies(game, args),
    }


def own_cost(game: Game, games: int = 512) -> float:
    """Milliseconds of processor time a ply that are not the agents' own."""
    from tengen.league.match import play_match

    play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), 64)  # compiles
    first, second = Timed(RandomAgent(game, 1)), Timed(RandomAgent(game, 2))
    began = time.process_time()
    result = play_match(game, first, second, games, seed=1)
    own = time.process_time() - began - first.cpu_s - second.cpu_s
    return 1000 * own / sum(len(record.actions) - record.opening_plies for record in result.records)


def gtp_cost(game: Game, games: int = 8) -> dict[str, float]:
    """Milliseconds of this process's time a ply of two GTP programs, with a game a core and with one alone.

    Alone, the processor falls asleep between the pieces of an answer, and its waking is counted as ours.
    """
    from tengen.agents.engines.programs import find_executable
    from tengen.agents.registry import make_agent
    from tengen.league.match import play_match
    from tengen.machine import usable_cores

    if game.family != "go" or find_executable("gnugo") is None:
        return {}

    def cost(side_by_side: int) -> float:
        player = f"gtp:gnugo?level=0&processes={side_by_side}"
        first, second = (make_agent(player, game, seed=seed) for seed in (1, 2))
        try:
            play_match(game, first, second, 2, parallel=1)
            began = time.process_time()
            result = play_match(game, first, second, games * side_by_side, seed=1, parallel=side_by_side)
            own = time.process_time() - began
        finally:
            first.close()
            second.close()
        return 1000 * own / sum(len(record.actions) - record.opening_plies for record in result.records)

    return {"gtp_ms_per_ply": cost(usable_cores()), "gtp_alone_ms_per_ply": cost(1)}


def tournament_rate(game: str, games: int) -> float:
    """Games a minute between two random players, each in the store before it counts."""
    from tengen.league.store import Store
    from tengen.league.tournament import Tournament
    from tengen.league.tournament_config import TournamentConfig

    config = TournamentConfig(game=game, players=["random", "random"], games=games)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "league.sqlite") as store:
        began = time.perf_counter()
        Tournament(config, store).play()
        return 60 * len(store) / (time.perf_counter() - began)


def policies(game: Game, args: argparse.Namespace) -> dict[str, float]:
    """Evaluations a second of a match of two networks' policies, and of self-play with one, in turns."""
    from tengen.agents.policy import PolicyAgent
    from tengen.league.match import play_match
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    size = NetworkConfig(blocks=args.blocks, channels=args.channels)
    networks = [NetworkEvaluator(PolicyValueNet(size, spec_for(game)), threads=1) for _ in range(2)]
    counts = [_Counted(network) for network in networks]
    first, second = (PolicyAgent(f"policy {k}", game, counts[k], 1.0, k) for k in range(2))

    def match() -> int:
        before = sum(one.evaluations for one in counts)
        play_match(game, first, second, args.games, seed=1, parallel=args.games)
        return sum(one.evaluations for one in counts) - before

    selfplay = self_play(game, size, networks[0])
    match()
    selfplay()
    sides, turns = (match, selfplay), range(args.turns)
    rates = np.array([[per_cpu_second(side, args.seconds) for side in sides] for _ in turns])
    ratio = float(np.median(rates[:, 0] / rates[:, 1]))
    ours, theirs = np.median(rates, 0)
    return {"ratio": ratio, "evaluations_per_s": float(ours), "selfplay_evaluations_per_s": float(theirs)}


def per_cpu_second(work: Callable[[], int], seconds: float) -> float:
    """What a call does, per second of this process's time: other processes slow both sides down unevenly."""
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        done += work()
    return done / (time.process_time() - began)


def self_play(game: Game, size: "NetworkConfig", network: Any) -> Callable[[], int]:
    """Self-play in this thread: each call plays some moves of 192 games, 16 simulations a move."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.worker import SelfPlayWorker

    config = TrainConfig(
        game=game.name,
        network=size,
        search=SearchConfig(simulations=16),
        rollouts=RolloutsConfig(games=192),
    )
    worker = SelfPlayWorker(game, network, config, 1)
    return lambda: int(worker.collect(384)[1]["evaluations"])


class _Counted:
    """A network that counts the positions it is asked about."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.evaluations = 0

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        self.evaluations += len(observations)
        found: tuple[Floats, Floats] = self.network(observations)
        return found
