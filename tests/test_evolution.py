"""Evolution as a whole: who plays whom, the same games whoever plays them, and runs that go on exactly."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tengen import cli
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.tuning import TUNED, tuned_agent
from tengen.agents.registry import make_agent
from tengen.config import load_config
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.metrics import read_metrics
from tengen.networks.evolved import read_evolved, ship
from tengen.rundir import checkpoints
from tengen.selfplay.evolution import breed, chance, genome_size
from tengen.selfplay.evolution_config import EvolutionConfig, FitnessConfig
from tengen.selfplay.fitness import RayPlayers, ThreadPlayers, make_arena
from tengen.selfplay.hall import Champion, Hall
from tengen.selfplay.pairing import schedule, scores
from tengen.selfplay.strategies import Population, make_strategy

TINY = """
kind: evolution
game: checkers
seed: 3
population: 4
network: {name: blondie1999}
fitness: {games: 2, depth: 1, max_turns: 12, chunk: 2}
hall: {every: 1, size: 2}
stop: {updates: 4}
"""


def tiny(**changes: object) -> EvolutionConfig:
    fitness = {"games": 2, "depth": 1, "max_turns": 12, "chunk": 2}
    base = {"population": 4, "seed": 3, "network": {"name": "blondie1999"}, "fitness": fitness}
    return EvolutionConfig.model_validate(base | changes)


def everyone(count: int) -> np.ndarray:
    return np.ones(count, np.bool_)


# --- pairing ------------------------------------------------------------------------------------------


def test_each_individual_is_first_player_in_five_games_against_others() -> None:
    jobs = schedule(FitnessConfig(), everyone(30), 0, 1, np.random.default_rng(1))
    assert jobs.shape == (150, 3)
    assert (np.bincount(jobs[:, 0]) == 5).all()
    assert (jobs[:, 0] != jobs[:, 1]).all()
    assert set(jobs[:, 1].tolist()) == set(range(30))


def test_paired_games_share_an_opening_with_colours_swapped() -> None:
    config = FitnessConfig(games=3, paired=True, openings="random")
    jobs = schedule(config, everyone(6), 0, 50, np.random.default_rng(1))
    one, two = jobs[::2], jobs[1::2]
    assert (one[:, [1, 0, 2]] == two).all()
    assert len(set(one[:, 2].tolist())) > 5


def test_the_hall_plays_but_is_not_scored() -> None:
    config = FitnessConfig(games=1, hall_games=2)
    jobs = schedule(config, everyone(4), 3, 1, np.random.default_rng(1))
    assert ((jobs[:, 1] >= 4).sum(), len(jobs)) == (8, 12)
    results = np.tile(np.array([-1, 30], np.int32), (len(jobs), 1))  # second players win all
    points = scores(config, everyone(4), jobs, results)
    assert points.sum() == 4 * 3 * -2 + 4 * 1


def test_points_are_the_papers() -> None:
    jobs = np.array([[0, 1, 0], [1, 2, 0], [2, 0, 0]], np.int32)
    results = np.array([[1, 9], [0, 9], [-1, 9]], np.int32)
    assert scores(FitnessConfig(), everyone(3), jobs, results).tolist() == [2.0, -2.0, -2.0]
    assert scores(FitnessConfig(by="mean"), everyone(3), jobs, results).tolist() == [1.0, -1.0, -1.0]


def test_who_cannot_play_is_left_out() -> None:
    alive = np.array([True, False, True, True])
    jobs = schedule(FitnessConfig(), alive, 0, 1, np.random.default_rng(1))
    assert 1 not in jobs[:, :2]
    points = scores(FitnessConfig(), alive, jobs, np.zeros((len(jobs), 2), np.int32))
    assert points.tolist() == [0, -np.inf, 0, 0]


def test_the_oldest_leaves_the_hall() -> None:
    hall = Hall(tiny(hall={"every": 2, "size": 2}).hall, 3)
    for generation in range(1, 9):
        hall.consider(Champion(np.full(3, generation, np.float32), 2.0, 0.0, generation))
    assert hall.generations == [6, 8] and hall.weights[:, 0].tolist() == [6, 8]


# --- the same games whoever plays them ----------------------------------------------------------------


def bred(config: EvolutionConfig, generations: int = 2) -> np.ndarray:
    strategy = make_strategy(config, genome_size(config), chance(config, 0, "start"))
    hall = Hall(config.hall, genome_size(config))
    players = (RayPlayers if config.rollouts.workers else ThreadPlayers)(config, [[]])
    try:
        for generation in range(1, generations + 1):
            hall.consider(breed(config, strategy, hall, players, 1, generation).champion)
    finally:
        players.close()
    return strategy.arrays()["weights"]


def test_threads_do_not_change_what_is_bred() -> None:
    one, three = (bred(tiny(rollouts={"threads": threads})) for threads in (1, 3))
    assert (one == three).all()


@pytest.mark.ray
def test_ray_breeds_the_same_even_when_an_actor_dies_in_mid_generation() -> None:
    config = tiny(rollouts={"workers": 2})
    here = bred(tiny())
    strategy = make_strategy(config, genome_size(config), chance(config, 0, "start"))
    hall = Hall(config.hall, genome_size(config))
    players = RayPlayers(config, [[]])
    try:
        breed(config, strategy, hall, players, 1, 1)
        real, killed = players.pool.next_answer, []

        def kill_then_answer() -> object:
            if not killed:
                killed.append(True)
                players.pool._ray.kill(players.pool.actors[0])
            return real()

        players.pool.next_answer = kill_then_answer  # type: ignore[method-assign]
        breed(config, strategy, hall, players, 1, 2)
        assert killed and players.pool.restarts >= 1
    finally:
        players.close()
    assert (strategy.arrays()["weights"] == here).all()


def test_weights_that_are_not_numbers_are_dropped_and_counted() -> None:
    config = tiny()

    class Spoilt:
        def __init__(self) -> None:
            self.inner = make_strategy(config, genome_size(config), chance(config, 0, "start"))

        def ask(self, rng: np.random.Generator) -> Population:
            population = self.inner.ask(rng)
            population.weights[3, 7] = np.nan
            return population

        def tell(self, fitness: np.ndarray, rng: np.random.Generator) -> None:
            assert fitness[3] == -np.inf
            self.inner.tell(fitness, rng)

        def champion(self, *played: object) -> object:
            return self.inner.champion(*played)  # type: ignore[arg-type]

    players = ThreadPlayers(config, [[]])
    found = breed(config, Spoilt(), Hall(config.hall, genome_size(config)), players, 1, 1)  # type: ignore[arg-type]
    players.close()
    assert found.stats()["dropped"] == 1 and len(found.results) == 6
    assert np.isfinite(found.champion.weights).all()


# --- runs ---------------------------------------------------------------------------------------------


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return file


def newest(run: Path) -> bytes:
    return (list(checkpoints(run).values())[-1] / "weights.safetensors").read_bytes()


def test_a_run_that_was_stopped_or_killed_ends_as_one_that_was_not(recipe: Path, tmp_path: Path) -> None:
    whole, parts, killed = (tmp_path / name for name in ("whole", "parts", "killed"))
    assert cli.main(["train", str(recipe), "--run", str(whole)]) == 0
    assert cli.main(["train", str(recipe), "--run", str(parts), "stop.updates=2"]) == 0
    assert cli.main(["train", "--resume", str(parts), "stop.updates=4"]) == 0
    assert newest(parts) == newest(whole)
    rows = [read_metrics(run) for run in (whole, parts)]
    for metric in ("best", "mean", "diversity", "king", "sigma_mean", "dropped", "turns"):
        assert [row[metric] for row in rows[0]] == [row[metric] for row in rows[1]]
    assert "changed: stop.updates" in (parts / "log.txt").read_text()

    code = (
        "import os, signal, tengen.selfplay.evolution as e, tengen.cli as cli\n"
        "real = e.breed\n"
        "def breed(*a):\n"
        "    if a[-1] == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*a)\n"
        "e.breed = breed\n"
        f"cli.main(['train', {str(recipe)!r}, '--run', {str(killed)!r}, 'snapshot_every=1'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert cli.main(["train", "--resume", str(killed)]) == 0
    assert newest(killed) == newest(whole)
    assert [row["step"] for row in read_metrics(killed)] == [1, 2, 3, 4]


def test_what_cannot_change_in_a_run_is_named(recipe: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--run", str(run), "stop.updates=1"]) == 0
    capsys.readouterr()
    assert cli.main(["train", "--resume", str(run), "population=6", "strategy.sigma=0.1"]) == 2
    error = capsys.readouterr().err
    assert "population, strategy.sigma cannot change" in error and "was 4, is 6" in error
    assert "population: 4" in (run / "config.yaml").read_text()


def test_a_run_from_before_a_key_was_there_goes_on(recipe: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--run", str(run), "stop.updates=1"]) == 0
    (file,) = run.glob("checkpoints/*/state.json")
    state = json.loads(file.read_text())
    del state["extra"]["config"]["strategy"]["decay"], state["extra"]["config"]["fitness"]["simulations"]
    file.write_text(json.dumps(state))
    capsys.readouterr()
    assert cli.main(["train", "--resume", str(run), "stop.updates=2"]) == 0
    assert "changed: stop.updates" in capsys.readouterr().err


def test_the_champion_plays_and_says_what_it_is_for(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--run", str(run), "stop.updates=1"]) == 0
    game = make_game("checkers")
    agent = make_agent(f"evolved:{run}/latest?depth=2", game, seed=1)
    agent.start(game, 1)
    (action,) = agent.choose(game.new_states(1), np.zeros(1, np.int32))
    mask = game.new_mask(1)
    game.legal_mask(game.new_states(1), mask)
    assert mask[0, action] and abs(agent.last_values[0]) < 1
    evolved = read_evolved(run)
    assert (evolved.depth, evolved.generation, len(evolved.weights)) == (1, 1, 1741)
    ship(run, tmp_path / "model")
    (alone,) = make_agent(f"evolved:{tmp_path / 'model'}?depth=2", game, seed=1).choose(
        game.new_states(1), np.zeros(1, np.int32)
    )
    assert alone == action and sum(f.stat().st_size for f in (tmp_path / "model").iterdir()) < 10_000
    with pytest.raises(TengenError, match="was bred for checkers and cannot play connect4"):
        make_agent(f"evolved:{run}/latest", make_game("connect4"))
    with pytest.raises(TengenError, match="play its champion as evolved:"):
        make_agent(f"policy:{run}/latest", game)
    with pytest.raises(TengenError, match="sims is for convolutional champions"):
        make_agent(f"evolved:{run}/latest?sims=9", game)


def test_snapshots_join_the_league_and_the_first_is_unbred(recipe: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--run", str(run), "snapshot_every=2", "stop.updates=3"]) == 0
    members = json.loads((run / "league.json").read_text())["members"]
    assert [member["update"] for member in members] == [0, 2]
    first = read_evolved(run / "checkpoints" / "step-00000000")
    assert (first.generation, first.king) == (0, 2.0) and np.abs(first.weights).max() <= 0.2
    capsys.readouterr()
    assert cli.main(["train", "--resume", str(run), "stop.updates=4", "fitness.depth=2"]) == 0
    assert "generation 3; changed: fitness.depth, stop.updates" in capsys.readouterr().err


@pytest.mark.parametrize(
    "override, message",
    [
        ("population=1", "1 has nobody to play"),
        ("population=7", "7 is odd"),
        ("king.start=3.5", "start 3.5 is outside low 1 to high 3"),
        ("king.low=-1", "king.low: -1 is out of range"),
        ("game=connect4", "blondie1999 plays checkers only, not connect4"),
        ("fitness.hall_games=2 hall.every=0", "need a hall"),
        ("strategy.elites=1", "take comma"),
        ("evaluation.simulations=8", "are for network.name conv"),
        ("fitness.openings=ballots game=go7 network.name=conv", "ballots are for checkers"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(TengenError, match=message):
        load_config(recipe, EvolutionConfig, override.split())


@pytest.mark.parametrize(
    "name", ["blondie1999", "blondie2001", "evolve-checkers", "evolve-go7", "evolve-connect4"]
)
def test_shipped_recipes_load(name: str) -> None:
    config = load_config(name, EvolutionConfig)
    assert genome_size(config) > 1000
    assert json.dumps(config.model_dump(mode="json"))


def test_a_bad_constant_of_tree_search_dies_out() -> None:
    """Exploring without end is worse than the written constant, at Connect Four with 60 games a move."""
    config = EvolutionConfig.model_validate(
        {
            "game": "connect4",
            "population": 4,
            "network": {"name": "search", "agent": "mcts?sims=60"},
            "fitness": {"games": 4, "paired": True, "chunk": 4},
        }
    )
    weights = np.zeros((4, genome_size(config)), np.float32)
    weights[2:, 0] = 8.0  # c_uct times 3,000
    jobs = schedule(config.fitness, everyone(4), 0, 1, np.random.default_rng(1))
    jobs = jobs[(jobs[:, 0] < 2) != (jobs[:, 1] < 2)]
    arena = make_arena(config, [[]])
    results = arena.play(Population(weights, np.full(4, 2, np.float32)), jobs, 5)
    points = scores(FitnessConfig(loss=-1), everyone(4), jobs, results)
    assert points[:2].sum() > points[2:].sum() + 4
    again = arena.play(Population(weights, np.full(4, 2, np.float32)), jobs, 5)
    assert (again == results).all()


def test_constants_of_tree_search_are_the_written_ones_times_exp_of_weights() -> None:
    game = make_game("connect4")
    weights = np.zeros(len(TUNED))
    weights[TUNED.index("c_init")], weights[TUNED.index("temperature")] = np.log(2), np.log(3)
    agent = tuned_agent("mcts?sims=4&rule=puct&temperature=0.5&warm=4", game, weights, seed=1)
    written = SearchConfig()
    assert (agent.config.c_init, agent.config.fpu_reduction) == (2 * written.c_init, written.fpu_reduction)
    assert agent.temperature == pytest.approx(1.5) and agent.random_plies == 4


@pytest.mark.parametrize(
    "game, network", [("connect4", "{name: hand}"), ("connect4", "{name: search, agent: 'mcts?sims=4'}")]
)
def test_numbers_that_no_gradient_reaches_evolve_too(tmp_path: Path, game: str, network: str) -> None:
    file, run = tmp_path / "numbers.yaml", tmp_path / "run"
    file.write_text(
        f"kind: evolution\ngame: {game}\npopulation: 4\nnetwork: {network}\nstop: {{updates: 2}}\n"
        "strategy: {name: snes}\nfitness: {games: 1, depth: 2}\n"
    )
    assert cli.main(["train", str(file), "--run", str(run)]) == 0
    made = make_game(game)
    agent = make_agent(f"evolved:{run}/latest", made, seed=1)
    agent.start(made, 1)
    assert 0 <= agent.choose(made.new_states(1), np.zeros(1, np.int32))[0] < 7


def test_benchmarks_answer_with_their_figures(recipe: Path, capsys) -> None:
    def figures(*arguments: str) -> dict[str, float]:
        assert cli.main(["bench", *arguments]) == 0
        return dict(json.loads(capsys.readouterr().out.splitlines()[-1])["figures"])

    evolution = figures("evolution", "--recipe", str(recipe), "--generations", "1", "--threads", "1")
    assert evolution["generations_per_hour"] > 0 and 0 < evolution["turns"] <= 12
    minimax = figures("minimax", "--seconds", "0.05", "--depth", "2")
    assert minimax["per_second"] > 0 and minimax["evaluation_us"] > 0
    population = figures("population", "--recipe", "evolve-connect4", "--population", "4", "--seconds", "0.1")
    assert population["ratio"] > 0 and population["weights"] == 5122


def test_a_champion_is_measured_and_what_was_played_is_not_played_again(
    recipe: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("tengen.benchmarks.evolved.FIELD", {"material, 4 ply": "minimax?depth=2"})
    run, out = tmp_path / "run", tmp_path / "table.md"
    assert cli.main(["train", str(recipe), "--run", str(run), "snapshot_every=1", "stop.updates=2"]) == 0
    command = ["bench", "evolved", "--run", str(run), "--older", str(run / "checkpoints" / "step-00000000")]
    command += ["--games", "2", "--field-games", "2", "--depths", "1", "--time", "0.001", "--sims", "2"]
    assert cli.main([*command, "--out", str(out)]) == 0
    table = out.read_text()
    assert f"| `evolved:{run}?depth=1` | `minimax?depth=1&eval=material` |" in table
    assert f"`evolved:{run / 'checkpoints' / 'step-00000001'}?depth=4`" in table
    assert "| generation 0 |" in table and "| rollout search, 2 |" in table
    assert cli.main([*command, "--out", str(out)]) == 0
    assert out.read_text() == table  # against the clock no two games are alike: these are the first ones
    capsys.readouterr()
    assert cli.main(["bench", "evolved", "--run", str(run), "--depths", "four"]) == 2
    assert "--depths four: expected whole numbers" in capsys.readouterr().err
