"""Stages in order: what one hands to the next, what is taken up again, and what is told before any begins."""

import json
from pathlib import Path

import pytest

from tengen.cli import main
from tengen.config import load_config
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.networks.checkpoint import load_checkpoint
from tengen.selfplay.kinds import KINDS
from tengen.selfplay.pipeline_config import PipelineConfig, references
from tengen.selfplay.records import DatasetWriter, Recorded

SHORT = "go:size=4,komi=0.5,cap=16"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Games whose moves follow one after another from a point that each has for itself."""
    folder = tmp_path_factory.mktemp("pipeline") / "set"
    game = make_game(SHORT)
    writer = DatasetWriter(folder, game, test=0.3)
    for first in range(16):
        for step in (1, 3, 5, 7):
            position = Position(game)
            action = first
            while not position.is_terminal and len(position.actions) < 9:
                legal = [a for a in position.legal_actions() if a < 16]
                position.apply(action if action in legal else legal[0])
                action = (action + step) % 16
            writer.add(Recorded(tuple(position.actions), 1))
    writer.close()
    return folder


def recipe(tmp_path: Path, data: Path, *more: str) -> list[str]:
    file = tmp_path / "line.yaml"
    small = "network: {architecture: alphago-policy, channels: 8, convolutions: 2}"
    learner = "learner: {batch_size: 16, threads: 1, average_decay: 0.5}"
    file.write_text(
        f"""
kind: pipeline
game: '{SHORT}'
seed: 2
stages:
  policy: {{kind: supervised, data: {data}, {small}, {learner}, steps_per_update: 5, stop: {{updates: 2}}}}
  rollout: {{kind: rollout, data: {data}, stop: {{epochs: 1.0}}}}
  reinforce:
    kind: reinforce
    init: stage:policy
    games_per_update: 8
    learner: {{threads: 1}}
    evaluation: {{games: 4}}
    stop: {{updates: 2}}
  value:
    kind: value
    games: {{opening: stage:policy, policy: stage:reinforce, count: 120, at_once: 60, latest_ply: 14, threads: 1, test: 0.2}}
    network: {{architecture: alphago-value, channels: 8, convolutions: 2}}
    {learner}
    steps_per_update: 5
    stop: {{updates: 2}}
  match:
    kind: tournament
    players:
      - "random"
      - "policy:stage:policy?pass=last"
      - "mcts:stage:reinforce?sims=4&value=stage:value&lambda=0.5&rollout=stage:rollout"
    games: 4
"""  # noqa: E501
    )
    return ["train", str(file), "--run", str(tmp_path / "run"), *more]


def test_stages_run_in_order_hand_on_and_are_taken_up_where_they_stopped(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from tengen.selfplay import value_games

    play = value_games.play_portion
    calls: list[int] = []

    def stops_once(*rest: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return play(*rest)  # type: ignore[arg-type]

    monkeypatch.setattr(value_games, "play_portion", stops_once)
    assert main(recipe(tmp_path, data)) == 130
    run = tmp_path / "run"
    assert [(run / name / "done").exists() for name in ("policy", "rollout", "reinforce")] == [True] * 3
    assert not (run / "value" / "done").exists()
    before = (run / "policy" / "config.yaml").stat().st_mtime_ns
    assert main(["train", "--resume", str(run)]) == 0
    assert (run / "policy" / "config.yaml").stat().st_mtime_ns == before
    assert len(calls) == 3  # one portion was there
    summary = json.loads((run / "stages.json").read_text())
    assert list(summary) == ["policy", "rollout", "reinforce", "value", "match"]
    assert summary["policy"]["test_positions"] > 0 and len(summary["match"]["ratings"]) == 3
    config = load_config(run / "reinforce" / "config.yaml", KINDS)
    assert config.init.path == str(run / "policy" / "best")  # type: ignore[attr-defined]
    assert load_checkpoint(run / "value" / "best")[0].config.architecture == "alphago-value"
    assert '"elo"' in (run / "match" / "ratings.json").read_text()
    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 0  # nothing is left to do
    assert "stage" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("stages.reinforce.init=stage:polic", "'stage:polic' is no earlier stage"),
        ("stages.policy.init=stage:value", "it is the first one"),
        ("stages.policy.kind=supervise", "did you mean supervised"),
        ("stages.rollout.stop.epoch=1", "stages.rollout: stop.epoch: unknown key"),
        ("stages.value.games.count=0", "stages.value: games.count: 0 is out of range"),
        ("stages.policy.kind=pipeline", "is no kind of stage"),
        ("game=go99", "go99"),
        ("stages={}", "a pipeline needs one stage or more"),
    ],
)
def test_what_is_wrong_with_any_stage_is_told_before_the_first_one_begins(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], more: str, words: str
):
    line = recipe(tmp_path, data, more)
    if more == "stages={}":
        (tmp_path / "line.yaml").write_text("kind: pipeline\ngame: go5\nstages: {}\n")
        line = line[:-1]
    assert main(line) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_recipe_that_ships_fits_together():
    config = load_config("alphago-9x9", KINDS)
    assert isinstance(config, PipelineConfig)
    from tengen.cli.train_pipeline import check

    check(config)
    assert list(config.stages) == ["policy", "rollout", "reinforce", "value", "match"]
    assert set(references(config.stages["match"])) == {"policy", "rollout", "reinforce", "value"}
