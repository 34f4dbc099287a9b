"""Self-play on a GPU: evaluations a second bare and while playing, how busy the GPU is, and the learner.

Each thread plays games of its own in two halves, one of which is evaluated while the other walks its trees,
as actors on GPUs do. The bare rate is the best that any number of the same threads reaches when they do
nothing but evaluate batches of half a thread's games, or of all. `ratio` is the best rate of self-play over
the bare one, of the worst network. The learner steps on made-up batches, in bf16, as it is and by
torch.compile.
"""

import argparse
import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tengen.benchmarks.gpu_search import together
from tengen.benchmarks.measuring import span, spread_out, whole
from tengen.benchmarks.network import batch_sizes
from tengen.errors import TengenError

LOOK_S = 0.25  # between two looks at how busy the GPU is
WARM_UP = 3  # calls before anything is measured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--networks", default="6x96,10x128", help="blocks x channels (default: %(default)s)")
    parser.add_argument("--threads", default="1,8,16", help="of trees (default: %(default)s)")
    parser.add_argument(
        "--games", type=whole(2, 100_000), default=1024, help="side by side in each thread (%(default)s)"
    )
    parser.add_argument("--simulations", type=whole(1, 10_000), default=32, help="default: %(default)s")
    parser.add_argument("--batch", type=whole(1, 65_536), default=2048, help="of the learner (%(default)s)")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N; cpu to try it out")
    parser.add_argument("--no-compile", action="store_true", help="measure the learner uncompiled only")
    parser.add_argument("--seconds", type=span(3600), default=10.0, help="for each measurement")


class Played(NamedTuple):
    """One network with some threads."""

    network: str
    threads: int
    bare: float  # evaluations/s
    selfplay: float  # evaluations/s
    busy: float | None  # share of the time that the GPU ran anything, in self-play


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio, per_second (of self-play, the worst network's best), and each measurement by name.

    bare_6x96_t8, selfplay_6x96_t8, utilisation_6x96_t8; learner_6x96, learner_6x96_compiled in samples/s.
    """
    import torch

    if args.device != "cpu" and not torch.cuda.is_available():
        raise TengenError("there is no GPU that torch can use; --device cpu tries the benchmark out without")
    threads = batch_sizes(args.threads)
    figures: dict[str, float] = {}
    ratios, rates, rows = [], [], []
    for size in (name.strip() for name in args.networks.split(",")):
        found = measure_selfplay(size, threads, args)
        rows += found
        bare, best = max(row.bare for row in found), max(row.selfplay for row in found)
        ratios.append(best / bare)
        rates.append(best)
        for row in found:
            figures[f"bare_{size}_t{row.threads}"] = row.bare
            figures[f"selfplay_{size}_t{row.threads}"] = row.selfplay
            if row.busy is not None:
                figures[f"utilisation_{size}_t{row.threads}"] = row.busy
        for name, compile in (("", False), ("_compiled", True))[: 1 if args.no_compile else 2]:
            figures[f"learner_{size}{name}"] = measure_learner(size, compile, args)
    print("\n".join(markdown(rows, figures)), flush=True)
    return {"ratio": min(ratios), "per_second": min(rates), **figures}


def measure_selfplay(size: str, threads: list[int], args: argparse.Namespace) -> list[Played]:
    """A network with each number of threads, bare and playing."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.envs import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.halves import TwoHalves

    game = make_game(args.game)
    network = _network(size, args.game)
    evaluators = [NetworkEvaluator(network, device=args.device, threads=1) for _ in range(max(threads))]
    print(f"{args.game} {size}: {evaluators[0].describe()}", flush=True)
    config = TrainConfig(
        game=args.game,
        search=SearchConfig(simulations=args.simulations),
        rollouts=RolloutsConfig(games=args.games),
    )
    players = [TwoHalves(game, evaluator, config, seed) for seed, evaluator in enumerate(evaluators)]
    loops = [
        [evaluation_loop(evaluator, game, count) for evaluator in evaluators]
        for count in sorted({args.games // 2, args.games})
    ]
    turns = [playing_loop(player, args.games) for player in players]
    for side in [*turns, *(side for sides in loops for side in sides)]:
        for _ in range(WARM_UP):
            side()
    rows = []
    for count in threads:
        bare = max(together(sides[:count], args.seconds) for sides in loops)
        with utilisation(args.device) as busy:
            selfplay = together(turns[:count], args.seconds)
        rows.append(Played(size, count, bare, selfplay, float(np.mean(busy)) if busy else None))
    return rows


def evaluation_loop(evaluator: Any, game: Any, batch: int) -> Callable[[], int]:
    """Two batches of positions under way at a time."""
    observations = game.new_observation(batch)
    game.observe(spread_out(game, batch), observations)

    def evaluate() -> int:
        pending = [evaluator.submit(observations) for _ in range(2)]
        for one in pending:
            one.result()
        return 2 * batch

    return evaluate


def playing_loop(player: Any, games: int) -> Callable[[], int]:
    """Some self-play; how many evaluations it took."""

    def play() -> int:
        _, counts = player.collect(max(1, games // 8))
        return int(counts["evaluations"])

    return play


def measure_learner(size: str, compile: bool, args: argparse.Namespace) -> float:
    """Samples a second."""
    import torch

    from tengen.networks.hardware import choose_device
    from tengen.selfplay.config import LearnerConfig
    from tengen.selfplay.learner import Learner
    from tengen.selfplay.replay import Batch

    network = _network(size, args.game)
    spec = network.spec
    config = LearnerConfig(batch_size=args.batch, compile=compile)
    learner = Learner(network, config, choose_device(args.device), compile=compile)
    rng = np.random.default_rng(0)
    channels, height, width = spec.obs_shape
    actions = len(spec.policy_index)
    points_first = rng.random((args.batch, height, width, channels), np.float32)
    batch = Batch(
        observations=points_first.transpose(0, 3, 1, 2),
        policy=np.full((args.batch, actions), 1 / actions, np.float32),
        value=np.full((args.batch, 3), 1 / 3, np.float32),
        ownership=np.zeros((args.batch, height * width if spec.has_ownership else 0), np.float32),
        score=np.zeros(args.batch, np.float32),
        is_scored=np.ones(args.batch, np.float32),
    )
    for _ in range(WARM_UP):
        learner.step(batch)
    made, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < args.seconds or not made:
        learner.step(batch)
        made += args.batch
    if learner.device.type == "cuda":
        torch.cuda.empty_cache()
    return made / elapsed


@contextlib.contextmanager
def utilisation(device: str) -> Iterator[list[float]]:
    """Shares of the time that the GPU was busy, as the driver tells them; none where there is no GPU."""
    found: list[float] = []
    program = shutil.which("nvidia-smi")
    if device == "cpu" or program is None:
        yield found
        return
    index = device.partition(":")[2] or "0"
    query = [program, f"--id={index}", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            answer = subprocess.run(query, capture_output=True, text=True)
            if answer.stdout.strip().isdecimal():
                found.append(int(answer.stdout) / 100)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _network(size: str, game: str) -> Any:
    from tengen.envs import make_game
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    blocks, _, channels = size.partition("x")
    if not (blocks.isdecimal() and channels.isdecimal()):
        raise TengenError(f"--networks {size}: expected blocks x channels, such as 6x96")
    return PolicyValueNet(
        NetworkConfig(blocks=int(blocks), channels=int(channels)), spec_for(make_game(game))
    )


def markdown(rows: list[Played], figures: dict[str, float]) -> list[str]:
    """The tables for docs/results."""
    lines = [
        "| network | threads | bare evals/s | self-play evals/s | ratio to the best bare | GPU busy |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        best = max(other.bare for other in rows if other.network == row.network)
        busy = "not known" if row.busy is None else f"{row.busy:.0%}"
        lines.append(
            f"| {row.network} | {row.threads} | {row.bare:,.0f} | {row.selfplay:,.0f} | "
            f"{row.selfplay / best:.2f} | {busy} |"
        )
    lines += ["", "| learner | samples/s |", "|---|---|"]
    return lines + [
        f"| {name.removeprefix('learner_')} | {rate:,.0f} |"
        for name, rate in figures.items()
        if name.startswith("learner_")
    ]
