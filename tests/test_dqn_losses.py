"""Losses of action values against numbers worked out by hand, and against slow, obvious versions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from tengen.agents.dqn import losses

Q_TM1 = tensor([[1.0, 2.0, 0.0], [3.0, -1.0, 0.5]])
A_TM1 = tensor([1, 0])
R_T = tensor([1.0, -1.0])
DISCOUNT_T = tensor([0.9, 0.0])  # the second transition ended its episode
Q_T = tensor([[5.0, 4.0, 1.0], [9.0, 9.0, 9.0]])


def test_q_learning_takes_the_best_action_and_nothing_after_the_end():
    # 1 + 0.9 * 5 - 2 and -1 + 0 - 3
    torch.testing.assert_close(losses.q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T), tensor([3.5, -4.0]))


def test_double_q_learning_asks_one_network_for_the_action_and_the_other_for_its_worth():
    selector = tensor([[0.0, 0.1, 7.0], [1.0, 0.0, 0.0]])
    errors = losses.double_q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T, selector)
    torch.testing.assert_close(errors, tensor([1 + 0.9 * 1 - 2, -4.0]))


def test_no_gradient_flows_into_targets():
    q_tm1, q_t = Q_TM1.clone().requires_grad_(), Q_T.clone().requires_grad_()
    losses.q_learning(q_tm1, A_TM1, R_T, DISCOUNT_T, q_t).sum().backward()
    assert q_t.grad is None
    torch.testing.assert_close(q_tm1.grad, tensor([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]]))


def test_munchausen_adds_the_log_policy_and_backs_up_a_soft_value():
    q = tensor([[0.0, math.log(3.0)]])  # at temperature 1 a policy of 1/4 and 3/4
    errors = losses.munchausen_q_learning(
        tensor([[2.0, 0.0]]), tensor([0]), tensor([1.0]), tensor([0.5]), q, q, 1.0, alpha=0.9, clip=-1.0
    )
    # ln(1/4) = -1.386 is clipped to -1; the soft value is ln(1 + 3)
    torch.testing.assert_close(errors, tensor([1 - 0.9 + 0.5 * math.log(4.0) - 2]))
    free = losses.munchausen_bonus(q, tensor([0]), 1.0, 0.9, clip=-2.0)
    torch.testing.assert_close(free, tensor([0.9 * math.log(0.25)]))


def test_munchausen_at_no_temperature_and_no_bonus_is_q_learning():
    plain = losses.q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T)
    cold = losses.munchausen_q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T, Q_TM1, 1e-4, alpha=0.0, clip=-1.0)
    torch.testing.assert_close(cold, plain, atol=1e-3, rtol=0)


def test_huber_is_square_inside_and_linear_outside():
    error = tensor([0.5, -0.5, 3.0, -3.0])
    torch.testing.assert_close(losses.huber(error), tensor([0.125, 0.125, 2.5, 2.5]))
    torch.testing.assert_close(losses.half_square(error), tensor([0.125, 0.125, 4.5, 4.5]))


@pytest.mark.parametrize(
    ("place", "mass"),
    [
        (0.5, [0.0, 0.5, 0.5, 0.0]),  # between atoms 0 and 1
        (1.0, [0.0, 0.0, 1.0, 0.0]),  # on an atom
        (1.25, [0.0, 0.0, 0.75, 0.25]),
        (7.0, [0.0, 0.0, 0.0, 1.0]),  # beyond the ends
        (-7.0, [1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_projection_shares_a_mass_between_its_neighbours(place, mass):
    atoms = tensor([-1.0, 0.0, 1.0, 2.0])
    found = losses.categorical_projection(tensor([[place]]), tensor([[1.0]]), atoms)
    torch.testing.assert_close(found, tensor([mass]))


@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_projection_keeps_mass_and_mean_inside_the_support(seed, reward, discount):
    atoms = torch.linspace(-10, 10, 51)
    p = torch.randn(3, 51, generator=torch.Generator().manual_seed(seed)).softmax(1)
    moved = reward + discount * 0.5 * atoms  # never outside
    found = losses.categorical_projection(moved.expand(3, -1), p, atoms)
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    torch.testing.assert_close(found @ atoms, p @ moved, atol=1e-4, rtol=1e-4)


def test_c51_is_the_cross_entropy_of_the_projected_distribution():
    z = tensor([0.0, 1.0, 2.0])
    logits_tm1 = tensor([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]])  # the action taken is uniform
    certain_of_two = tensor([[[0.0, 0.0, 99.0], [99.0, 0.0, 0.0]]])
    loss = losses.categorical_q_learning(
        z, logits_tm1, tensor([0]), tensor([0.25]), tensor([0.5]), certain_of_two, tensor([[1.0, 0.0]])
    )
    torch.testing.assert_close(loss, tensor([math.log(3.0)]))  # target at 0.25 + 0.5 * 2: any mass costs ln 3
    means = losses.categorical_means(z, certain_of_two)
    torch.testing.assert_close(means, tensor([[2.0, 0.0]]))


def test_c51_of_a_terminal_puts_the_reward_on_its_atoms():
    z = tensor([0.0, 1.0, 2.0])
    logits_tm1 = tensor([[[0.0, math.log(2.0), math.log(5.0)]]])  # 1/8, 2/8, 5/8
    loss = losses.categorical_q_learning(
        z, logits_tm1, tensor([0]), tensor([1.5]), tensor([0.0]), torch.randn(1, 1, 3), tensor([[0.0]])
    )
    torch.testing.assert_close(loss, tensor([-0.5 * math.log(0.25) - 0.5 * math.log(0.625)]))


def slow_quantile_loss(values, taus, targets, kappa) -> float:
    """Equations 9 and 10 of the paper, one term at a time."""
    total = 0.0
    for value, tau in zip(values, taus, strict=True):
        for target in targets:
            u = target - value
            size = 0.5 * u * u if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)
            total += abs(tau - (1.0 if u < 0 else 0.0)) * size / kappa / len(targets)
    return total


def test_quantile_loss_known_answer():
    # u = 1 at tau 0.25 and u = -1 at tau 0.75: 0.25 * 0.5 + 0.25 * 0.5
    loss = losses.quantile_loss(tensor([[0.0, 2.0]]), tensor([0.25, 0.75]), tensor([[1.0]]))
    torch.testing.assert_close(loss, tensor([0.25]))


@pytest.mark.parametrize("kappa", [0.5, 1.0])
def test_quantile_q_learning_against_the_slow_version(kappa):
    rng = np.random.default_rng(1)
    tm1, t, selector = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 7)), rng.normal(size=(4, 3))
    taus, rewards, discounts = rng.random((4, 5)), rng.normal(size=4), rng.random(4)
    actions = rng.integers(3, size=4)
    found = losses.quantile_q_learning(
        *(torch.from_numpy(x) for x in (tm1, taus, actions, rewards, discounts, t, selector)), kappa=kappa
    )
    for b in range(4):
        targets = rewards[b] + discounts[b] * t[b, selector[b].argmax()]
        slow = slow_quantile_loss(tm1[b, actions[b]], taus[b], targets, kappa)
        assert found[b].item() == pytest.approx(slow)


def test_quantiles_descend_to_the_quantiles_of_the_samples():
    taus = tensor([0.1, 0.5, 0.9])
    samples = torch.linspace(0, 1, 101)[None]
    values = torch.zeros(1, 3, requires_grad=True)
    for _ in range(400):
        (grad,) = torch.autograd.grad(losses.quantile_loss(values, taus, samples, kappa=0.0).sum(), values)
        values = (values - 0.02 * grad).detach().requires_grad_()
    torch.testing.assert_close(values.detach()[0], taus, atol=0.03, rtol=0)


def test_munchausen_of_one_quantile_is_munchausen_of_its_value():
    q_tm1, q_t = torch.randn(4, 3), torch.randn(4, 3)
    a, r, discount = tensor([0, 1, 2, 0]), torch.randn(4), torch.rand(4)
    error = losses.munchausen_q_learning(q_tm1, a, r, discount, q_t, q_tm1, 0.03, 0.9, -1.0)
    loss = losses.munchausen_quantile_q_learning(
        q_tm1[:, :, None], tensor([0.5]), a, r, discount, q_t[:, :, None], q_tm1, 0.03, 0.9, -1.0
    )
    torch.testing.assert_close(loss, 0.5 * losses.huber(error))


def test_importance_weights_scale_each_loss():
    assert losses.weighted_mean(tensor([2.0, 4.0]), tensor([1.0, 0.25])).item() == 1.5


def test_lambda_returns_known_answer():
    r, discount, v = (
        tensor([[1.0], [2.0], [3.0]]),
        tensor([[0.5], [0.5], [0.5]]),
        tensor([[4.0], [6.0], [8.0]]),
    )
    # the last is 3 + 0.5 * 8 = 7; the others mix 3/4 value and 1/4 return
    middle = 2 + 0.5 * (0.75 * 6 + 0.25 * 7)
    first = 1 + 0.5 * (0.75 * 4 + 0.25 * middle)
    found = losses.lambda_returns(r, discount, v, 0.25)
    torch.testing.assert_close(found, tensor([[first], [middle], [7.0]]))


def test_lambda_returns_at_their_ends():
    rng = torch.Generator().manual_seed(2)
    r, v = torch.randn(6, 2, generator=rng), torch.randn(6, 2, generator=rng)
    discount = torch.full((6, 2), 0.9)
    torch.testing.assert_close(losses.lambda_returns(r, discount, v, 0.0), r + 0.9 * v)
    whole = sum(0.9**k * r[k] for k in range(6)) + 0.9**6 * v[5]
    torch.testing.assert_close(losses.lambda_returns(r, discount, v, 1.0)[0], whole)


def test_lambda_returns_do_not_look_past_the_end_of_an_episode():
    r, v = tensor([[1.0], [1.0], [100.0]]), tensor([[5.0], [5.0], [5.0]])
    ended = losses.lambda_returns(r, tensor([[0.9], [0.0], [0.9]]), v, 1.0)
    torch.testing.assert_close(ended[:2], tensor([[1.9], [1.0]]))
    cut = losses.lambda_returns(r, torch.full((3, 1), 0.9), v, tensor([[1.0], [0.0], [1.0]]))
    torch.testing.assert_close(cut[:2], tensor([[1 + 0.9 * 5.5], [5.5]]))
