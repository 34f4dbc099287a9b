"""Tree search by agent string: `mcts[:CHECKPOINT][?sims=N&...]`."""

from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import MixedLeaves, NetworkLeaves, RolloutLeaves
from tengen.agents.mcts.search import LeafEvaluator
from tengen.agents.registry import AgentSpec, load_network, number_option, whole_option
from tengen.envs.game import Game
from tengen.errors import TengenError


def mcts_agent(spec: AgentSpec, game: Game, seed: int) -> MctsAgent:
    """The searcher of an agent string. Raises TengenError for whatever is wrong with it."""
    rule = spec.options.get("rule", "gumbel" if spec.target else "uct")
    if rule not in ("gumbel", "puct", "uct"):
        raise TengenError(f"agent '{spec.text}': rule must be gumbel, puct or uct, got '{rule}'")
    evaluator: LeafEvaluator
    if spec.target:
        share = _rollout_share(spec)
        network, game = load_network(spec.target, game)
        evaluator = NetworkLeaves(network)
        if share or "value" in spec.options:
            value, value_game = (
                load_network(spec.options["value"], game) if "value" in spec.options else (None, None)
            )
            rollouts = _rollouts(spec, game, seed) if share else None
            evaluator = MixedLeaves(
                network, value=value, value_game=value_game, rollouts=rollouts, share=share
            )
    else:
        for key in ("lambda", "value"):
            if key in spec.options:
                raise TengenError(
                    f"agent '{spec.text}': {key} is for mcts with a network, as in mcts:models/go9"
                )
        evaluator = _rollouts(spec, game, seed)
    simulations = whole_option(spec, "sims", 100, 1, 1_000_000)
    # One leaf at a time leaves a network idle in a single long search; few searches notice so few in flight.
    leaves = min(16, max(1, simulations // 64)) if spec.target else 1
    config = SearchConfig(
        rule=rule,  # type: ignore[arg-type]
        simulations=simulations,
        leaves=whole_option(spec, "leaves", leaves, 1, 256),
        considered=whole_option(spec, "considered", 16, 1, 1000),
    )
    return MctsAgent(
        spec.text,
        game,
        evaluator,
        config,
        seed=seed,
        temperature=number_option(spec, "temperature", 0.0, 0.0, 100.0),
        random_plies=whole_option(spec, "warm", 8, 0, 1000),
    )


def _rollout_share(spec: AgentSpec) -> float:
    """What of a leaf's value is the end of games. Raises TengenError where options contradict one another."""
    for key in ("rollouts", "rollout"):
        if key in spec.options and "lambda" not in spec.options:
            raise TengenError(
                f"agent '{spec.text}': {key} is for mcts without a network, or with lambda, the share of "
                "rollouts in a leaf's value, such as lambda=0.5"
            )
    share = number_option(spec, "lambda", 0.0, 0.0, 1.0)
    if not share and {"rollouts", "rollout"} & spec.options.keys():
        raise TengenError(f"agent '{spec.text}': lambda=0 leaves nothing to rollouts; leave them out")
    return share


def _rollouts(spec: AgentSpec, game: Game, seed: int) -> RolloutLeaves:
    """Leaves judged by games to the end, uniformly random ones or by the rollout policy that is named."""
    playout = None
    if "rollout" in spec.options:
        from tengen.agents.rollout_policy import load_rollout_policy

        playout = load_rollout_policy(spec.options["rollout"], game).playout
    return RolloutLeaves(game, seed, whole_option(spec, "rollouts", 1, 1, 10_000), playout)
