"""Losses of action values: pure functions of tensors named by time, as the papers' equations are.

`tm1` is the moment that was acted at, `t` the one that it led to, n steps later or at the episode's end:
`r_t` is the discounted sum of rewards between the two and `discount_t` what to multiply a value at t by
(gamma^n; 0 after a terminal). Targets carry no gradient. B transitions, A actions, N atoms or quantiles.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def q_learning(q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """Errors [B] of q_tm1 [B, A] at a_tm1 [B] against r_t + discount_t * max q_t [B, A].

    q_t is the target network's in Mnih et al. 2015, the learning network's own in Mnih et al. 2013.
    """
    target = r_t + discount_t * q_t.amax(1)
    return target.detach() - take(q_tm1, a_tm1)


def double_q_learning(
    q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: Tensor, q_t_selector: Tensor
) -> Tensor:
    """Errors [B] where q_t_selector [B, A] chooses the action and q_t [B, A] says its worth.

    van Hasselt, Guez, Silver 2016 (arXiv:1509.06461): the learning network selects.
    """
    target = r_t + discount_t * take(q_t, q_t_selector.argmax(1))
    return target.detach() - take(q_tm1, a_tm1)


def munchausen_q_learning(
    q_tm1: Tensor,
    a_tm1: Tensor,
    r_t: Tensor,
    discount_t: Tensor,
    q_t: Tensor,
    q_tm1_target: Tensor,
    temperature: float,
    alpha: float,
    clip: float,
) -> Tensor:
    """Errors [B] of Munchausen-DQN: Vieillard, Pietquin, Geist 2020 (arXiv:2007.14430), equation 2.

    q_t and q_tm1_target [B, A] are the target network's; the bonus of the log-policy is clipped to [clip, 0].
    Over several steps only the first action earns it, as in the paper's M-Rainbow.
    """
    bonus = munchausen_bonus(q_tm1_target, a_tm1, temperature, alpha, clip)
    log_policy = F.log_softmax(q_t / temperature, 1)  # [B, A]
    soft_value = (log_policy.exp() * (q_t - temperature * log_policy)).sum(1)
    return (r_t + bonus + discount_t * soft_value).detach() - take(q_tm1, a_tm1)


def munchausen_bonus(q: Tensor, a: Tensor, temperature: float, alpha: float, clip: float) -> Tensor:
    """alpha * the scaled log-policy [B] of the actions taken, clipped to [clip, 0]."""
    return alpha * (temperature * take(F.log_softmax(q / temperature, 1), a)).clamp(clip, 0.0)


def huber(error: Tensor, delta: float = 1.0) -> Tensor:
    """Half the square, but linear beyond `delta`: the error clipping of Mnih et al. 2015. Elementwise."""
    size = error.abs()
    inner = size.clamp(max=delta)
    return inner * (size - 0.5 * inner)


def half_square(error: Tensor) -> Tensor:
    """Half the squared error, elementwise: its gradient is the error, as that of `huber` near 0."""
    return 0.5 * error.square()


def categorical_projection(z_p: Tensor, p: Tensor, z_q: Tensor) -> Tensor:
    """The distribution p [B, M] over values z_p [B, M], brought onto the evenly spaced atoms z_q [N]: [B, N].

    Bellemare, Dabney, Munos 2017 (arXiv:1707.06887), equation 7: each mass goes to its two neighbours in
    proportion to nearness, what lies outside to the ends.
    """
    spacing = z_q[1] - z_q[0]
    place = (z_p.clamp(z_q[0], z_q[-1]) - z_q[0]) / spacing  # [B, M] in atoms
    share = (1 - (place[:, None, :] - torch.arange(len(z_q), device=z_q.device)[:, None]).abs()).clamp(min=0)
    return (share * p[:, None, :]).sum(2)


def categorical_q_learning(
    z: Tensor,
    logits_tm1: Tensor,
    a_tm1: Tensor,
    r_t: Tensor,
    discount_t: Tensor,
    logits_t: Tensor,
    q_t_selector: Tensor,
) -> Tensor:
    """Cross entropies [B] of C51: logits [B, A, N] over atoms z [N] (Bellemare et al. 2017, algorithm 1).

    q_t_selector [B, A] chooses the action at t.
    """
    p_t = take(logits_t, q_t_selector.argmax(1)).softmax(1)  # [B, N]
    target = categorical_projection(r_t[:, None] + discount_t[:, None] * z, p_t, z)
    return -(target.detach() * F.log_softmax(take(logits_tm1, a_tm1), 1)).sum(1)


def categorical_means(z: Tensor, logits: Tensor) -> Tensor:
    """Action values [B, A] of logits [B, A, N] over atoms z [N]."""
    return logits.softmax(2) @ z


def quantile_loss(dist_tm1: Tensor, tau_tm1: Tensor, target: Tensor, kappa: float = 1.0) -> Tensor:
    """Quantile Huber losses [B]: values [B, N] at fractions tau_tm1 [B, N] or [N] against samples [B, M].

    Dabney et al. 2018 (arXiv:1710.10044), equation 10: summed over N, averaged over M. kappa 0 is the plain
    quantile loss.
    """
    error = target.detach()[:, None, :] - dist_tm1[:, :, None]  # [B, N, M]
    tilt = (tau_tm1[..., None] - (error.detach() < 0).to(error.dtype)).abs()
    size = huber(error, kappa) / kappa if kappa else error.abs()
    return (tilt * size).mean(2).sum(1)


def quantile_q_learning(
    dist_q_tm1: Tensor,
    tau_tm1: Tensor,
    a_tm1: Tensor,
    r_t: Tensor,
    discount_t: Tensor,
    dist_q_t: Tensor,
    q_t_selector: Tensor,
    kappa: float = 1.0,
) -> Tensor:
    """Losses [B] of QR-DQN, and of IQN with sampled fractions: dist_q_tm1 [B, A, N], dist_q_t [B, A, M].

    Dabney et al. 2018 (arXiv:1710.10044, algorithm 1; arXiv:1806.06923, equation 3).
    """
    dist_t = take(dist_q_t, q_t_selector.argmax(1))  # [B, M]
    target = r_t[:, None] + discount_t[:, None] * dist_t
    return quantile_loss(take(dist_q_tm1, a_tm1), tau_tm1, target, kappa)


def munchausen_quantile_q_learning(
    dist_q_tm1: Tensor,
    tau_tm1: Tensor,
    a_tm1: Tensor,
    r_t: Tensor,
    discount_t: Tensor,
    dist_q_t: Tensor,
    q_tm1_target: Tensor,
    temperature: float,
    alpha: float,
    clip: float,
    kappa: float = 1.0,
) -> Tensor:
    """Losses [B] of Munchausen-IQN (Vieillard et al. 2020, section 3): the policies follow the means."""
    bonus = munchausen_bonus(q_tm1_target, a_tm1, temperature, alpha, clip)
    log_policy = F.log_softmax(dist_q_t.mean(2) / temperature, 1)[:, :, None]  # [B, A, 1]
    soft_dist = (log_policy.exp() * (dist_q_t - temperature * log_policy)).sum(1)  # [B, M]
    target = (r_t + bonus)[:, None] + discount_t[:, None] * soft_dist
    return quantile_loss(take(dist_q_tm1, a_tm1), tau_tm1, target, kappa)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean [] of losses [B], each times the importance [B] of its sample (Schaul et al. 2016, 3.4)."""
    return (losses * weights).mean()


def lambda_returns(r_t: Tensor, discount_t: Tensor, v_t: Tensor, lambda_t: Tensor | float) -> Tensor:
    """Returns [T, N] that mix n-step returns of all n: rewards, discounts and values at t, all [T, N].

    G_t = r_t + discount_t * ((1 - lambda_t) * v_t + lambda_t * G_{t+1}), from v_t in the last row; PQN takes
    max_a Q for v (Gallici et al. 2024, arXiv:2407.04811, algorithm 2). lambda_t [T, N] is 0 where an episode
    was cut short, and v_t the value of what it was cut at.
    """
    mix = torch.as_tensor(lambda_t, dtype=v_t.dtype, device=v_t.device).expand_as(v_t)
    returns = torch.empty_like(v_t)
    after = v_t[-1]
    for t in range(len(v_t) - 1, -1, -1):
        after = r_t[t] + discount_t[t] * torch.lerp(v_t[t], after, mix[t])
        returns[t] = after
    return returns


def take(values: Tensor, actions: Tensor) -> Tensor:
    """[B, A, ...] at the actions [B]: [B, ...]."""
    return values[torch.arange(len(actions), device=values.device), actions]
