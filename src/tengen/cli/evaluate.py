"""`tengen evaluate`: how well an agent does in a world, in raw scores of whole episodes."""

import argparse
from typing import TYPE_CHECKING, Any

from tengen.cli.world_options import add_world_options
from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.envs.worlds import Episode
    from tengen.league.evaluate import Evaluation

MOST_WORLDS = 16  # side by side: beyond, more is played that does not count than is gained by large batches


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure an agent's score in a world such as atari/Pong",
        description="Play whole episodes in worlds of their own, with fixed seeds, and print the mean of "
        "their raw scores with its 95 % interval. A dqn agent leaves one action in a thousand to chance; "
        "'?epsilon=0' makes it greedy.",
    )
    parser.add_argument("agent", metavar="AGENT", help="an agent (see 'tengen agents')")
    parser.add_argument("game", metavar="GAME", help="a world, such as atari/Pong or gym/CartPole-v1")
    parser.add_argument("--episodes", metavar="N", type=int, default=100, help="how many (default 100)")
    add_world_options(parser)
    parser.add_argument(
        "--parallel", metavar="P", type=int, help="worlds side by side (default: as episodes, at most 16)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Play the episodes; 130 when it was interrupted, with the result so far."""
    for name, low, high in (("episodes", 1, 10**6), ("parallel", 1, 1024), ("seed", 0, 2**31 - 1)):
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise TengenError(f"--{name} {value} is out of range; it must be from {low} to {high:,}")

    import time

    from tengen.agents.dqn.agent import make_world_agent, worlds_config
    from tengen.console import Progress, emit_json
    from tengen.envs.make_worlds import make_worlds
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.evaluate import evaluate_worlds, evaluation_seed

    count = min(args.episodes, args.parallel or MOST_WORLDS)
    config = worlds_config(args.agent, args.protocol)
    worlds = make_worlds(args.game, count, seed=evaluation_seed(args.seed), config=config)
    try:
        agent = make_world_agent(args.agent, worlds.spec, seed=args.seed)
        total = 0.0
        steps = 0
        began = time.perf_counter()
        title = f"{args.agent}, {worlds.spec.name}"
        with (
            GracefulInterrupt("stopping, press Ctrl-C again to abort\n") as interrupt,
            Progress(title, total=args.episodes, unit="episodes") as progress,
        ):

            def on_step(ended: "list[Episode]") -> bool:
                nonlocal total, steps
                total += sum(one.score for one in ended)
                steps += count
                done = progress.done + len(ended)
                mean = f", mean {total / done:,.1f}" if done else ""
                progress.advance(len(ended), note=f"step {steps:,}{mean}")
                return not interrupt.stop_requested

            result = evaluate_worlds(agent, worlds, args.episodes, on_step=on_step)
        _report(result, time.perf_counter() - began)
    finally:
        worlds.close()
    if args.json:
        emit_json(result.to_json())
    return 130 if result.episodes < args.episodes else 0


def _report(result: "Evaluation", seconds: float) -> None:
    from tengen.console import duration
    from tengen.league.atari_scores import chance_and_person

    if not result.episodes:
        print("no episode was finished")
        return
    plural = "" if result.episodes == 1 else "s"
    print(f"{result.agent}, {result.game}, {result.episodes} episode{plural} in {duration(seconds)}")
    spread = ""
    if result.interval is not None:
        low, high = result.interval
        spread = f", 95 % interval {low:,.2f} to {high:,.2f}"
    print(f"mean {result.mean:,.2f}{spread}, median {result.median:,.6g}")
    known = chance_and_person(result.game)
    if known is not None and result.human_normalised is not None:
        print(
            f"human-normalised {result.human_normalised:.3f}: 0 is chance ({known[0]:,.1f}), "
            f"1 a person ({known[1]:,.1f})"
        )
    if result.distinct <= result.episodes // 2:  # a few may agree by chance
        advice = ""
        if result.game.startswith("atari/"):
            advice = "; a larger epsilon or sticky actions (--protocol machado) make more of them differ"
        print(
            f"only {result.distinct} of the {result.episodes} episodes differ, which makes the interval too "
            f"narrow{advice}"
        )
