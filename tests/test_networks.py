"""The network: its shapes, its first opinions, and that one set of weights plays every board."""

import numpy as np
import pydantic
import pytest
import torch

from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.networks.heads import LOSS, WIN, PolicyValueNet
from tengen.networks.pooling import GlobalPool, HalfPool
from tengen.networks.spec import NetworkConfig, NetworkSpec, spec_for
from tengen.networks.weights import load_weights, network_weights
from tests.nets import SMALL, Shapes, lived_in, observations


@pytest.mark.parametrize("name", ["go5", "go9", "connect4", "checkers"])
def test_every_game_has_a_network_with_one_logit_an_action(name: str) -> None:
    game = make_game(name)
    network = PolicyValueNet(SMALL, spec_for(game)).eval()
    output = network(torch.zeros(3, *game.obs_shape))
    assert output.policy.shape == (3, game.num_actions)
    assert output.value.shape == (3, 3)
    if game.has_ownership:
        assert output.ownership.shape == (3, game.obs_shape[1] * game.obs_shape[2])
        assert output.score.shape == (3,)
        assert output.ownership.abs().max() < 1
    else:
        assert output.ownership is None and output.score is None


@pytest.mark.parametrize("name", ["go9", "checkers"])
def test_an_untrained_network_has_no_opinion(name: str) -> None:
    game = make_game(name)
    torch.manual_seed(1)
    network = PolicyValueNet(NetworkConfig(), spec_for(game)).eval()
    states = game.new_states(2)
    obs = game.new_observation(2)
    game.observe(states, obs)
    policy, value, _, _ = network(torch.from_numpy(obs))
    chance = policy.softmax(1)
    assert chance.max() < 1.3 / game.num_actions and chance.min() > 0.7 / game.num_actions
    expected = value.softmax(1)
    assert (expected[:, WIN] - expected[:, LOSS]).abs().max() < 0.05


def test_the_same_weights_play_any_board_size() -> None:
    weights = network_weights(lived_in(Shapes(5)))
    large = PolicyValueNet(SMALL, spec_for(Shapes(13))).eval()
    load_weights(large, weights)
    game = Shapes(13)
    output = large(torch.from_numpy(observations(game, 2)))
    assert output.policy.shape == (2, 170) and output.ownership.shape == (2, 169)

    # Far from every edge, what a point's own 3x3 layers see does not depend on the board: without pooling the
    # stem's features at the centre agree exactly.
    small_stem = lived_in(Shapes(5)).tower.stem
    field = torch.from_numpy(observations(game, 1))
    centre = small_stem(field[:, :, 4:9, 4:9])[:, :, 2, 2]
    torch.testing.assert_close(large.tower.stem(field)[:, :, 6, 6], centre)


def test_policy_index_says_where_each_action_is_found() -> None:
    plain = lived_in(Shapes(4))
    order = np.random.default_rng(0).permutation(17)
    values = {**plain.spec.__dict__, "policy_index": tuple(int(i) for i in order)}
    shuffled = PolicyValueNet(SMALL, NetworkSpec(**values)).eval()
    load_weights(shuffled, network_weights(plain))
    obs = torch.from_numpy(observations(Shapes(4), 3))
    torch.testing.assert_close(shuffled(obs).policy, plain(obs).policy[:, order])


def test_global_pooling_carries_news_across_the_board() -> None:
    game = Shapes(19)
    obs = torch.from_numpy(observations(game, 1))
    changed = obs.clone()
    changed[0, 0, 0, 0] += 3.0  # two blocks of 3x3 reach five points; the far corner is 18 away

    def moved(pool_every: int) -> bool:
        network = lived_in(game, NetworkConfig(blocks=2, channels=16, pool_every=pool_every))
        before, after = network.tower(obs), network.tower(changed)
        return not torch.equal(before[0, :, 18, 18], after[0, :, 18, 18])

    assert moved(pool_every=2)
    assert not moved(pool_every=3)  # no block of the two pools


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [1, 16, 48, 64, 96])
@pytest.mark.parametrize("size", [1, 3, 9])
def test_pooling_by_bits_is_pooling(dtype: torch.dtype, channels: int, size: int) -> None:
    x = torch.rand(3, channels, size, size, generator=torch.Generator().manual_seed(0))
    x = torch.relu(x - 0.5).to(dtype).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(HalfPool()(x), GlobalPool()(x.float()), atol=2e-3, rtol=1e-2)
    assert torch.equal(HalfPool()(x)[:, channels:], x.amax((2, 3)).float())


def test_spec_survives_json_and_refuses_nonsense() -> None:
    spec = spec_for(make_game("checkers"))
    assert NetworkSpec.from_json(spec.to_json()) == spec
    with pytest.raises(TengenError, match="policy_index reaches 17; the policy has 17 outputs"):
        NetworkSpec(3, 4, 4, 1, 1, (0, 17))


@pytest.mark.parametrize("values", [{"blocks": 0}, {"channels": 3}, {"pool_every": 0}, {"width": 64}])
def test_config_refuses_sizes_out_of_range_and_unknown_keys(values: dict[str, int]) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(values))):
        NetworkConfig(**values)


def test_weights_of_another_network_change_nothing() -> None:
    network = lived_in(Shapes(5))
    before = network_weights(network)
    wider = network_weights(lived_in(Shapes(5), SMALL.model_copy(update={"channels": 32}), seed=1))
    with pytest.raises(TengenError, match=r"is \[32, .*this network's is \[16, "):
        load_weights(network, wider)
    lacking = {name: array + 1 for name, array in before.items() if name != "heads.value.bias"}
    with pytest.raises(TengenError, match=r"heads\.value\.bias"):
        load_weights(network, lacking)
    with pytest.raises(TengenError, match="'surplus'"):
        load_weights(network, {**before, "surplus": np.zeros(3)})
    after = network_weights(network)
    assert all(np.array_equal(before[name], after[name]) for name in before)
