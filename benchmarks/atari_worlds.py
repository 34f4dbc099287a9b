"""Atari worlds alone: steps a second through Tengen over those of ale-py's bare vector environment."""

import argparse
from collections.abc import Callable
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from tengen.benchmarks.measuring import alternate, span, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="atari/Pong", help="game (default: %(default)s)")
    parser.add_argument(
        "--worlds", type=whole(1, 1024), default=8, help="games side by side (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=whole(1, 1024), default=1, help="threads that step them (default: %(default)s)"
    )
    parser.add_argument(
        "--slices", type=whole(1, 1000), default=60, help="turns of each side (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=span(60), default=0.15, help="length of a turn (default: %(default)s)"
    )


def compare_worlds(args: argparse.Namespace) -> dict[str, float]:
    """Figures: `per_second` and `bare_per_second` steps of all worlds together, and the median `ratio`.

    Both play random actions under the settings of Mnih et al. 2015; sides take turns.
    """
    import ale_py

    from tengen.envs.atari import atari_roms
    from tengen.envs.make_worlds import make_worlds, world_spec
    from tengen.envs.worlds_config import WorldsConfig
    from tengen.errors import TengenError

    spec = world_spec(args.game)
    if args.game not in atari_roms():
        raise TengenError(f"--game {args.game} is not of Atari; it must be one such as atari/Pong")
    rng = np.random.default_rng(0)
    actions = rng.integers(spec.num_actions, size=(1000, args.worlds), dtype=np.int32)
    ours = make_worlds(args.game, args.worlds, seed=1, config=WorldsConfig(threads=args.threads))
    bare = ale_py.AtariVectorEnv(
        atari_roms()[args.game],
        args.worlds,
        num_threads=args.threads,
        life_loss_info=True,
        use_fire_reset=False,
    )
    ours.reset()
    bare.reset(seed=1)

    def side(step: Callable[[NDArray[np.int32]], object]) -> Callable[[], int]:
        chosen = cycle(actions)

        def play() -> int:
            for _ in range(10):
                step(next(chosen))
            return 10 * args.worlds

        return play

    sides = [side(ours.step), side(bare.step)]
    for warm_up in sides * 5:
        warm_up()
    # Each slice is compared with its neighbour, so that load which comes and goes falls on both.
    rates = np.array([alternate(sides, 1, args.seconds) for _ in range(args.slices)])  # [slices, 2]
    ours.close()
    rate, bare_rate = np.median(rates, axis=0).tolist()
    ratio = float(np.median(rates[:, 0] / rates[:, 1]))
    return {"ratio": ratio, "per_second": rate, "bare_per_second": bare_rate}
