"""Benchmarks answer with the figures that the documentation names, whatever the settings."""

import json
import subprocess
import sys
import types

import pytest

from tengen import cli
from tengen.benchmarks import BENCHES
from tengen.benchmarks.measuring import alternate

TINY_NET = ("--blocks", "1", "--channels", "8")


def bench(capsys, *arguments: str) -> dict[str, float]:
    """Run the benchmark; its figures, from the JSON object on the last line."""
    assert cli.main(["bench", *arguments]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer.keys() == {"bench", "options", "machine", "versions", "figures"}
    assert answer["bench"] == arguments[0]
    assert answer["machine"]["cores"] >= 1 and answer["versions"]["torch"]
    assert all(isinstance(value, int | float) for value in answer["figures"].values())
    figures: dict[str, float] = answer["figures"]
    return figures


def fault(capsys, *arguments: str) -> str:
    assert cli.main(["bench", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return str(line)


def test_sides_take_turns_and_rates_are_medians(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tengen.benchmarks.measuring.time.perf_counter", lambda: clock[0])
    order: list[str] = []

    def side(name: str, durations: list[float]):
        def work() -> int:
            order.append(name)
            clock[0] += durations.pop(0)
            return 12

        return work

    # The second slice of b met a busy machine; the median does not see it.
    rates = alternate([side("a", [1.0, 2.0, 3.0]), side("b", [1.0, 100.0, 2.0])], slices=3, seconds=0.5)
    assert order == ["a", "b"] * 3
    assert rates == [6.0, 6.0]


def test_commands_of_the_engine_are_counted(capsys):
    figures = bench(capsys, "gtp", "--moves", "5", "--slices", "1", "--slice-seconds", "0.05")
    assert figures["per_second"] > 0 and figures["turns_per_second"] > 0 and figures["session_per_second"] > 0


def test_search_is_measured_against_its_own_network(capsys):
    quick = ("--batch", "8", "--simulations", "4", "--slices", "2", "--slice-seconds", "0.05")
    figures = bench(capsys, "search", "--game", "connect4", *TINY_NET, *quick)
    assert figures["ratio"] == pytest.approx(figures["per_second"] / figures["bare_per_second"])
    assert figures["per_second"] > 0


def test_moving_search_counts_simulations_and_never_leaves_the_game():
    import numpy as np

    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.evaluators import RolloutLeaves
    from tengen.benchmarks.searching import MovingSearch
    from tengen.envs import make_game

    game = make_game("connect4")
    moving = MovingSearch(game, RolloutLeaves(game, 0), SearchConfig(simulations=4), slots=6, seed=0)
    rounds = 60  # longer than a game: slots start again where their games are over
    made = [moving.advance() for _ in range(rounds)]
    # A round takes each slot one simulation further, or evaluates its root; walks to finished games add some.
    assert sum(made) >= 6 * rounds * 4 // 5 - 6
    assert not moving.search.states["terminal"][np.arange(6), 0].any()


def test_mcts_is_measured_against_openspiel(capsys):
    pytest.importorskip("pyspiel")
    quick = ("--batch", "8", "--simulations", "8", "--slices", "1", "--slice-seconds", "0.05")
    figures = bench(
        capsys, "search", "--evaluator", "rollout", "--peer", "openspiel", "--game", "connect4", *quick
    )
    assert figures["ratio"] == pytest.approx(figures["per_second"] / figures["peer_per_second"])
    assert figures["ratio_one_game"] > 0
    # Random games of Connect Four, whoever plays them, take 21 to 22 plies on average.
    assert 20 < figures["plies_per_rollout"] < 23
    assert 18 < figures["peer_plies_per_rollout"] < 25


def test_without_openspiel_the_way_to_it_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    message = fault(capsys, "search", "--evaluator", "rollout", "--peer", "openspiel")
    assert "pip install tengen[bench]" in message


def test_network_rates_by_batch_size(capsys):
    figures = bench(
        capsys, "network", "--game", "connect4", *TINY_NET, "--batches", "4,8", "--seconds", "0.05"
    )
    assert figures["per_second"] == max(figures["evals_per_s_b4"], figures["evals_per_s_b8"])


def test_gpu_search_can_be_tried_without_a_gpu(capsys):
    quick = ("--batches", "4", "--workers", "1,2", "--simulations", "3", "--seconds", "0.05")
    figures = bench(
        capsys, "gpu-search", "--device", "cpu", "--games", "connect4", "--networks", "1x8", *quick
    )
    ratios = [figures[f"ratio_connect4_1x8_b4_t{threads}"] for threads in (1, 2)]
    assert figures["ratio"] == max(ratios) > 0
    assert figures["bare_connect4_1x8_b4"] > 0


def test_gpu_search_wants_a_gpu(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no GPU" in fault(capsys, "gpu-search")


def test_gpu_selfplay_can_be_tried_without_a_gpu(capsys):
    quick = ("--threads", "1,2", "--games", "4", "--simulations", "3", "--seconds", "0.05", "--batch", "8")
    names = ("--game", "connect4", "--networks", "1x8")
    figures = bench(capsys, "gpu-selfplay", "--device", "cpu", "--no-compile", *names, *quick)
    best = max(figures["selfplay_1x8_t1"], figures["selfplay_1x8_t2"])
    assert figures["per_second"] == best > 0 and figures["learner_1x8"] > 0
    assert figures["ratio"] == best / max(figures["bare_1x8_t1"], figures["bare_1x8_t2"])


def test_gpu_selfplay_wants_a_gpu(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no GPU" in fault(capsys, "gpu-selfplay")


def test_memory_of_a_process_of_its_own(capsys):
    figures = bench(capsys, "memory", "--game", "connect4", "--games", "4", "--simulations", "4", *TINY_NET)
    assert figures["positions"] >= 16
    assert figures["bytes"] > figures["idle_bytes"] > 10e6


def test_startup_is_timed_twice_with_one_cache(capsys, monkeypatch):
    """The two starts share a cache folder, empty at first; no setting of the user's leads elsewhere."""
    caches: list[str] = []

    def start(command, *, env, **rest):
        caches.append(env["XDG_CACHE_HOME"])
        assert "NUMBA_CACHE_DIR" not in env and "TORCHINDUCTOR_CACHE_DIR" not in env
        words = "print('loading'); print('first move made')"
        return subprocess_popen([sys.executable, "-c", words], env=env, **rest)

    subprocess_popen = subprocess.Popen
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/somewhere")
    monkeypatch.setattr(
        "tengen.benchmarks.startup.subprocess", types.SimpleNamespace(Popen=start, PIPE=subprocess.PIPE)
    )
    figures = bench(capsys, "startup")
    assert figures["seconds"] > 0 and figures["warm_seconds"] > 0
    assert len(caches) == 2 and caches[0] == caches[1]


def test_a_first_move_is_made(capsys):
    from tengen.benchmarks.startup import DONE, first_move

    first_move("connect4", "1", "8", "1")
    assert capsys.readouterr().out.splitlines() == [DONE]


@pytest.mark.ray
def test_selfplay_by_threads_and_by_ray(capsys):
    quick = ("--games", "8", "--simulations", "2", "--minutes", "0.02", "--warm-up", "0.01", "--turns", "1")
    figures = bench(capsys, "selfplay", "--game", "connect4", *TINY_NET, *quick, "--positions", "64")
    assert figures["ratio"] == pytest.approx(figures["ray_games_per_hour"] / figures["games_per_hour"])
    assert figures["evaluations_per_s"] > 0 and figures["ray_evaluations_per_s"] > 0
    assert 4 <= figures["positions_per_game"] <= 42


def test_what_a_match_costs_is_measured(capsys):
    quick = ("--games", "4", "--turns", "1", "--seconds", "0.01", "--random-games", "4")
    figures = bench(capsys, "match", "--game", "connect4", *TINY_NET, *quick)
    assert 0 < figures["ms_per_ply"] < 1 and figures["games_per_minute"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["evaluations_per_s"] / figures["selfplay_evaluations_per_s"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "--batch", "0"), "argument --batch: '0' is not a whole number from 1 to 65536"),
        (("search", "--slice-seconds", "-1"), "'-1' is not a number above 0 and at most 3600"),
        (("search", "--peer", "openspiel"), "add --evaluator rollout"),
        (("search", "--evaluator", "rollout"), "needs --peer openspiel"),
        (("search", "--game", "go99"), "go99"),
        (("network", "--batches", "64,none"), "--batches 64,none: expected whole numbers"),
        (("gpu-search", "--device", "cpu", "--games", "connect4", "--networks", "big"), "such as 6x96"),
        (("startup", "--game", "shogi"), "shogi"),
        (("atari", "--every", "6", "--worlds", "4"), "--every 6 is no multiple of --worlds 4"),
        (("atari", "--learner", "pqn", "--peer", "sb3"), "Stable-Baselines3 has no PQN"),
        (("atari", "--game", "atari/Pang"), "atari/Pong"),
        (("memory", "--game", "shogi"), "shogi"),
    ],
)
def test_wrong_settings_are_one_sentence(capsys, arguments, words):
    assert words in fault(capsys, *arguments)


def test_every_benchmark_says_what_it_measures(capsys):
    assert cli.main(["bench"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in BENCHES)


def test_atari_learning_is_measured(capsys):
    pytest.importorskip("ale_py")
    quick = ("--seconds", "0.05", "--turns", "1", "--worlds", "2")
    assert bench(capsys, "atari", "--batch", "8", "--every", "16", *quick)["per_second"] > 0
    assert bench(capsys, "atari", "--learner", "pqn", *quick)["worlds"] == 2


def test_atari_learning_is_measured_against_stable_baselines(capsys):
    pytest.importorskip("stable_baselines3")
    pytest.importorskip("cv2")
    quick = ("--seconds", "0.05", "--turns", "1", "--batch", "8", "--every", "16")
    figures = bench(capsys, "atari", "--peer", "sb3", *quick)
    assert figures["ratio"] == pytest.approx(figures["per_second"] / figures["peer_per_second"])


def test_learning_from_records_is_compared_with_a_plain_loop(capsys):
    quick = ("--batch", "16", "--slices", "1", "--seconds", "0.05")
    found = bench(capsys, "learner", "--game", "go7", *TINY_NET, *quick)
    assert found["ratio"] == pytest.approx(found["per_second"] / found["plain_per_second"])
    assert found["feed_per_second"] > 0
