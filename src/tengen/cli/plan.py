"""`tengen plan`: what a training run would do on so many machines, and which part is full first."""

import argparse
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.selfplay.scaling import Cluster, Plan, Rates

#: Option -> field of Rates, unit factor, what it is.
GIVEN = {
    "items_per_s": ("items_per_s", 1.0, "recorded positions (or steps of worlds) a second of one actor"),
    "game_length": ("items_per_game", 1.0, "positions (or steps) of a game"),
    "bytes_per_item": ("bytes_per_item", 1.0, "bytes that a position (or step) takes on the network"),
    "ingest_us": (
        "ingest_s",
        1e-6,
        "microseconds that a position (or step) takes on its way into the replay",
    ),
    "step_ms": ("learn_s", 0.0, "milliseconds of one step of the learner"),
    "call_ms": ("answer_s", 1e-3, "milliseconds that an answer costs the learner's process"),
}


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "plan",
        help="what a training run would do on many machines",
        description="Measure one actor and the learner of a recipe here for some seconds, or take the rates "
        "that are given, and work out for clusters of several sizes: games an hour, the learner's load, "
        "traffic, memory, and what is full first. The formulae are in docs/scaling.md.",
    )
    parser.add_argument("config", metavar="CONFIG", help="a recipe, by name or file")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="values in place of the file's")
    parser.add_argument(
        "--nodes", metavar="N,N", default="1,2,8,64,1000", help="machines (default %(default)s)"
    )
    parser.add_argument(
        "--actors",
        metavar="N",
        type=int,
        help="actors on each machine (default: as many as this one has cores for)",
    )
    parser.add_argument(
        "--gigabits", metavar="X", type=float, default=10.0, help="of a machine's network (default 10)"
    )
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=10.0, help="to measure an actor for (default 10)"
    )
    parser.add_argument("--weights", metavar="RUN", help="play by this trained network when measuring")
    for option, (_, _, words) in GIVEN.items():
        name = "--" + option.replace("_", "-")
        parser.add_argument(name, metavar="X", type=float, help=f"given instead of measured: {words}")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    nodes = _nodes(args.nodes)
    for option in ("gigabits", "seconds", "actors", *GIVEN):
        value = getattr(args, option)
        if value is not None and not 0 < value < 1e12:
            raise TengenError(f"--{option.replace('_', '-')} {value:g} is out of range; it must be above 0")

    from tengen.config import load_config
    from tengen.console import emit_json
    from tengen.machine import usable_cores
    from tengen.selfplay.kinds import KINDS
    from tengen.selfplay.scaling import GIGABIT, Cluster, nodes_until_full, plan

    config: Any = load_config(args.config, KINDS, args.overrides)
    rates = _rates(config, args)
    cluster = Cluster(
        args.actors or max(1, usable_cores() // max(1, int(config.rollouts.cpus_per_worker))),
        args.gigabits * GIGABIT,
        in_flight=config.rollouts.in_flight,
    )
    plans = [plan(rates, cluster, n) for n in nodes]
    full = nodes_until_full(rates, cluster)
    _report(rates, cluster, plans, full)
    if args.json:
        emit_json(
            {
                "rates": vars(rates),
                "cluster": vars(cluster),
                "plans": [vars(found) | {"loads": dict(found.loads)} for found in plans],
                "nodes_until_full": full,
            }
        )
    return 0


def _nodes(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not words or not all(word.isdecimal() and 1 <= int(word) <= 1_000_000 for word in words):
        raise TengenError(f"--nodes {text}: are numbers of machines with commas between, such as 1,2,8")
    return [int(word) for word in words]


def _rates(config: Any, args: argparse.Namespace) -> "Rates":
    from tengen.selfplay.config import TrainConfig
    from tengen.selfplay.dqn_config import DqnTrainConfig
    from tengen.selfplay.scaling_rates import measure_boards, measure_worlds

    if isinstance(config, TrainConfig):
        given = _given(args, config.learner.samples_per_position / config.learner.batch_size)
        weights = _weights(args.weights, config) if args.weights else None
        return measure_boards(config, args.seconds, weights, given)
    if isinstance(config, DqnTrainConfig):
        if args.weights:
            raise TengenError("--weights is for board games; steps of worlds cost the same by any network")
        return measure_worlds(config, args.seconds, _given(args, 1 / config.learner.steps_per_update))
    raise TengenError(
        f"plan is for recipes of kind alphazero and dqn, not {config.kind}: the others learn in the "
        "process that plays, or send next to nothing"
    )


def _given(args: argparse.Namespace, steps_per_item: float) -> dict[str, float]:
    """The fields of Rates that options give; those are not measured."""
    return {
        name: getattr(args, option) * (factor or 1e-3 * steps_per_item)
        for option, (name, factor, _) in GIVEN.items()
        if getattr(args, option) is not None
    }


def _weights(path: str, config: Any) -> Any:
    from tengen.envs.registry import make_game
    from tengen.networks.checkpoint import load_checkpoint
    from tengen.networks.paths import find_checkpoint
    from tengen.networks.weights import network_weights

    network, _ = load_checkpoint(find_checkpoint(path), make_game(config.game))
    if network.config != config.network:
        raise TengenError(
            f"--weights {path}: is a network of {network.config}, the recipe's is {config.network}"
        )
    return network_weights(network)


def _report(rates: "Rates", cluster: "Cluster", plans: "list[Plan]", full: int) -> None:
    from tengen.console import number, table

    print(
        f"one actor: {number(rates.items_per_s)} items/s, {rates.items_per_game:,.1f} a game, "
        f"{rates.bytes_per_item:,.0f} bytes each"
    )
    print(
        f"learner: {1e6 * rates.learn_s:,.0f} us an item to learn, {1e6 * rates.ingest_s:,.1f} to take in; "
        f"weights {rates.weights_bytes / 1e6:.2f} MB every {rates.items_per_update:,.0f} items"
    )
    head = [
        "nodes",
        "actors",
        "answer",
        "games/h",
        "learner",
        "in MB/s",
        "out MB/s",
        "weights s",
        "store MB",
        "full first",
    ]
    rows = [
        [
            *(f"{p.nodes:,}", f"{p.actors:,}", f"{p.items_per_answer:,.0f}", number(p.games_per_hour)),
            f"{sum(p.loads[part] for part in ('learner', 'ingest', 'calls')):.0%}",
            *(f"{value / 1e6:,.1f}" for value in (p.in_bytes_per_s, p.out_bytes_per_s)),
            f"{p.broadcast_s:.3f}",
            *(f"{p.store_bytes / 1e6:,.0f}", p.bottleneck),
        ]
        for p in plans
    ]
    table(head, rows)
    print(f"the learner's process keeps up with {full:,} such machines")
