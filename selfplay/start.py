"""A run's network begins with the weights of another."""

from pathlib import Path
from typing import Any

from tengen.console import Progress
from tengen.envs import make_game
from tengen.envs.game import Game
from tengen.networks.heads import BoardNetwork
from tengen.networks.layer_rates import set_rates
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.networks.transfer import Transfer, take_over
from tengen.rundir import RunDir
from tengen.selfplay.init_config import InitConfig


def start_from(
    init: InitConfig | None, network: BoardNetwork, game: Game, run: RunDir | None, *, resume: bool = False
) -> dict[str, float]:
    """Take over weights, tell the log and the user what became of them, and set the lower layers' rates.

    Of a run that is resumed from a checkpoint only the rates are set: it has weights of its own, and the
    source may be gone.
    Returns factors of the learning rate by name of the parameter. Raises TengenError as `take_over` does.
    """
    if init is None:
        return {}
    has_own = resume and run is not None and run.latest_checkpoint() is not None
    if not has_own:
        found = take_over(network, game.planes, Path(init.path))
        if run is not None:
            tell(found, run)
    return set_rates(network, init.freeze, init.slower)


def check_start(config: Any) -> None:
    """Raise TengenError, before a run directory is made, where its network cannot start as it is told to."""
    game = make_game(config.game)
    start_from(config.init, make_network(config.network, spec_for(game)), game, None)


def tell(found: Transfer, run: RunDir) -> None:
    """Say what was taken over: one line, and one for each part that was not simply copied."""
    progress = Progress("init")
    for line in [f"{found.taken} of {found.tensors} tensors of {found.source} as they stand", *found.lines]:
        progress.say(f"init: {line}")
        run.log(f"init: {line}")
