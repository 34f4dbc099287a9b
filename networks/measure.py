"""How many positions a second an evaluator evaluates."""

import statistics
import time
from typing import Any

import numpy as np

from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.heads import PolicyValueNet
from tengen.networks.spec import NetworkConfig, NetworkSpec

REPEATS = 5


def measure(
    evaluator: NetworkEvaluator, obs_shape: tuple[int, int, int], batch: int, seconds: float = 1.0
) -> float:
    """Evaluations per second of wall time in batches of `batch`: the median of a few repeats."""
    channels, height, width = obs_shape
    rng = np.random.default_rng(0)
    obs = rng.random((batch, height, width, channels), np.float32).transpose(0, 3, 1, 2)
    for _ in range(3):
        evaluator(obs)
    rates = []
    for _ in range(REPEATS):
        started, calls = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < seconds / REPEATS or not calls:
            evaluator(obs)
            calls += 1
        rates.append(calls * batch / elapsed)
    return statistics.median(rates)


def doctor_evals() -> dict[str, Any]:
    """What `tengen doctor` shows: the evaluator's choices and its speed on 9x9 Go with one thread."""
    spec = NetworkSpec(16, 9, 9, 1, 1, tuple(range(82)), has_ownership=True)
    figures: dict[str, Any] = {}
    for blocks, channels in ((4, 32), (6, 64)):
        network = PolicyValueNet(NetworkConfig(blocks=blocks, channels=channels), spec)
        evaluator = NetworkEvaluator(network, threads=1)
        figures["evaluator"] = evaluator.describe()
        rate = measure(evaluator, spec.obs_shape, batch=256, seconds=0.5)
        figures[f"evaluations_per_s_{blocks}x{channels}"] = round(rate)
    return figures
