"""The learner: losses by hand, a batch learnt by heart, and going on bit for bit."""

import math

import numpy as np
import pytest
import torch

from tengen.envs import make_game
from tengen.errors import TengenError
from tengen.selfplay import compiling, losses
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Batch, Replay
from tests.selfplay_tools import network, played, small


@pytest.fixture(scope="module")
def go5() -> Replay:
    config = small("go5", replay={"base": 10_000})
    replay = Replay(make_game("go5"), config.replay)
    replay.add(played(config, positions=600))
    return replay


def batches(replay: Replay, count: int, seed: int = 0, size: int = 32) -> list[Batch]:
    rng = np.random.default_rng(seed)
    return [replay.sample(size, rng) for _ in range(count)]


def learner(seed: int = 0, **settings: object) -> Learner:
    torch.manual_seed(seed)
    config = small("go5", learner=settings)
    return Learner(network(config), config.learner)


def test_cross_entropy_of_a_policy_by_hand():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [math.log(3.0), 0.0, -math.inf, 0.0]])
    target = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
    by_hand = [math.log(4), -0.5 * math.log(3 / 5) - 0.5 * math.log(1 / 5)]
    assert losses.policy_loss(logits[:1], target[:1]).item() == pytest.approx(by_hand[0])
    finite = torch.where(logits == -math.inf, torch.tensor(-1e9), logits)
    assert losses.policy_loss(finite, target).item() == pytest.approx(sum(by_hand) / 2)


def test_cross_entropy_of_a_value_by_hand():
    logits = torch.tensor([[math.log(2.0), 0.0, 0.0]])  # win 1/2, draw 1/4, loss 1/4
    assert losses.value_loss(logits, torch.tensor([[1.0, 0, 0]])).item() == pytest.approx(math.log(2))
    assert losses.value_loss(logits, torch.tensor([[0.5, 0, 0.5]])).item() == pytest.approx(1.5 * math.log(2))


def test_ownership_and_score_count_only_games_played_to_their_end():
    ownership = torch.tensor([[0.5, -0.5], [0.0, 0.0]])
    target = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    first, both, none = torch.tensor([1.0, 0]), torch.tensor([1.0, 1]), torch.tensor([0.0, 0])
    assert losses.ownership_loss(ownership, target, first).item() == pytest.approx(0.25)
    assert losses.ownership_loss(ownership, target, both).item() == pytest.approx((0.25 + 1) / 2)
    assert losses.ownership_loss(ownership, target, none).item() == 0
    score, points = torch.tensor([0.1, 3.0]), torch.tensor([0.0, 0.0])
    assert losses.score_loss(score, points, first).item() == pytest.approx(0.1**2 / 2)
    huber = 0.2 * (3.0 - 0.2 / 2)  # linear past delta = 0.2
    assert losses.score_loss(score, points, both).item() == pytest.approx((0.005 + huber) / 2)
    assert losses.score_loss(score, points, none).item() == 0


def test_a_game_cut_short_teaches_no_ownership(go5):
    (batch,) = batches(go5, 1)
    batch.is_scored[:] = 0
    batch.ownership[:] = 1
    one = learner(policy_weight=0.0, value_weight=0.0, weight_decay=0.0, ownership_weight=1.0)
    before = one.network.state_dict()["heads.ownership.weight"].clone()
    metrics = one.step(batch)
    assert metrics["ownership_loss"] == metrics["score_loss"] == metrics["loss"] == 0
    assert torch.equal(one.network.state_dict()["heads.ownership.weight"], before)


def test_the_loss_is_the_weighted_sum_of_its_parts(go5):
    (batch,) = batches(go5, 1)
    metrics = learner(policy_weight=2.0, value_weight=3.0, ownership_weight=0.5, score_weight=0.25).step(
        batch
    )
    parts = [metrics[f"{name}_loss"] for name in ("policy", "value", "ownership", "score")]
    assert metrics["loss"] == pytest.approx(np.dot([2, 3, 0.5, 0.25], parts), rel=1e-5)
    assert all(part > 0 for part in parts)


def test_a_small_network_learns_a_batch_by_heart(go5):
    (batch,) = batches(go5, 1, size=16)
    entropy = -(batch.policy * np.log(np.maximum(batch.policy, 1e-9))).sum(1).mean()
    one = learner(learning_rate=1e-2, final_learning_rate=1e-2, weight_decay=0.0)
    first = one.step(batch)
    for _ in range(120):
        last = one.step(batch)
    assert first["value_loss"] == pytest.approx(math.log(3), abs=0.1)
    assert last["value_loss"] < 0.1
    assert last["policy_loss"] - entropy < 0.35 * (first["policy_loss"] - entropy)
    assert last["ownership_loss"] < 0.5 * first["ownership_loss"]


def test_the_learning_rate_warms_up_and_follows_a_cosine():
    one = learner(learning_rate=1e-2, final_learning_rate=1e-3, warmup_steps=4)
    assert one.learning_rate(0.0) == pytest.approx(1e-2 / 4)
    one.steps = 3
    assert one.learning_rate(0.0) == pytest.approx(1e-2)
    one.steps = 100
    assert one.learning_rate(0.5) == pytest.approx((1e-2 + 1e-3) / 2)
    assert one.learning_rate(1.0) == one.learning_rate(1.7) == pytest.approx(1e-3)
    rates = [one.learning_rate(p) for p in np.linspace(0, 1, 11)]
    assert rates == sorted(rates, reverse=True)
    assert learner(warmup_steps=0).learning_rate(0.0) == pytest.approx(1e-3)


def test_the_acting_weights_are_a_moving_average(go5):
    one = learner(average_decay=0.9)
    name = "tower.stem.conv.weight"
    expected = None
    for batch in batches(go5, 5):
        one.step(batch)
        latest = one.network.state_dict()[name].clone()
        expected = latest if expected is None else 0.9 * expected + 0.1 * latest
    assert np.allclose(one.weights()[name], expected.numpy(), atol=1e-6)
    assert not np.allclose(one.weights()[name], latest.numpy(), atol=1e-5)
    without = learner(average_decay=0.0)
    without.step(batches(go5, 1)[0])
    assert np.array_equal(without.weights()[name], without.network.state_dict()[name].numpy())


def test_only_matrices_are_decayed():
    decays = {
        group["weight_decay"]: {p.ndim for p in group["params"]}
        for group in learner(weight_decay=0.1).optimizer.param_groups
    }
    assert decays[0.0] == {1} and 1 not in decays[0.1]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_restored_learner_goes_on_bit_for_bit(go5, optimizer):
    data = batches(go5, 8)
    whole = learner(optimizer=optimizer)
    for i, batch in enumerate(data):
        expected = whole.step(batch, i / 8)
    half = learner(optimizer=optimizer)
    for i, batch in enumerate(data[:4]):
        half.step(batch, i / 8)
    other = learner(seed=1, optimizer=optimizer)
    other.restore(half.tensors(), half.steps)
    for i, batch in enumerate(data[4:], 4):
        found = other.step(batch, i / 8)
    assert found == expected and other.steps == whole.steps
    for name, tensor in whole.tensors().items():
        assert torch.equal(other.tensors()[name], tensor), name


def test_a_loss_that_is_no_number_stops_the_run(go5):
    first, second = batches(go5, 2)
    one = learner()
    one.step(first)
    before = one.network.state_dict()["heads.value.weight"].clone()
    second.observations[:] = np.nan
    with pytest.raises(
        TengenError, match=r"the loss became nan at step 2; .* learner.learning_rate below 0.001"
    ):
        one.step(second)
    assert torch.equal(one.network.state_dict()["heads.value.weight"], before)


def test_the_learner_keeps_to_its_threads(go5):
    torch_threads = torch.get_num_threads()
    seen = []
    one = learner(threads=1)
    one.network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    one.step(batches(go5, 1)[0])
    assert seen == [1] and torch.get_num_threads() == torch_threads


# --- torch.compile ----------------------------------------------------------------------------------------


def test_a_run_is_compiled_where_that_pays(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: "/usr/bin/g++")
    for stop, expected in [
        ({}, True),
        ({"minutes": 20.0}, True),
        ({"minutes": 6.0}, False),
        ({"games": 9}, False),
    ]:
        assert compiling.pays(small(stop=stop), cpu) is expected
        assert compiling.pays(small(stop=stop), cuda) is False
        assert compiling.pays(small(stop=stop, learner={"compile": True}), cuda) is True
        assert compiling.pays(small(stop=stop, learner={"compile": False}), cpu) is False
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: None)
    assert compiling.pays(small(), cpu) is False


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_a_compiler_that_fails_is_done_without(go5, monkeypatch, caplog, part):
    def broken(network):
        def forward(obs):
            output = network(obs)
            if part == "forward":
                raise RuntimeError("g++: internal error\nand much more")
            output.policy.register_hook(lambda _: (_ for _ in ()).throw(RuntimeError("g++: internal error")))
            return output

        return forward

    monkeypatch.setattr("tengen.selfplay.learner.compiled", broken)
    torch.manual_seed(0)
    config = small("go5")
    one = Learner(network(config), config.learner, compile=True)
    first, second = batches(go5, 2)
    found = [one.step(first), one.step(second)]
    plain = learner()
    assert found == [plain.step(first), plain.step(second)]
    assert [r.getMessage() for r in caplog.records] == [
        "the learner goes on without torch.compile: g++: internal error"
    ]


@pytest.mark.slow
@pytest.mark.skipif(compiling.cpp_compiler() is None, reason="needs a C++ compiler")
def test_compiled_steps_are_those_of_the_plain_learner(go5):
    torch.manual_seed(0)
    config = small("go5")
    one, plain = Learner(network(config), config.learner, compile=True), learner()
    for batch in batches(go5, 6):
        found, expected = one.step(batch), plain.step(batch)
        assert found["loss"] == pytest.approx(expected["loss"], rel=0.02)
    assert one._forward is not one.network and one.tensors().keys() == plain.tensors().keys()
