"""The part of `tengen train` that is for policy-gradient self-play."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.rundir import RunDir
    from tengen.selfplay.reinforce_config import ReinforceConfig


def check(config: "ReinforceConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.envs import make_game

    make_game(config.game)


def check_start(config: "ReinforceConfig") -> None:
    """Whether the policy to start from, and the baseline, are there and fit."""
    from tengen.selfplay.reinforce import baseline_of, game_of, network_for
    from tengen.selfplay.start import start_from

    game = game_of(config)
    start_from(config.init, network_for(config, game), game, None)
    baseline_of(config, game)


def train(config: "ReinforceConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Train to the end; False where the user stopped it."""
    from tengen.league.matchmaking import fictitious
    from tengen.selfplay import reinforce

    def odds(win_rates):  # type: ignore[no-untyped-def]
        return fictitious(win_rates, config.pool.weighting, config.pool.power)

    if not reinforce.train(config, directory, odds, resume=resume):
        return False
    name = f"policy:{directory.path}/latest"
    print(f"done; play against it: tengen play '{config.game}' --opponent '{name}'")
    return True
