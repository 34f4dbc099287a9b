"""What a run would do on many machines: the arithmetic by hand, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tengen.cli import main
from tengen.selfplay.scaling import ACTORS, Cluster, Rates, nodes_until_full, plan

RATES = Rates(
    items_per_s=100.0,
    items_per_game=50.0,
    bytes_per_item=1000.0,
    items_per_answer=200.0,
    items_per_update=1000.0,
    weights_bytes=2e6,
    learn_s=1e-4,
    ingest_s=1e-5,
    answer_s=1e-3,
)
CLUSTER = Cluster(actors_per_node=4, bandwidth=1e8, object_store=1e9, in_flight=2)


def test_one_machine_by_hand() -> None:
    found = plan(RATES, CLUSTER, 1)
    assert (found.actors, found.items_per_s, found.bottleneck) == (4, 400.0, ACTORS)
    assert found.games_per_hour == pytest.approx(400 / 50 * 3600)
    assert found.loads["learner"] == pytest.approx(0.04)
    assert found.loads["ingest"] == pytest.approx(0.004)
    assert found.loads["calls"] == pytest.approx(400 / 200 * 1e-3)
    assert found.in_bytes_per_s == pytest.approx(4e5)
    assert found.out_bytes_per_s == pytest.approx(0.4 * 2e6)
    assert found.broadcast_s == pytest.approx(0.02)
    assert found.store_bytes == pytest.approx(4 * 2 * 200 * 1000 + 4e6)


def test_machines_play_as_much_as_they_can_until_one_part_is_full() -> None:
    most = nodes_until_full(RATES, CLUSTER)
    before, full = plan(RATES, CLUSTER, most), plan(RATES, CLUSTER, most + 1)
    assert before.bottleneck == ACTORS and full.bottleneck != ACTORS
    assert before.items_per_s == pytest.approx(most * 400)
    assert plan(RATES, CLUSTER, 10 * most).items_per_s <= full.items_per_s * 1.01


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"learn_s": 1e-2}, "learner"),
        ({"ingest_s": 1e-2}, "ingest"),
        ({"answer_s": 10.0}, "calls"),
        ({"bytes_per_item": 1e7}, "network in"),
        ({"weights_bytes": 1e9}, "network out"),
    ],
)
def test_what_is_dearest_is_full_first(change: dict[str, float], expected: str) -> None:
    assert plan(replace(RATES, **change), CLUSTER, 4).bottleneck == expected


def test_answers_under_way_must_fit_into_the_object_store() -> None:
    small = replace(CLUSTER, object_store=1e6)
    assert plan(RATES, small, 1).bottleneck == "object store"


def test_a_learner_that_is_full_plays_what_it_can_learn() -> None:
    slow = replace(RATES, learn_s=1e-2, ingest_s=0.0, answer_s=0.0)
    assert plan(slow, CLUSTER, 50).items_per_s == pytest.approx(100.0)
    assert nodes_until_full(slow, CLUSTER) == 0


RECIPE = """
kind: alphazero
game: connect4
network: {blocks: 1, channels: 8}
search: {simulations: 4}
rollouts: {games: 8, positions_per_update: 64}
learner: {batch_size: 16, threads: 1}
stop: {games: 10}
"""


def test_the_command_measures_and_takes_what_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    options = ["--seconds", "0.2", "--actors", "3", "--nodes", "1,4", "--json", "--game-length", "21.5"]
    assert main(["plan", str(recipe), *options]) == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    rates = found["rates"]
    assert rates["items_per_game"] == 21.5 and rates["items_per_s"] > 10 and rates["learn_s"] > 0
    assert rates["bytes_per_item"] > 2 * 7  # the policy alone
    assert [(p["nodes"], p["actors"]) for p in found["plans"]] == [(1, 3), (4, 12)]
    assert "full first" in out.replace("\n", " ") or "first" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["go9", "--nodes", "1,x"], "are numbers of machines"),
        (["go9", "--seconds", "0"], "--seconds 0 is out of range"),
        (["blondie1999"], "plan is for recipes of kind alphazero and dqn, not evolution"),
        (["nowhere.yaml"], "nowhere.yaml"),
        (["pong", "--weights", "models/go9"], "--weights is for board games"),
    ],
)
def test_wrong_usage_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["plan", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tengen: error: ") and expected in line
