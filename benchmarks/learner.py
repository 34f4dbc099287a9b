"""How fast recorded games are learned from: the learner's steps against a plain float32 loop, and its feed.

Both train the same network, with policy and value heads, on the same batch: ours as `tengen train` does (bf16
where the processor has it, channels last, fused optimizer; `--compile`), the other as PyTorch's tutorials
write it. The feed is apart from that: positions made from recorded moves, features, symmetries and all.
"""

import argparse
import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tengen.benchmarks.measuring import alternate, span, whole
from tengen.envs.game import Game

GAMES = 64  # random ones to draw positions from, where no data set is named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go19", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=6, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=64, help="default: %(default)s")
    parser.add_argument("--batch", type=whole(1, 65536), default=128, help="default: %(default)s")
    parser.add_argument("--threads", type=whole(1, 1024), default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="ours by torch.compile")
    parser.add_argument("--data", metavar="FOLDER", help="a data set (default: games of random moves)")
    parser.add_argument("--slices", type=whole(1, 1000), default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=span(3600), default=4.0, help="a slice (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio (positions learned from a second, ours over plain), both rates, feed_per_second."""
    from tengen.envs.registry import make_game
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for
    from tengen.networks.threads import threads
    from tengen.selfplay.config import LearnerConfig
    from tengen.selfplay.learner import Learner
    from tengen.selfplay.supervised_data import EpochBatches, open_dataset

    game = make_game(args.game)
    part = open_dataset(args.data, game).part("train") if args.data else random_games(game)
    batches = EpochBatches(part, game, args.batch, seed=1)
    batch = batches.batch(0)
    network = PolicyValueNet(NetworkConfig(blocks=args.blocks, channels=args.channels), spec_for(game))
    plain = plain_step(copy.deepcopy(network), batch)
    config = LearnerConfig(batch_size=args.batch, threads=args.threads, ownership_weight=0, score_weight=0)
    learner = Learner(network, config, compile=args.compile)

    def ours() -> int:
        learner.step(batch)
        return args.batch

    def theirs() -> int:
        with threads(args.threads):
            plain()
        return args.batch

    for side in (ours, theirs):
        side()  # allocates, compiles
    rates = alternate([ours, theirs], args.slices, args.seconds)
    feed = feed_rate(batches, args.seconds)
    batches.close()
    return {
        "ratio": rates[0] / rates[1],
        "per_second": rates[0],
        "plain_per_second": rates[1],
        "feed_per_second": feed,
    }


def plain_step(network: Any, batch: Any) -> Callable[[], None]:
    """A step of the same network in float32, in PyTorch's default memory format, by its default AdamW."""
    import torch
    from torch.nn.functional import cross_entropy

    network = network.to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    observations = torch.from_numpy(np.ascontiguousarray(batch.observations))
    policy, value = torch.from_numpy(batch.policy), torch.from_numpy(batch.value)

    def step() -> None:
        found = network(observations)
        loss = cross_entropy(found.policy, policy) + cross_entropy(found.value, value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def feed_rate(batches: Any, seconds: float) -> float:
    """Positions a second that one core makes out of recorded moves, with nobody to learn from them."""
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        batches.make(number)
        number += 1
    return float(number * batches.batch_size / (time.perf_counter() - began))


def random_games(game: Game) -> Any:
    """Games of random moves, as a data set holds them."""
    from tengen.agents.random import RandomAgent
    from tengen.envs.go.game import Go
    from tengen.envs.go.recorded import NO_KOMI, Starts
    from tengen.league.match import play_match
    from tengen.selfplay.recorded_positions import UNKNOWN, Part

    records = play_match(game, RandomAgent(game, 1), RandomAgent(game, 2), GAMES, seed=1).records
    lengths = np.array([len(record.actions) for record in records], np.int32)
    actions = np.concatenate([record.actions for record in records]).astype(np.int16)
    outcomes = [record.outcome * (1 - 2 * record.first_agent_plays) for record in records]
    go = None
    if isinstance(game, Go):
        count = len(records)
        ranks = np.zeros((count, 2), np.int8)
        komi2 = np.full(count, NO_KOMI, np.int16)
        empty = np.zeros(0, np.int16)
        go = Starts(komi2, np.zeros(count, np.int8), ranks, np.zeros(count, np.int16), empty)
    values = np.broadcast_to(UNKNOWN, actions.shape)
    return Part(lengths, np.array(outcomes, np.int8), actions, values, go)
