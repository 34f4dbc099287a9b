"""Searched speed over bare network speed on a GPU, with several threads and batches of 256 to 4096.

Each thread has an evaluator and games of its own: while one thread's batch is on the GPU, the others walk
their trees. The bare rate of a network at a batch size is the best that any number of the same threads
reaches when they do nothing but evaluate, so that no bare loop that leaves the GPU idle flatters the ratio.
`ratio` and `per_second` are the best at any batch size and number of threads, of the worst network on the
worst game.
"""

import argparse
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tengen.benchmarks.measuring import span, whole
from tengen.benchmarks.network import batch_sizes
from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.benchmarks.searching import MovingSearch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--games", default="go9,go19", help="between commas (default: %(default)s)")
    parser.add_argument("--networks", default="6x96,10x128", help="blocks x channels (default: %(default)s)")
    parser.add_argument("--batches", default="256,512,1024,2048,4096", help="default: %(default)s")
    parser.add_argument("--workers", default="1,2,4,8", help="numbers of threads (default: %(default)s)")
    parser.add_argument("--simulations", type=whole(1, 10_000), default=32, help="default: %(default)s")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N; cpu to try it out")
    parser.add_argument("--seconds", type=span(3600), default=2.0, help="for each measurement")


class Measured(NamedTuple):
    """One network on one game at one batch size and number of threads."""

    game: str
    network: str
    batch: int
    workers: int
    bare: float  # evaluations/s of these threads
    searched: float  # simulations/s


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, per_second, and ratio_<game>_<network>_b<batch>_t<threads> of each measurement."""
    import torch

    if args.device != "cpu" and not torch.cuda.is_available():
        raise TengenError("there is no GPU that torch can use; --device cpu tries the benchmark out without")
    batches, workers = batch_sizes(args.batches), batch_sizes(args.workers)
    found = [
        row
        for game in args.games.split(",")
        for network in args.networks.split(",")
        for row in measure_network(game.strip(), network.strip(), batches, workers, args)
    ]
    best = best_bare(found)
    print("\n".join(markdown(found, best)), flush=True)
    ratios = {(row.game, row.network): 0.0 for row in found}
    rates = dict(ratios)
    for row in found:
        key = row.game, row.network
        ratios[key] = max(ratios[key], row.searched / best[(*key, row.batch)])
        rates[key] = max(rates[key], row.searched)
    return {
        "ratio": min(ratios.values()),
        "per_second": min(rates.values()),
        **{
            f"ratio_{row.game}_{row.network}_b{row.batch}_t{row.workers}": row.searched
            / best[row.game, row.network, row.batch]
            for row in found
        },
        **{f"bare_{game}_{network}_b{batch}": rate for (game, network, batch), rate in best.items()},
    }


def measure_network(
    game_name: str, size: str, batches: list[int], workers: list[int], args: argparse.Namespace
) -> list[Measured]:
    """All batch sizes and numbers of threads for one network on one game."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.evaluators import NetworkLeaves
    from tengen.benchmarks.searching import MovingSearch
    from tengen.envs import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    blocks, _, channels = size.partition("x")
    if not (blocks.isdecimal() and channels.isdecimal()):
        raise TengenError(f"--networks {size}: expected blocks x channels, such as 6x96")
    game = make_game(game_name)
    config = NetworkConfig(blocks=int(blocks), channels=int(channels))
    network = PolicyValueNet(config, spec_for(game))
    evaluators = [NetworkEvaluator(network, device=args.device, threads=1) for _ in range(max(workers))]
    print(f"{game_name} {size}: {evaluators[0].describe()}", flush=True)
    search = SearchConfig(simulations=args.simulations)
    rows = []
    for batch in batches:
        moving = [
            MovingSearch(game, NetworkLeaves(evaluator), search, batch, seed)
            for seed, evaluator in enumerate(evaluators)
        ]
        sides = [evaluation_loop(evaluator, one) for evaluator, one in zip(evaluators, moving, strict=True)]
        for one, side in zip(moving, sides, strict=True):
            one.warm_up()
            side()
        for count in workers:
            bare = together(sides[:count], args.seconds)
            searched = together([one.advance for one in moving[:count]], args.seconds)
            rows.append(Measured(game_name, size, batch, count, bare, searched))
    return rows


def evaluation_loop(evaluator: Callable[..., object], moving: "MovingSearch") -> Callable[[], int]:
    """One evaluation of the search's starting positions, which are what the search begins with."""
    batch = len(moving.slots)
    observations = moving.game.new_observation(batch)
    moving.game.observe(moving.starts, observations)

    def evaluate() -> int:
        evaluator(observations)
        return batch

    return evaluate


def together(sides: list[Callable[[], int]], seconds: float) -> float:
    """Work a second of all sides, each in a thread of its own."""
    work = [0] * len(sides)
    ready = threading.Barrier(len(sides) + 1)
    end = 0.0

    def go(index: int) -> None:
        ready.wait()
        while time.perf_counter() < end:
            work[index] += sides[index]()

    threads = [threading.Thread(target=go, args=(i,), daemon=True) for i in range(len(sides))]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    end = started + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    return sum(work) / (time.perf_counter() - started)


def best_bare(rows: list[Measured]) -> dict[tuple[str, str, int], float]:
    """The best bare rate of each network on each game at each batch size."""
    best: dict[tuple[str, str, int], float] = {}
    for row in rows:
        key = row.game, row.network, row.batch
        best[key] = max(best.get(key, 0.0), row.bare)
    return best


def markdown(rows: list[Measured], best: dict[tuple[str, str, int], float]) -> list[str]:
    """The table for docs/results."""
    lines = [
        "| game | network | batch | threads | bare evals/s | best bare | simulations/s | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        bare = best[row.game, row.network, row.batch]
        lines.append(
            f"| {row.game} | {row.network} | {row.batch} | {row.workers} | {row.bare:,.0f} | {bare:,.0f} | "
            f"{row.searched:,.0f} | {row.searched / bare:.2f} |"
        )
    return lines
