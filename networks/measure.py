"""How many positions a second an evaluator evaluates."""

import statistics
import time

import numpy as np

from tengen.networks.evaluator import NetworkEvaluator

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
