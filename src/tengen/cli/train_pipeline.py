"""The part of `tengen train` that runs stages in order, each taken up where it stopped."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.tournament_config import TournamentConfig
    from tengen.rundir import RunDir
    from tengen.selfplay.config import RunConfig
    from tengen.selfplay.pipeline_config import PipelineConfig

DONE = "done"  # file in the folder of a stage that has ended
SUMMARY = "stages.json"  # the last figures of every stage that has ended


def check(config: "PipelineConfig") -> None:
    """Whatever is wrong with a stage that can be told before those before it are done."""
    from tengen.envs import make_game

    make_game(config.game)
    for name in config.stages:
        stage_config(config, name, {other: f"stage-{other}" for other in config.stages})


def stage_config(
    config: "PipelineConfig", name: str, networks: dict[str, str]
) -> "RunConfig | TournamentConfig":
    """A stage as the recipe that it is. Raises TengenError in one sentence, as for a file."""
    from pydantic import ValidationError

    from tengen.config_faults import describe
    from tengen.league.tournament_config import TournamentConfig
    from tengen.selfplay.kinds import KINDS
    from tengen.words import did_you_mean

    models: dict[str, Any] = {**KINDS, "tournament": TournamentConfig}
    models.pop("pipeline")
    values = config.filled(name, networks)
    kind = values.get("kind")
    if kind not in models:
        raise TengenError(
            f"stages.{name}.kind: '{kind}' is no kind of stage; {did_you_mean(str(kind), models, 'kinds')}"
        )
    try:
        found: RunConfig | TournamentConfig = models[kind].model_validate_json(
            json.dumps(values, default=str), strict=True
        )
    except ValidationError as error:
        raise TengenError(describe(error, models[kind], values, f"stages.{name}", ())) from None
    return found


def network_of(folder: Path) -> str:
    """What a stage that has ended hands on: its best network, else its newest checkpoint."""
    best = folder / "best"
    return str(best if best.is_dir() else folder / "latest")


def train(config: "PipelineConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Run the stages that are not done; False where the user stopped one."""
    from tengen.files import atomic_write_text

    networks: dict[str, str] = {}
    for number, name in enumerate(config.stages, 1):
        folder = directory.path / name
        if not (folder / DONE).exists():
            print(f"stage {number} of {len(config.stages)}: {name}")
            directory.log(f"stage {name} begins")
            if not run_stage(stage_config(config, name, networks), folder):
                return False
            (folder / DONE).touch()
            directory.log(f"stage {name} has ended")
        networks[name] = network_of(folder)
        ended = {other: last_metrics(directory.path / other) for other in networks}
        atomic_write_text(directory.path / SUMMARY, json.dumps(ended, indent=1) + "\n")
    return True


def run_stage(config: "RunConfig | TournamentConfig", folder: Path) -> bool:
    """Run one stage, or go on with it; False where the user stopped it."""
    from tengen.cli.train import check_start, runner
    from tengen.config import to_yaml
    from tengen.files import atomic_write_text
    from tengen.league.tournament_config import TournamentConfig
    from tengen.rundir import RunDir

    if isinstance(config, TournamentConfig):
        return play_tournament(config, folder)
    trainer = runner(config)
    trainer.check(config)
    if (folder / "config.yaml").exists():
        atomic_write_text(folder / "config.yaml", to_yaml(config))
        with RunDir.open(folder, config.checkpoint.keep) as directory:
            return bool(trainer.train(config, directory, resume=True))
    check_start(config)
    with RunDir.create(folder, to_yaml(config), config.checkpoint.keep) as directory:
        return bool(trainer.train(config, directory, resume=False))


def play_tournament(config: "TournamentConfig", folder: Path) -> bool:
    """Play a stage's tournament to its end, and print and keep the ratings."""
    from tengen.cli.tournament import _report
    from tengen.files import atomic_write_text
    from tengen.interrupt import GracefulInterrupt
    from tengen.league.live import Live
    from tengen.league.store import Store
    from tengen.league.tournament import Tournament

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "league.sqlite"
    with Store.open(path) as store:
        tournament = Tournament(config, store)
        with GracefulInterrupt() as interrupt, Live() as live:
            complete = tournament.play(lambda: interrupt.stop_requested, live.show)
        _report(tournament, path, complete)
        found = tournament.tally.ratings()
        if complete and found is not None:
            atomic_write_text(folder / "ratings.json", json.dumps(found.to_json(), indent=1) + "\n")
    return bool(complete)


def last_metrics(folder: Path) -> dict[str, Any]:
    """The last line of a stage's log, or a tournament's ratings."""
    from tengen.metrics import read_metrics

    if (folder / "ratings.json").exists():
        return dict(json.loads((folder / "ratings.json").read_text()))
    if not (folder / "metrics.jsonl").exists():
        return {}
    lines = read_metrics(folder)
    return {name: value for name, value in lines[-1].items() if name not in ("step", "time")} if lines else {}
