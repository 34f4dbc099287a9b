"""`tengen bench recipe`: what a self-play run reached."""

from pathlib import Path

import pytest

from tengen import cli
from tengen.benchmarks.recipe import snapshots
from tengen.league.store import Store

RECIPE = """
game: connect4
seed: 1
network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 8, threads: 1, positions_per_update: 64, opening_plies: 1}
replay: {base: 1000, min_positions: 32}
learner: {batch_size: 32, compile: false}
evaluation: {every_minutes: 0.001, games: 2, simulations: 2, opponents: [random]}
stop: {updates: 3}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "recipe.yaml").write_text(RECIPE)
    assert cli.main(["train", str(folder / "recipe.yaml"), "--run", str(folder / "run")]) == 0
    return folder / "run"


def test_a_run_is_measured_and_nothing_is_played_twice(trained: Path, tmp_path: Path, capsys):
    out, plot = tmp_path / "table.md", tmp_path / "curve.svg"
    command = ["bench", "recipe", "--run", str(trained), "--opponent", "random", "--elo", "100"]
    command += ["--options", "sims=8", "--games", "6", "--raw-games", "4", "--at", "0,9"]
    command += ["--curve-games", "2", "--curve-options", "sims=2", "--processes", "1"]
    assert cli.main([*command, "--out", str(out), "--plot", str(plot)]) == 0
    table = out.read_text()
    for step in (1, 3):  # the first network and the last
        assert table.count(f"| `mcts:0 min, step-0000000{step}?sims=8` | `random` |") == 1
        assert table.count(f"| `policy:0 min, step-0000000{step}` | `random` |") == 1
    assert "|  |  |  | 100, random |" in table
    curve = [line for line in table.splitlines() if "±" in line]
    assert len(curve) == 3
    evaluations = [snapshot.evaluations for snapshot in snapshots(trained).values()]
    games = [int(line.split("|")[2].replace(",", "")) for line in curve]
    assert games == sorted(games) and games[0] > 0
    assert len(set(evaluations)) == 3 and evaluations == sorted(evaluations) and evaluations[0] > 64
    assert plot.read_text().count("<svg") == 1
    with Store.open(trained / "measured.sqlite") as store:
        played = len(store)
    assert cli.main([*command, "--out", str(out)]) == 0
    assert out.read_text().split("One move")[0] == table.split("One move")[0]
    with Store.open(trained / "measured.sqlite") as store:
        assert len(store) == played == 2 * (6 + 4) + 2 * 6
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "soon"], "--at soon: expected minutes apart by commas"),
        (["--options", "sims=none"], "sims"),
        (["--options", "sims=400", "--max-seconds", "0.000001"], "more than --max-seconds 1e-06"),
        (["--opponent", "nobody"], "nobody"),
        (["--out", "/nowhere/table.md"], "there is no folder /nowhere"),
        (["--plot", "curve.xyz"], "--plot curve.xyz: a drawing's name ends in .svg or .png"),
        (["--openings", "book"], "--openings"),
        (["--elo", "nan"], "--elo nan: a rating is a number"),
        (["--at", "inf"], "--at inf: expected minutes"),
    ],
)
def test_wrong_options_are_one_sentence(trained: Path, capsys, options: list[str], said: str):
    command = ["bench", "recipe", "--run", str(trained), "--opponent", "random", "--games", "2"]
    assert cli.main([*command, *options]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
