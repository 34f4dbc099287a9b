"""What a run would do on many machines: the arithmetic by hand, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tengen.cli import main
from tengen.selfplay import scaling_rates
from tengen.selfplay.config import RolloutsConfig, TrainConfig
from tengen.selfplay.ray_rollouts import RayRollouts
from tengen.selfplay.rollouts import Player
from tengen.selfplay.scaling import ACTORS, Cluster, Rates, nodes_until_full, plan, round_size
from tengen.selfplay.scaling_rates import round_of

RATES = Rates(
    items_per_s=100.0,
    items_per_game=50.0,
    bytes_per_item=1000.0,
    items_per_round=2.0,
    items_per_update=1000,
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
    assert found.items_per_answer == 250  # an update in four parts
    assert found.loads["calls"] == pytest.approx(400 / 250 * 1e-3)
    assert found.in_bytes_per_s == pytest.approx(4e5)
    assert found.out_bytes_per_s == pytest.approx(0.4 * 2e6)
    assert found.broadcast_s == pytest.approx(0.02)
    assert found.store_bytes == pytest.approx(4 * 2 * 250 * 1000 + 4e6)


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
        ({"answer_s": 1.0}, "calls"),
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


def test_answers_shrink_with_the_cluster_and_calls_fill_the_learner() -> None:
    rates = replace(
        RATES, items_per_s=50.0, items_per_update=4096, items_per_round=1.0, learn_s=0.0, ingest_s=0.0
    )
    cluster = replace(CLUSTER, actors_per_node=16, bandwidth=1e12)
    found = plan(rates, cluster, 64)
    assert found.items_per_answer == 4 and found.bottleneck == "calls"
    assert found.loads["calls"] == pytest.approx(64 * 16 * 50 / 4 * 1e-3)
    assert found.items_per_s == pytest.approx(4000)  # four items a millisecond
    # 800 N items a second in answers of 4096 // (16 N): 0.91 of the time at 17 machines, 1.03 at 18
    assert nodes_until_full(rates, cluster) == 17
    # an update under way twice at each actor, and never less on a larger cluster
    assert found.store_bytes == pytest.approx(2 * 4096 * 1000 + 4e6)
    stores = [plan(rates, cluster, n).store_bytes for n in range(1, 600)]
    assert stores == sorted(stores)


def test_no_answer_is_smaller_than_a_round() -> None:
    rates = replace(RATES, items_per_round=12.0)
    assert [plan(rates, CLUSTER, n).items_per_answer for n in (1, 10, 20, 21, 1000)] == [250, 25, 12, 12, 12]
    worlds = replace(RATES, items_per_round=256.0, items_per_update=256, splits_updates=False)
    assert [plan(worlds, CLUSTER, n).items_per_answer for n in (1, 1000)] == [256, 256]
    assert plan(worlds, CLUSTER, 100).store_bytes == pytest.approx(400 * 2 * 256 * 1000 + 4e6)


@pytest.mark.parametrize("positions", [1, 100, 4096])
def test_answers_are_what_the_actors_are_asked_for(positions: int) -> None:
    config = TrainConfig(game="connect4", rollouts=RolloutsConfig(positions_per_update=positions))
    rollouts = object.__new__(RayRollouts)  # without its actors, and Ray
    rollouts.config = config
    rates = replace(RATES, items_per_round=1.0, items_per_update=positions)
    for nodes in (1, 2, 7, 64, 1000):
        count = nodes * CLUSTER.actors_per_node
        rollouts.pool = cast(Any, SimpleNamespace(actors=dict.fromkeys(range(count))))
        assert plan(rates, CLUSTER, nodes).items_per_answer == rollouts._share(), nodes


def test_a_round_by_hand() -> None:
    assert round_size(games=10, rounds=1) == 10  # everybody moves in every round
    assert round_size(games=1, rounds=16) == pytest.approx(1)  # an answer has one position at least
    assert round_size(games=2, rounds=2) == pytest.approx(1 / 0.75)
    assert round_size(games=192, rounds=16) == pytest.approx(12, rel=1e-4)
    assert round_size(games=192, rounds=16, recorded=0.5, threads=3) == pytest.approx(18, rel=0.01)


@pytest.mark.parametrize(
    "search", [{"simulations": 8}, {"simulations": 8, "leaves": 2}, {"simulations": 8, "cap": True}]
)
def test_an_actor_that_is_asked_for_one_position_brings_a_round(search: dict[str, int]) -> None:
    cap = {"full_fraction": 0.25, "simulations": 2} if search.pop("cap", False) else {}
    config = TrainConfig.model_validate(
        {
            "game": "connect4",
            "network": {"blocks": 1, "channels": 4},
            "search": search,
            "rollouts": {"games": 32, "opening_plies": 1, "playout_cap": cap},
        }
    )
    player = Player(config, seed=3)
    for _ in range(60):
        player.collect(1)  # until games are at all stages
    brought = [player.collect(1)[1]["recorded"] for _ in range(200)]
    assert np.mean(brought) == pytest.approx(round_of(config), rel=0.35)


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
    lines = out.splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("nodes"))
    assert lines[row].split()[:4] == ["nodes", "actors", "answer", "games/h"]
    assert (lines[row].split()[-1], lines[row + 1].split()[-1]) == ("full", "first")  # broken at 80 columns
    assert [p["items_per_answer"] for p in found["plans"]] == [21, 5]  # 64 positions of 3 actors, of 12
    (last,) = [line for line in lines if line.startswith("the learner's process keeps up")]
    assert f" {found['nodes_until_full']:,} " in last


def test_what_is_given_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> float:
        raise AssertionError("this was given")

    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE)
    monkeypatch.setattr(scaling_rates, "_playing", never)
    options = ["plan", str(recipe), "--seconds", "0.2", "--actors", "3", "--json", "--items-per-s", "70"]
    assert main(options) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rates"]["items_per_s"] == 70

    for measuring in ("_finished", "_timed", "_per_step"):
        monkeypatch.setattr(scaling_rates, measuring, never)
    options += ["--game-length", "20", "--bytes-per-item", "40", "--ingest-us", "5", "--step-ms", "8"]
    assert main(options) == 0
    rates = json.loads(capsys.readouterr().out.splitlines()[-1])["rates"]
    assert rates["ingest_s"] == pytest.approx(5e-6) and rates["items_per_game"] == 20
    assert rates["learn_s"] == pytest.approx(8e-3 * 2 / 16)  # two samples of each position, 16 a step


def test_worlds_whose_rates_are_given_are_not_played(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("this was given")

    monkeypatch.setattr(scaling_rates, "_in_worlds", never)
    given = {"items-per-s": 900, "game-length": 20, "bytes-per-item": 40, "ingest-us": 5, "step-ms": 8}
    options = [word for option, value in given.items() for word in (f"--{option}", str(value))]
    recipe = ["cartpole", "rollouts.steps=8", "rollouts.worlds=4"]
    assert main(["plan", *recipe, "--nodes", "1,500", "--actors", "2", "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [p["items_per_answer"] for p in found["plans"]] == [32, 32]


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
