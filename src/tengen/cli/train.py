"""`tengen train`: learn a game from a recipe, in a run directory that can be resumed."""

import argparse
import shlex
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.remote.session import RemoteRun
    from tengen.rundir import RunDir
    from tengen.selfplay.config import RunConfig

RUNNERS = {  # kind of training -> module beside this one, imported when it is needed
    "alphazero": "train_boards",
    "dqn": "train_worlds",
    "pqn": "train_worlds",
    "evolution": "train_evolution",
    "supervised": "train_supervised",
    "rollout": "train_rollout",
    "reinforce": "train_reinforce",
    "value": "train_value",
    "pipeline": "train_pipeline",
}


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "train",
        help="learn a game from a recipe",
        description="Train a network as a recipe says: by self-play, from recorded games, or in worlds such "
        "as Atari's. Ctrl-C saves the run and says how to go on.",
    )
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", help="a YAML file, or the name of a recipe that ships"
    )
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="values to put in place of the file's"
    )
    parser.add_argument(
        "--run",
        metavar="DIR",
        help="run directory (default runs/RECIPE, or RECIPE-2, ...), or a URL "
        "(s3://BUCKET/FOLDER, gs://...) that every save is copied to",
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this directory, or at a URL")


def run(args: argparse.Namespace) -> int:
    """Train; 130 when the user stopped it."""
    from tengen.config import find_config, load_config, to_yaml
    from tengen.remote.place import as_url
    from tengen.rundir import RunDir, free_run_path
    from tengen.selfplay.kinds import KINDS

    if args.resume:
        if args.run:
            raise TengenError("--run and --resume exclude each other; --resume names the run to go on with")
        words = [word for word in (args.config, *args.overrides) if word]
        if url := as_url(args.resume):
            return _resume_at(url, words)
        return _resume(Path(args.resume), words)
    if args.run is not None and not args.run.strip():
        raise TengenError("--run is empty; it names the folder of the run, as in --run runs/mine")
    if not args.config:
        raise TengenError("train needs a recipe, as in 'tengen train configs/demo.yaml', or --resume DIR")
    config = _settled(load_config(args.config, KINDS, args.overrides))
    runner(config).check(config)
    check_start(config)
    check_cluster(config)
    if args.run and (url := as_url(args.run)):
        return _begin_at(url, config)
    path = Path(args.run) if args.run else free_run_path(find_config(args.config).stem)
    with RunDir.create(path, to_yaml(config), config.checkpoint.keep) as directory:
        return _train(config, directory, resume=False)


def _begin_at(url: str, config: "RunConfig") -> int:
    """Start a run that is copied to a URL."""
    from tengen.config import to_yaml
    from tengen.remote.session import RemoteRun
    from tengen.rundir import RunDir

    with (
        RemoteRun(url, resume=False) as remote,
        RunDir.create(remote.path, to_yaml(config), config.checkpoint.keep) as directory,
        remote.mirrored(directory),
    ):
        return _train(config, directory, resume=False)


def _resume_at(url: str, overrides: list[str]) -> int:
    """Go on with a run that is kept at a URL."""
    from tengen.remote.session import RemoteRun

    _check_overrides(overrides)
    with RemoteRun(url, resume=True) as remote:
        return _resume(remote.path, overrides, remote)


def _check_overrides(overrides: list[str]) -> None:
    recipe = next((word for word in overrides if "=" not in word), None)
    if recipe is not None:
        raise TengenError(f"--resume takes the run's own configuration; leave out '{recipe}'")


def _resume(path: Path, overrides: list[str], remote: "RemoteRun | None" = None) -> int:
    """Go on with a run; overrides (not of game, worlds and network) stay in its config.yaml if they fit."""
    from tengen.config import load_config, to_yaml
    from tengen.files import atomic_write_text
    from tengen.rundir import RunDir
    from tengen.selfplay.kinds import KINDS

    _check_overrides(overrides)
    file = path / "config.yaml"
    if not file.is_file():
        RunDir.open(path).close()  # says what is there instead of a run
    config, before = load_config(file, KINDS, overrides), load_config(file, KINDS)
    for key in ("kind", "game", "network", "worlds", "data", "init"):
        if _lasting(config, key) != _lasting(before, key):
            raise TengenError(f"command line: {key} cannot change in a run; begin a new one")
    config = _settled(config)
    runner(config).check(config)
    with RunDir.open(path) as directory, remote.mirrored(directory) if remote else nullcontext():
        directory.keep = config.checkpoint.keep
        if config == before:
            return _train(config, directory, resume=True)
        text, taken_up = file.read_text("utf-8"), directory.latest_checkpoint()
        atomic_write_text(file, to_yaml(config))
        try:
            return _train(config, directory, resume=True)
        except BaseException:
            if directory.latest_checkpoint() == taken_up:  # which does not fit them, or they failed at once
                atomic_write_text(file, text)
            raise


def check_cluster(config: Any) -> None:
    """Whether somebody answers where the run is to find a cluster, before anything of the run is written."""
    for part in ("rollouts", "learner"):
        if address := getattr(getattr(config, part, None), "address", None):
            from tengen.selfplay.ray_cluster import probe

            probe(address)


def check_start(config: Any) -> None:
    """Whether what the run is to start from is there and fits; a run that is resumed does without it."""
    trainer = runner(config)
    if hasattr(trainer, "check_start"):
        trainer.check_start(config)
    elif getattr(config, "init", None) is not None:
        from tengen.selfplay.start import check_start

        check_start(config)


def _settled(config: "RunConfig") -> "RunConfig":
    """The configuration, with as many workers as there is room for where a run cannot change them later."""
    from tengen.selfplay.capacity import settled
    from tengen.selfplay.dqn_config import DqnTrainConfig, PqnTrainConfig

    return settled(config) if isinstance(config, DqnTrainConfig | PqnTrainConfig) else config


def _lasting(config: "RunConfig", key: str) -> Any:
    """What of a run cannot change. Of worlds that is the rules and rewards; threads may be others, and the
    checkpoint itself tells where what is seen has changed."""
    value = getattr(config, key, None)
    return value.model_dump(exclude={"threads", "stack"}) if key == "worlds" and value is not None else value


def runner(config: "RunConfig") -> Any:
    """The module that trains this kind: it has check(config) and train(config, directory, resume=)."""
    return import_module(f"tengen.cli.{RUNNERS[config.kind]}")


def _train(config: "RunConfig", directory: "RunDir", *, resume: bool) -> int:
    if runner(config).train(config, directory, resume=resume):
        return 0
    print(f"saved; go on with: tengen train --resume {shlex.quote(directory.name)}")
    return 130
