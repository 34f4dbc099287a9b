"""The evaluator says what the network says, whatever it folds, fuses, pads or rounds."""

import concurrent.futures
import functools
import platform
import resource
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.networks import evaluator as evaluator_module
from tengen.networks import folding, hardware
from tengen.networks.evaluator import NetworkEvaluator, padded_size
from tengen.networks.folding import InferenceNet
from tengen.networks.heads import LOSS, WIN, PolicyValueNet
from tengen.networks.measure import measure
from tengen.networks.weights import network_weights
from tests.nets import SMALL, Shapes, lived_in, observations

GAME = Shapes(9)
CPU = torch.device("cpu")


def opinion(
    network: PolicyValueNet, obs: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the module itself says, as the evaluator would put it."""
    with torch.no_grad():
        output = network.eval()(torch.from_numpy(obs))
    chance = output.value.softmax(1).numpy()
    return output.policy.numpy(), chance[:, WIN] - chance[:, LOSS]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("channels", [16, 24, 32])
def test_folded_network_equals_the_unfolded_one(fused: bool, channels: int) -> None:
    network = lived_in(GAME, SMALL.model_copy(update={"channels": channels}))
    obs = observations(GAME, 8)
    policy, value = InferenceNet(network, torch.float32, CPU, fused=fused)(torch.from_numpy(obs))
    expected_policy, expected_value = opinion(network, obs)
    np.testing.assert_allclose(policy.detach(), expected_policy, atol=2e-4, rtol=2e-4)
    np.testing.assert_allclose(value.detach(), expected_value, atol=1e-4)


def test_bfloat16_is_close_and_keeps_the_best_move() -> None:
    network, obs = lived_in(GAME), observations(GAME, 64)
    policy, value = NetworkEvaluator(network, device="cpu", precision="bfloat16")(obs)
    expected_policy, expected_value = opinion(network, obs)
    spread = expected_policy.std()
    assert np.abs(policy - expected_policy).max() < 0.15 * spread
    assert np.abs(value - expected_value).max() < 0.05
    chosen = expected_policy[np.arange(64), policy.argmax(1)]
    assert (expected_policy.max(1) - chosen).max() < 0.1 * spread


def test_machines_without_the_fused_kernels_get_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    network, obs = lived_in(GAME), observations(GAME, 5)
    monkeypatch.setattr(folding, "fused_kernels_work", lambda device, dtype: False)
    plain = NetworkEvaluator(network, device="cpu", precision="float32")
    assert "fused" not in plain.describe()
    np.testing.assert_allclose(plain(obs)[0], opinion(network, obs)[0], atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("batch", [1, 3, 64, 65, 200])
def test_padding_changes_no_answer(batch: int) -> None:
    evaluator = NetworkEvaluator(lived_in(GAME), device="cpu", precision="float32")
    obs = observations(GAME, 200)
    policy, value = evaluator(obs[:batch])
    assert policy.shape == (batch, 82) and value.shape == (batch,)
    assert policy.dtype == value.dtype == np.float32
    whole_policy, whole_value = evaluator(obs)
    np.testing.assert_allclose(policy, whole_policy[:batch], atol=1e-4)
    np.testing.assert_allclose(value, whole_value[:batch], atol=1e-5)


def test_padded_sizes_hold_every_batch_and_are_few() -> None:
    sizes = [padded_size(batch) for batch in range(1, 10_000)]
    assert all(size >= batch for batch, size in enumerate(sizes, 1))
    assert len(set(sizes)) < 25


def test_memory_layout_of_observations_does_not_matter() -> None:
    evaluator = NetworkEvaluator(lived_in(GAME), device="cpu", precision="float32")
    obs = observations(GAME, 8)
    read_only = obs.copy()
    read_only.flags.writeable = False
    for other in (np.ascontiguousarray(obs), np.asfortranarray(obs), read_only):
        np.testing.assert_allclose(evaluator(other)[0], evaluator(obs)[0], atol=1e-5)


def test_results_stay_when_the_observations_are_overwritten() -> None:
    evaluator = NetworkEvaluator(lived_in(GAME), device="cpu", precision="float32")
    obs = observations(GAME, 8)
    pending = evaluator.submit(obs)
    expected = evaluator(obs)[0].copy()
    obs[:] = 0
    evaluator(obs)
    np.testing.assert_array_equal(pending.result()[0], expected)


def test_the_network_it_came_from_may_go_on_learning() -> None:
    network, obs = lived_in(GAME), observations(GAME, 4)
    evaluator = NetworkEvaluator(network, device="cpu")
    before = evaluator(obs)[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    np.testing.assert_array_equal(evaluator(obs)[0], before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_swapped_in_place_by_version(precision: str) -> None:
    old, new = lived_in(GAME, seed=1), lived_in(GAME, seed=2)
    evaluator = NetworkEvaluator(old, device="cpu", precision=precision, version=7)
    obs = observations(GAME, 16)
    assert evaluator.version == 7
    evaluator(obs)
    weights = network_weights(new)
    for array in weights.values():
        array.flags.writeable = False  # as Ray hands them out
    evaluator.load_weights(weights, version=8)
    assert evaluator.version == 8
    fresh = NetworkEvaluator(new, device="cpu", precision=precision)
    for ours, theirs in zip(evaluator(obs), fresh(obs), strict=True):
        np.testing.assert_array_equal(ours, theirs)

    with pytest.raises(TengenError, match="missing"):
        evaluator.load_weights({}, version=9)
    assert evaluator.version == 8
    np.testing.assert_array_equal(evaluator(obs)[0], fresh(obs)[0])


def test_two_threads_with_an_evaluator_each() -> None:
    network = lived_in(GAME)
    expected = NetworkEvaluator(network, device="cpu", threads=1)(observations(GAME, 32))[0]
    meeting = threading.Barrier(2)
    mine = torch.get_num_threads()

    def rollout(_: int) -> NDArray[np.float32]:
        torch.set_num_threads(1)
        evaluator = NetworkEvaluator(network, device="cpu", threads=1)
        meeting.wait(timeout=60)
        for _ in range(20):
            policy, _ = evaluator(observations(GAME, 32))
        assert torch.get_num_threads() == 1
        return policy

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for policy in pool.map(rollout, range(2)):
            np.testing.assert_array_equal(policy, expected)
    assert torch.get_num_threads() == mine  # the learner's threads are its own


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep memory in other ways")
def test_a_batch_reuses_the_memory_of_the_last_one() -> None:
    network = lived_in(GAME, SMALL.model_copy(update={"channels": 64}))
    evaluator = NetworkEvaluator(network, device="cpu", threads=1)
    obs = observations(GAME, 256)  # layers of 2.6 MB: 650 pages, were they given back and faulted in anew
    evaluator(obs)
    evaluator(obs)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt  # of the process, other threads' too
    for _ in range(10):
        evaluator(obs)
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before < 10 * 300


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_equals_eager(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if hardware.cpp_compiler() is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    tiny = SMALL.model_copy(update={"blocks": 1, "pool_every": 1, "channels": 8})
    network = lived_in(Shapes(3), tiny)
    evaluator = NetworkEvaluator(network, device="cpu", precision="float32", compile=True)
    assert "compiled" in evaluator.describe()
    for seed in (0, 1):
        network = lived_in(Shapes(3), tiny, seed)
        evaluator.load_weights(network_weights(network), version=seed)
        obs = observations(Shapes(3), 4)
        np.testing.assert_allclose(evaluator(obs)[0], opinion(network, obs)[0], atol=1e-4)


def test_without_a_compiler_it_says_so_and_runs_eager(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(evaluator_module, "cpp_compiler", lambda: None)
    evaluator = NetworkEvaluator(lived_in(GAME), device="cpu", compile=True)
    assert [record.message for record in caplog.records] == [
        "no C++ compiler found: networks run uncompiled; install g++ for torch.compile"
    ]
    assert "eager" in evaluator.describe()


@pytest.mark.parametrize(
    ("flags", "unit"),
    [({"avx2"}, None), ({"avx512_bf16"}, "AVX512-BF16"), ({"avx512_bf16", "amx_bf16"}, "AMX")],
)
def test_bf16_is_chosen_by_the_processors_flags(
    flags: set[str], unit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cpu_flags", lambda: frozenset(flags))
    assert hardware.cpu_bf16() == unit
    expected = torch.bfloat16 if unit else torch.float32
    assert hardware.choose_precision("auto", CPU) == expected


def test_faults_of_the_caller_are_one_sentence() -> None:
    network = lived_in(GAME)
    with pytest.raises(TengenError, match="unknown device 'tpux'; use auto, cpu, cuda or cuda:N"):
        NetworkEvaluator(network, device="tpux")
    with pytest.raises(TengenError, match="unknown precision 'int8'; use auto, float32"):
        NetworkEvaluator(network, precision="int8")
    with pytest.raises(TengenError, match=r"shape \[2, 3, 5, 5\]; this network takes \[B, 3, 9, 9\]"):
        NetworkEvaluator(network)(observations(Shapes(5), 2))
    if not torch.cuda.is_available():
        with pytest.raises(TengenError, match="'cuda' is not there; this machine has 0 CUDA devices"):
            NetworkEvaluator(network, device="cuda")


def test_measured_speed_counts_positions() -> None:
    calls: list[int] = []

    class Counting(NetworkEvaluator):
        def __call__(self, obs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            calls.append(len(obs))
            return super().__call__(obs)

    assert measure(Counting(lived_in(GAME), device="cpu"), GAME.obs_shape, batch=4, seconds=0.01) > 0
    assert set(calls) == {4}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_cuda_graphs_answer_in_order_and_follow_new_weights(precision: str, compiled: bool) -> None:
    network = lived_in(GAME)
    evaluator = NetworkEvaluator(network, device="cuda", precision=precision, compile=compiled)
    tolerance = {"float32": 2e-3, "float16": 0.05, "bfloat16": 0.3}[precision]
    batches = [observations(GAME, 48, seed) for seed in range(5)]
    handles = [evaluator.submit(obs.copy()) for obs in batches]  # more than there are buffers
    for obs, handle in zip(batches, handles, strict=True):
        policy, value = handle.result()
        expected_policy, expected_value = opinion(network, obs)
        np.testing.assert_allclose(policy, expected_policy, atol=tolerance)
        np.testing.assert_allclose(value, expected_value, atol=tolerance)
    other = lived_in(GAME, seed=5)
    evaluator.load_weights(network_weights(other), version=1)
    np.testing.assert_allclose(evaluator(batches[0])[0], opinion(other, batches[0])[0], atol=tolerance)
