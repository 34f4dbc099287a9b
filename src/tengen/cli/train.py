"""`tengen train`: learn a game by self-play, from a recipe, in a run directory that can be resumed."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.judge import LeagueJudge
    from tengen.rundir import RunDir
    from tengen.selfplay.config import TrainConfig


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "train",
        help="learn a game by self-play",
        description="Train a network by self-play as a recipe says. Ctrl-C saves the run and says how to "
        "go on.",
    )
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help="a YAML file, or the name of a recipe that ships"
    )
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="values to put in place of the file's"
    )
    parser.add_argument("--run", metavar="DIR", help="run directory (default runs/RECIPE, or RECIPE-2, ...)")
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this directory")


def run(args: argparse.Namespace) -> int:
    """Train; 130 when the user stopped it."""
    from tengen.config import find_config, load_config, to_yaml
    from tengen.rundir import RunDir, free_run_path
    from tengen.selfplay.config import TrainConfig

    if args.resume:
        if args.run:
            raise TengenError("--run and --resume exclude each other; --resume names the run to go on with")
        return _resume(Path(args.resume), [word for word in (args.config, *args.overrides) if word])
    if args.run is not None and not args.run.strip():
        raise TengenError("--run is empty; it names the folder of the run, as in --run runs/mine")
    if not args.config:
        raise TengenError("train needs a recipe, as in 'tengen train configs/demo.yaml', or --resume DIR")
    config = load_config(args.config, TrainConfig, args.overrides)
    _check(config)
    path = Path(args.run) if args.run else free_run_path(find_config(args.config).stem)
    with RunDir.create(path, to_yaml(config), config.checkpoint.keep) as directory:
        return _train(config, directory, resume=False)


def _resume(path: Path, overrides: list[str]) -> int:
    """Go on with a run; overrides (not of game and network) are kept in its config.yaml."""
    from tengen.config import load_config, to_yaml
    from tengen.files import atomic_write_text
    from tengen.rundir import RunDir
    from tengen.selfplay.config import TrainConfig

    if any("=" not in word for word in overrides):
        recipe = next(word for word in overrides if "=" not in word)
        raise TengenError(f"--resume takes the run's own configuration; leave out '{recipe}'")
    file = path / "config.yaml"
    if not file.is_file():
        RunDir.open(path).close()  # says what is there instead of a run
    config, before = load_config(file, TrainConfig, overrides), load_config(file, TrainConfig)
    for key in ("kind", "game", "network"):
        if getattr(config, key) != getattr(before, key):
            raise TengenError(f"command line: {key} cannot change in a run; begin a new one")
    _check(config)
    with RunDir.open(path) as directory:
        directory.keep = config.checkpoint.keep
        if config != before:
            atomic_write_text(file, to_yaml(config))
        return _train(config, directory, resume=True)


def _check(config: "TrainConfig") -> None:
    """Whatever is wrong with names in the configuration, before a run directory is made."""
    from tengen.agents.registry import make_agent
    from tengen.envs import make_game

    game = make_game(config.game)
    for opponent in config.evaluation.opponents:
        make_agent(opponent, game).close()


def _train(config: "TrainConfig", directory: "RunDir", *, resume: bool) -> int:
    from tengen.league.judge import LeagueJudge
    from tengen.selfplay.alphazero import train

    judge = LeagueJudge(config, directory)
    if train(config, directory, judge, resume=resume):
        if config.evaluation.final_games:
            _final_table(judge, config)
        opponent = f"mcts:{directory.path}/latest?sims=100"
        print(f"done; play against it: tengen play {config.game} --opponent '{opponent}'")
        return 0
    print(f"saved; go on with: tengen train --resume {shlex.quote(str(directory.path))}")
    return 130


def _final_table(judge: "LeagueJudge", config: "TrainConfig") -> None:
    from tengen.console import table

    rows = []
    for match in judge.final_table():
        low, high = match.interval
        rows.append(
            [
                match.second,
                str(match.games),
                f"{match.wins}/{match.draws}/{match.losses}",
                f"{match.score:.1%}",
                f"{low:.1%} to {high:.1%}",
            ]
        )
    simulations = config.evaluation.simulations
    table(
        ["opponent", "games", "won/drawn/lost", "score", "95 % interval"],
        rows,
        title=f"The trained network, {simulations} simulations a move",
    )
