"""Who is strong where strength goes in circles: payoff matrix, Nash averaging, alpha-rank.

Ratings give each player one number; where A beats B, B beats C and C beats A they say little. Nash averaging
(Balduzzi et al. 2018, arXiv 1806.02643) scores players against the mixture of players that nobody beats, so
that many weak copies of one player count as one; alpha-rank (Omidshafiei et al. 2019, arXiv 1903.01373) ranks
them by how long an evolving population stays with each.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.errors import MachineError, TengenError
from tengen.league.ratings import Result, condense

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLACK = 1e-9  # of a linear program's answers
RAREST = 1e-150  # probability below which a mutant never takes over, so that the chain stays connected
PRESENT = 1e-5  # a share of the mixture above this is no rounding error


class Payoff(NamedTuple):
    """What the players score against one another."""

    names: list[str]
    score: Floats  # [N, N] points a game of the row's player against the column's; 1/2 where they never met
    games: Floats  # [N, N]

    @property
    def advantage(self) -> Floats:
        """The antisymmetric game, score - 1/2, [N, N]."""
        return self.score - 0.5


class NashAverage(NamedTuple):
    """The Nash equilibrium of largest entropy, which is unique, and how every player fares against it."""

    mixture: Floats  # [N] probabilities
    skill: Floats  # [N] expected score less 1/2 against the mixture; 0 for its members, never above 0


def payoff(results: Sequence[Result], prior_draws: float = 0.0) -> Payoff:
    """Mean scores of every pair, with `prior_draws` virtual draws added to each pair that met."""
    names, rows = condense(results)
    n = len(names)
    points, games = np.zeros((n, n)), np.zeros((n, n))
    np.add.at(points, (rows.first, rows.second), rows.wins + rows.draws / 2)
    np.add.at(points, (rows.second, rows.first), rows.losses + rows.draws / 2)
    np.add.at(games, (rows.first, rows.second), rows.number)
    np.add.at(games, (rows.second, rows.first), rows.number)
    np.fill_diagonal(games, 0)
    virtual = np.where(games > 0, prior_draws, 0.0)
    score = np.divide(points + virtual / 2, games + virtual, out=np.full((n, n), 0.5), where=games > 0)
    return Payoff(names, score, games)


def nash_average(advantage: Floats) -> NashAverage:
    """Nash averaging of an antisymmetric matrix [N, N] of what the row gains from the column.

    The equilibria of such a game are the mixtures that lose against nobody. Linear programs tell who is in
    any of them; among these players the shares of largest entropy are found by convex minimisation.
    """
    game = _checked(advantage)
    inner = _inner_equilibrium(game)
    members = np.flatnonzero(inner > PRESENT)
    mixture = np.zeros(len(game))
    mixture[members] = _largest_entropy(game, members)
    return NashAverage(mixture, (game @ mixture).clip(max=0.0))


def alpha_rank(advantage: Floats, alpha: float = 100.0, population: int = 50) -> Floats:
    """Shares of time [N] that a population spends with each player: alpha-rank of one symmetric population.

    `advantage` is antisymmetric; `alpha` is the selection's strength, `population` its size. A mutant j takes
    over a population of i with the fixation probability of the Moran process, (1 - e^-u) / (1 - e^-mu) with
    u = alpha times what j gains from i less what i gains from j. Raises TengenError.
    """
    game = _checked(advantage)
    if not 0 <= alpha <= 1e4 or not 2 <= population <= 10**6:
        raise TengenError(f"alpha {alpha} or population {population} is out of range, such as 100 and 50")
    n = len(game)
    if n == 1:
        return np.ones(1)
    push = alpha * (game.T - game)
    small, large = np.abs(push), np.abs(push) * population
    # For u < 0 the quotient of the inverses, since the exponentials overflow.
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = np.expm1(-small) / np.expm1(-large)
    fixation = np.where(push > 0, grown, grown * np.exp(small - large))
    fixation = np.where(small < 1e-12, 1 / population, fixation).clip(min=RAREST)
    np.fill_diagonal(fixation, 0)
    return _stationary(fixation)


def _checked(advantage: Floats) -> Floats:
    game = np.asarray(advantage, dtype=float)
    if game.ndim != 2 or game.shape[0] != game.shape[1] or not game.size:
        raise TengenError(f"a payoff matrix must be square and hold a player; this one is {game.shape}")
    if not np.isfinite(game).all() or np.abs(game + game.T).max() > 1e-9:
        raise TengenError("a payoff matrix must be antisymmetric: what one player gains the other loses")
    return game


def _inner_equilibrium(game: Floats) -> Floats:
    """An equilibrium with everybody who is in any: the mean of those that play each the most."""
    from scipy.optimize import linprog

    n = len(game)
    found: list[Floats] = []
    seen = np.zeros(n, dtype=bool)
    for player in range(n):
        if seen[player]:
            continue
        answer = linprog(
            -np.eye(n)[player],
            A_ub=game,
            b_ub=np.full(n, SLACK),
            A_eq=np.ones((1, n)),
            b_eq=[1],
            method="highs",
        )
        if answer.status != 0:
            raise MachineError(f"no equilibrium of the payoff matrix was found: {answer.message}")
        found.append(answer.x.clip(0))
        seen |= found[-1] > PRESENT
    mean: Floats = np.mean(found, axis=0)
    return mean / mean.sum()


def _largest_entropy(game: Floats, members: Ints) -> Floats:
    """The shares [M] of largest entropy of the members in mixtures against which nobody gains.

    It is the dual of that problem: shares go by exp(-what rivals gain, at prices). No member gains from any
    equilibrium, nor loses, so their prices have either sign; those of the others are 0 or more.
    """
    from scipy.optimize import minimize

    outsiders = np.setdiff1d(np.arange(len(game)), members)
    gains = game[np.concatenate([members, outsiders])][:, members]  # [N, M]
    bounds = [(None, None)] * len(members) + [(0, None)] * len(outsiders)

    def shares(prices: Floats) -> tuple[Floats, float]:
        worth = -(prices @ gains)
        share = np.exp(worth - worth.max())
        return share / share.sum(), float(worth.max() + math.log(share.sum()))

    def dual(prices: Floats) -> tuple[float, Floats]:
        share, value = shares(prices)
        return value, -(gains @ share)

    options = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(dual, np.zeros(len(game)), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return shares(found.x)[0]


def _stationary(rates: Floats) -> Floats:
    """The stationary distribution [N] of a Markov chain, given its rates between states, all above 0.

    By the method of Grassmann, Taksar and Heyman (1985), which never subtracts: rates span many magnitudes.
    """
    chain = rates.copy()
    n = len(chain)
    for k in range(n - 1, 0, -1):
        chain[:k, k] /= chain[k, :k].sum()
        chain[:k, :k] += np.outer(chain[:k, k], chain[k, :k])
        np.fill_diagonal(chain, 0)
    time = np.zeros(n)
    time[0] = 1
    for k in range(1, n):
        time[k] = time[:k] @ chain[:k, k]
        time /= time.sum()
    return time
