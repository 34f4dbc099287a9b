"""How convolutional individuals of evolution choose: by policy, one ply ahead by value, or by tree search."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError
from tengen.networks.evolved import Evolved
from tengen.networks.population import ChampionNetwork, PopulationEvaluator, conv_population

if TYPE_CHECKING:
    from tengen.agents.mcts.config import SearchConfig
    from tengen.agents.mcts.search import Search
    from tengen.agents.registry import AgentSpec

Floats = NDArray[np.float32]
LARGE = 1e4  # a logit beyond says nothing more


def champion_agent(spec: "AgentSpec", game: Game, evolved: Evolved, seed: int) -> Agent:
    """The agent that `evolved:FOLDER?...` names where the champion is convolutional. Raises TengenError."""
    from tengen.agents.mcts.agent import MctsAgent
    from tengen.agents.mcts.evaluators import NetworkLeaves
    from tengen.agents.policy import PolicyAgent
    from tengen.agents.registry import whole_option

    for option in ("depth", "nodes", "time"):
        if option in spec.options:
            raise TengenError(f"agent '{spec.text}': {option} is for networks inside alpha-beta; take sims")
    network = conv_population(game, evolved.network)
    if network.size != len(evolved.weights):
        raise TengenError(
            f"{evolved.folder}: holds {len(evolved.weights):,} weights, its network has {network.size:,}"
        )
    is_value = evolved.player == "value"  # then its policy was never of use to it
    champion = ChampionNetwork(network, evolved.weights, flat=is_value)
    simulations = whole_option(spec, "sims", evolved.simulations, 0, 1_000_000)
    if simulations and evolved.player == "policy":
        raise TengenError(
            f"agent '{spec.text}': was bred to play by its policy, and its value says nothing; leave out sims"
        )
    if not simulations and is_value:
        return OnePlyAgent(spec.text, game, PopulationEvaluator(network, evolved.weights[None]))
    if not simulations:
        return PolicyAgent(spec.text, game, champion, 0.0, seed)
    config = search_config(simulations)
    return MctsAgent(spec.text, game, NetworkLeaves(champion), config, seed=seed)


class OnePlyAgent(Agent):
    """Plays the action after which a convolutional individual values its position highest."""

    def __init__(self, name: str, game: Game, evaluator: PopulationEvaluator) -> None:
        self.name = name
        self.game = game
        self.evaluator = evaluator

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        whose = np.zeros(len(states), np.int64)
        return best_by_value(self.game, self.evaluator, states, whose)


class Groups(NamedTuple):
    """Positions in groups of at most `size` of one individual; who has many positions has several groups."""

    people: NDArray[np.int64]  # [G] whose group it is
    size: int
    group: NDArray[np.int64]  # [B] of each position
    place: NDArray[np.int64]  # [B] within its group


def in_groups(whose: NDArray[np.int64]) -> Groups:
    """Groups that leave little room empty, where a group costs about as much as a position more in each."""
    order = np.argsort(whose, kind="stable")
    people, counts = np.unique(whose, return_counts=True)
    costs = [(-(-counts // size)).sum() * (size + 1) for size in range(1, counts.max() + 1)]
    size = int(np.argmin(costs)) + 1
    groups = -(-counts // size)
    rank = np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its individual
    group, place = np.empty(len(whose), np.int64), np.empty(len(whose), np.int64)
    group[order] = np.repeat(np.cumsum(groups) - groups, counts) + rank // size
    place[order] = rank % size
    return Groups(np.repeat(people, groups), size, group, place)


def evaluated(
    game: Game, evaluator: PopulationEvaluator, states: States, whose: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Logits [B, A] and values [B] of states, each by the individual that it belongs to."""
    observations = game.new_observation(len(states))
    game.observe(states, observations)
    return answered(evaluator, observations, whose)


def answered(
    evaluator: PopulationEvaluator, observations: Floats, whose: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """As `evaluated`, of observations [B, C, H, W]."""
    groups = in_groups(whose)
    few = evaluator.only(groups.people)
    buffer = few.buffer(groups.size)
    buffer[groups.place, :, :, groups.group] = observations.transpose(0, 2, 3, 1)
    logits, values = few.evaluate(buffer)
    return logits[groups.group, groups.place], values[groups.group, groups.place]


class PopulationLeaves:
    """Leaves judged by the individual whose move their slot's search is for, all in one batch."""

    observes = True

    def __init__(self, evaluator: PopulationEvaluator, slots: int) -> None:
        self.evaluator = evaluator
        self.whose = np.zeros(slots, np.int64)  # the individual that a slot's search is for
        self.leaf_slots = np.zeros(0, np.int32)  # `Search.leaf_slots`, set once the search is there

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """See `LeafEvaluator.evaluate`."""
        logits, values = answered(self.evaluator, observations, self.whose[self.leaf_slots[: len(states)]])
        # Weights may be finite and what comes of them not: then the individual plays badly, the others go on.
        logits = np.nan_to_num(logits, nan=0.0, posinf=LARGE, neginf=-LARGE)
        return np.clip(logits, -LARGE, LARGE), np.nan_to_num(values)


def population_search(
    game: Game, evaluator: PopulationEvaluator, simulations: int, slots: int
) -> tuple["Search", PopulationLeaves]:
    """Gumbel search for many games side by side, and its leaves, which know whose they are."""
    from tengen.agents.mcts.search import Search

    leaves = PopulationLeaves(evaluator, slots)
    rng = np.random.default_rng(0)  # never drawn from: without noise nothing is left to chance
    search = Search(game, leaves, search_config(simulations), slots=slots, rng=rng)
    leaves.leaf_slots = search.leaf_slots
    return search, leaves


def search_config(simulations: int) -> "SearchConfig":
    """How individuals search, in fitness games and as agents."""
    from tengen.agents.mcts.config import SearchConfig

    return SearchConfig(simulations=simulations, considered=16)


def best_by_policy(
    game: Game,
    evaluator: PopulationEvaluator,
    states: States,
    whose: NDArray[np.int64],
    temperature: float,
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """The likeliest legal actions [B], or samples at a temperature."""
    legal = game.new_mask(len(states))
    game.legal_mask(states, legal)
    logits, _ = evaluated(game, evaluator, states, whose)
    if temperature > 0:
        logits = logits / np.float32(temperature) + rng.gumbel(size=logits.shape).astype(np.float32)
    return np.where(legal, logits, -np.inf).argmax(1).astype(np.int32)


def best_by_value(
    game: Game, evaluator: PopulationEvaluator, states: States, whose: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The actions [B] after which the individual likes its position best; finished games count in full."""
    legal = game.new_mask(len(states))
    game.legal_mask(states, legal)
    parents, actions = np.nonzero(legal)
    children = states[parents]
    game.step(children, actions.astype(np.int32))
    _, values = evaluated(game, evaluator, children, whose[parents])
    movers = states["to_play"][parents]
    results = np.zeros((len(children), 2), np.float32)
    game.returns(children, results)
    mine = np.where(children["to_play"] == movers, values, -values)
    mine = np.where(children["terminal"], 2 * results[np.arange(len(children)), movers], mine)
    scores = np.full(legal.shape, -np.inf, np.float32)
    scores[parents, actions] = mine
    return scores.argmax(1).astype(np.int32)
