"""The part of `tengen train` that learns from recorded games."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.rundir import RunDir
    from tengen.selfplay.supervised_config import SupervisedConfig


def check(config: "SupervisedConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.envs import make_game
    from tengen.networks.spec import spec_for
    from tengen.networks.stack import make_network
    from tengen.selfplay.supervised_data import open_dataset

    game = make_game(config.game)
    make_network(config.network, spec_for(game))
    open_dataset(config.data, game).part("test")


def train(config: "SupervisedConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Train to the end; False where the user stopped it."""
    from tengen.rundir import BEST
    from tengen.selfplay import supervised

    if not supervised.train(config, directory, resume=resume):
        return False
    best = directory.path / BEST
    name = best if best.is_dir() else directory.path / "latest"
    print(f"done; play against it: tengen play '{config.game}' --opponent 'policy:{name}'")
    return True
