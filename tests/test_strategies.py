"""Evolution strategies: the papers' own statistics, and what every strategy must manage: climb, and go on."""

import numpy as np
import pytest

from tengen.errors import MachineError
from tengen.selfplay.distributions import SEARCHES, centred_ranks, rank_utilities
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.strategies import SelfAdaptive, make_strategy

NAMES = ["self-adaptive", *SEARCHES]


def config(**strategy: object) -> EvolutionConfig:
    return EvolutionConfig.model_validate({"strategy": strategy})


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_first_weights_and_steps_are_the_papers() -> None:
    strategy = SelfAdaptive(config(), 1741, rng(1))
    assert strategy.weights.shape == (15, 1741)
    assert strategy.tau == pytest.approx(1 / np.sqrt(2 * np.sqrt(1741)))
    assert strategy.weights.min() == pytest.approx(-0.2, abs=1e-3)
    assert strategy.weights.max() == pytest.approx(0.2, abs=1e-3)
    assert (strategy.sigmas == np.float32(0.05)).all() and (strategy.kings == 2.0).all()


def test_children_mutate_first_their_steps_then_their_weights() -> None:
    strategy = SelfAdaptive(config(), 5046, rng(1))
    population = strategy.ask(rng(2))
    assert population.weights.shape == (30, 5046)
    assert (population.weights[:15] == strategy.weights).all()
    growth = np.log(strategy._sigmas[15:] / np.float32(0.05))
    assert growth.std() == pytest.approx(strategy.tau, rel=0.01)
    steps = (population.weights[15:] - population.weights[:15]) / strategy._sigmas[15:]
    assert steps.mean() == pytest.approx(0, abs=0.01)
    assert steps.std() == pytest.approx(1, abs=0.01)
    assert set(np.round(population.kings[15:] - 2, 3).tolist()) == {np.float32(-0.1), 0.0, np.float32(0.1)}


def test_kings_stay_in_their_range() -> None:
    strategy = SelfAdaptive(config(), 4, rng(1))
    for generation in range(200):
        population = strategy.ask(rng(2, generation))
        strategy.tell(population.kings.astype(float), rng(3, generation))
    assert strategy.kings.max() == 3.0


def test_the_best_fifteen_are_kept_the_best_first() -> None:
    strategy = SelfAdaptive(config(), 8, rng(1))
    population = strategy.ask(rng(2))
    fitness = rng(3).permutation(30).astype(float)
    strategy.tell(fitness, rng(4))
    expected = population.weights[np.argsort(-fitness)[:15]]
    assert (strategy.weights == expected).all()


def test_comma_selection_keeps_elites_only() -> None:
    strategy = SelfAdaptive(config(selection="comma", elites=2), 8, rng(1))
    population = strategy.ask(rng(2))
    strategy.tell(np.arange(30, 0, -1).astype(float), rng(3))  # every parent beats every child
    assert (strategy.weights[:2] == population.weights[:2]).all()
    assert (strategy.weights[2:] == population.weights[15:28]).all()


def test_crossover_mixes_two_parents() -> None:
    strategy = SelfAdaptive(config(crossover=1.0, sigma=1e-9), 1000, rng(1))
    children = strategy.ask(rng(2)).weights[15:]
    own = np.isclose(children, strategy.weights, atol=1e-6).mean(1)
    assert 0.4 < np.median(own) < 0.6
    in_some_parent = np.isclose(children[:, None], strategy.weights[None], atol=1e-6).any(1)
    assert in_some_parent.all()


@pytest.mark.parametrize("name", ["openai-es", "pgpe"])
def test_where_no_score_differs_only_the_decay_moves_the_centre(name: str) -> None:
    strategy = make_strategy(config(name=name, decay=0.25), 12, rng(1))
    before = strategy.arrays()["centre"]
    strategy.ask(rng(2))
    strategy.tell(np.zeros(30), rng(3))
    np.testing.assert_allclose(strategy.arrays()["centre"], 0.75 * before)


def test_ranks_have_no_scale() -> None:
    assert centred_ranks(np.array([3.0, -np.inf, 900.0])).tolist() == [0.0, -0.5, 0.5]
    assert centred_ranks(np.array([1.0, 1.0])).tolist() == [0.0, 0.0]
    utilities = rank_utilities(np.array([1.0, 5.0, 3.0, 2.0]))
    assert utilities.sum() == pytest.approx(1) and utilities.argmax() == 1 and utilities[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_strategies_climb(name: str) -> None:
    """Towards a point whose coordinates matter in very different degrees."""
    target = rng(5).uniform(-1, 1, 20)
    worth = np.logspace(0, 1.5, 20)
    made = config(name=name, sigma=0.1, learning_rate=0.05)
    strategy = make_strategy(made, 20, rng(6))
    distances = []
    for generation in range(150):
        population = strategy.ask(rng(7, generation))
        distance = ((population.weights - target) ** 2 * worth).sum(1)
        strategy.tell(-distance, rng(8, generation))
        distances.append(distance.mean())
    assert distances[-1] < distances[0] / 20


@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_taken_up_goes_on_as_if_never_stopped(name: str) -> None:
    made = config(name=name)
    ours, theirs = make_strategy(made, 30, rng(1)), make_strategy(made, 30, rng(99))
    for generation in range(3):
        ours.tell(-ours.ask(rng(generation)).weights.sum(1), rng(generation, 1))
    theirs.restore({key: np.array(array) for key, array in ours.arrays().items()})
    for generation in range(3, 6):
        one, two = ours.ask(rng(generation)), theirs.ask(rng(generation))
        assert (one.weights == two.weights).all() and (one.kings == two.kings).all()
        for strategy, population in ((ours, one), (theirs, two)):
            strategy.tell(-population.weights.sum(1), rng(generation, 1))


@pytest.mark.parametrize("name", NAMES)
def test_individuals_that_cannot_play_are_never_the_best(name: str) -> None:
    strategy = make_strategy(config(name=name), 10, rng(1))
    for generation in range(5):
        population = strategy.ask(rng(generation))
        fitness = population.weights.sum(1).astype(float)
        fitness[::3] = -np.inf
        strategy.tell(fitness, rng(generation, 1))
        assert all(np.isfinite(array).all() for array in strategy.arrays().values())
    with pytest.raises(MachineError, match="no individual"):
        strategy.ask(rng(9))
        strategy.tell(np.full(30, -np.inf), rng(9))
