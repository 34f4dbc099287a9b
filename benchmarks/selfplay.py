"""Games of self-play an hour on the whole machine: threads of one process, and Ray actors.

Both play by the same weights, without a learner, and are measured in turns (A B A B): while one plays, the
other rests. A game takes minutes at hundreds side by side, so that games finished in a slice say little about
speed. Counted are therefore recorded positions, and games an hour are positions an hour over the mean number
of recorded positions of the games that both have finished. The first games to finish after a start are the
short ones; `--warm-up` should be as long as a game takes.
"""

import argparse
import time
from collections.abc import Callable

from tengen.benchmarks.measuring import span, whole
from tengen.errors import TengenError
from tengen.selfplay.games import Games
from tengen.selfplay.rollouts import Rollouts

RATES = ("evaluations_per_s", "positions_per_s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--game", default="go9", help="default: %(default)s")
    parser.add_argument("--blocks", type=whole(1, 1000), default=4, help="default: %(default)s")
    parser.add_argument("--channels", type=whole(1, 4096), default=32, help="default: %(default)s")
    parser.add_argument("--simulations", type=whole(1, 10_000), default=16, help="default: %(default)s")
    parser.add_argument("--games", type=whole(1, 100_000), default=192, help="side by side in each player")
    parser.add_argument("--actors", type=whole(1, 1024), default=2, help="of Ray (default: %(default)s)")
    parser.add_argument("--threads", type=whole(0, 1024), default=0, help="in process; 0 is one a core")
    parser.add_argument("--minutes", type=span(10_000), default=4.0, help="measured in all, both sides")
    parser.add_argument("--turns", type=whole(1, 1000), default=2, help="of each side (default: %(default)s)")
    parser.add_argument("--warm-up", type=span(10_000), default=1.0, help="minutes of each side before")
    parser.add_argument(
        "--positions", type=whole(1), default=4096, help="between two collections (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: ratio (Ray over in-process), games, positions and evaluations of both, positions_per_game."""
    from tengen.agents.mcts.config import SearchConfig
    from tengen.envs.registry import make_game
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for
    from tengen.networks.weights import network_weights
    from tengen.selfplay.config import RolloutsConfig, TrainConfig
    from tengen.selfplay.ray_rollouts import RayRollouts
    from tengen.selfplay.rollouts import ThreadRollouts

    size = NetworkConfig(blocks=args.blocks, channels=args.channels)
    rollouts = RolloutsConfig(threads=args.threads, games=args.games, positions_per_update=args.positions)
    config = TrainConfig(
        game=args.game, network=size, search=SearchConfig(simulations=args.simulations), rollouts=rollouts
    )
    distributed = config.model_copy(
        update={"rollouts": rollouts.model_copy(update={"workers": args.actors, "cpus_per_worker": 1.0})}
    )
    weights = network_weights(PolicyValueNet(size, spec_for(make_game(args.game))))
    ours = ThreadRollouts(config)
    ray = RayRollouts(distributed)
    try:
        sides: list[tuple[Rollouts, Callable[[], Games]]] = [(ours, no_rest), (ray, ray.rest)]
        for side, rest in sides:
            side.publish(weights, 1)
            play(side, rest, 60 * args.warm_up)
        slices: list[list[dict[str, float]]] = [[], []]
        finished: list[Games] = []
        for _ in range(args.turns):
            for (side, rest), found in zip(sides, slices, strict=True):
                rates, games = play(side, rest, 60 * args.minutes / (2 * args.turns))
                found.append(rates)
                finished += games
    finally:
        ours.close()
        ray.close()
    count = sum(len(games) for games in finished)
    if not count:
        raise TengenError(f"no game finished in --minutes {args.minutes:g}; give more")
    positions_per_game = sum(games.positions for games in finished) / count
    means = [{name: sum(rates[name] for rates in found) / len(found) for name in RATES} for found in slices]
    per_hour = [3600 * mean["positions_per_s"] / positions_per_game for mean in means]
    return {
        "ratio": per_hour[1] / per_hour[0],
        "games_per_hour": per_hour[0],
        "ray_games_per_hour": per_hour[1],
        **{name: means[0][name] for name in RATES},
        **{f"ray_{name}": means[1][name] for name in RATES},
        "positions_per_game": positions_per_game,
        "games_finished": count,
    }


def play(
    rollouts: Rollouts, rest: Callable[[], Games], seconds: float
) -> tuple[dict[str, float], list[Games]]:
    """Rates of at least so many seconds of play, its last calls waited for; and the games that finished."""
    rollouts.stats()
    games: list[Games] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        games.append(rollouts.collect())
    games.append(rest())
    return rollouts.stats(), [part for part in games if len(part)]


def no_rest() -> Games:
    """Threads rest as soon as their collection is made."""
    return Games.none(0, 0)
