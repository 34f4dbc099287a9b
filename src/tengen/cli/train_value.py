"""The part of `tengen train` that learns a value network from self-play positions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.rundir import RunDir
    from tengen.selfplay.value_config import ValueConfig


def check(config: "ValueConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.envs import make_game
    from tengen.errors import TengenError
    from tengen.networks.spec import spec_for
    from tengen.networks.stack import make_network
    from tengen.networks.stack_config import StackConfig

    network = config.network
    make_network(network, spec_for(make_game(config.game)))
    if isinstance(network, StackConfig) and not (network.value or network.architecture == "alphago-value"):
        raise TengenError(
            f"network: {network.architecture} has no value head; take alphago-value, or add value: true"
        )


def check_start(config: "ValueConfig") -> None:
    """Whether the policies that play, and the network to start from, are there and fit."""
    from tengen.envs import make_game
    from tengen.selfplay.start import check_start
    from tengen.selfplay.value_games import actors_of

    actors_of(config.games, make_game(config.game))
    if config.init is not None:
        check_start(config)


def train(config: "ValueConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Play the games, then train to the end; False where the user stopped it."""
    from tengen.envs import make_game
    from tengen.interrupt import GracefulInterrupt
    from tengen.selfplay import supervised
    from tengen.selfplay.value_games import GAMES, make_games

    data = directory.path / GAMES
    if not data.is_dir():
        with GracefulInterrupt() as interrupt:
            game = make_game(config.game)
            if not make_games(config, game, directory.path, lambda: interrupt.stop_requested):
                return False
    if not supervised.train(config.as_supervised(str(data)), directory, resume=resume):
        return False
    best = directory.path / "best"
    print(f"done; search with it: 'mcts:POLICY?value={best}'")
    return True
