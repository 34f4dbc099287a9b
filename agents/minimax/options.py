"""Alpha-beta agents from agent strings."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tengen.agents.base import Agent
from tengen.agents.minimax.agent import MinimaxAgent
from tengen.agents.minimax.searcher import MAX_DEPTH, Limits, evaluations_of, scaled_params
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from tengen.agents.registry import AgentSpec

Maker = Callable[["AgentSpec", Game, int], Agent]


def limits_of(spec: "AgentSpec", depth: int = 4) -> Limits:
    """What depth, nodes and time of an agent string say; `depth` plies where they say nothing."""
    from tengen.agents.registry import number_option, whole_option

    nodes = whole_option(spec, "nodes", 0, 1, 1_000_000_000)
    seconds = number_option(spec, "time", 0.0, 0.001, 3600.0)
    return Limits(
        depth=whole_option(spec, "depth", 0 if nodes or seconds else depth, 1, MAX_DEPTH),
        nodes=nodes,
        seconds=seconds,
    )


def minimax_agent(spec: "AgentSpec", game: Game, seed: int) -> Agent:
    """The agent that `minimax?...` names. Raises TengenError."""
    from tengen.agents.registry import number_option

    path = spec.options.get("tablebase", "")
    tablebase = None
    if path:
        from tengen.envs.checkers.tablebase import tablebase_for

        tablebase = tablebase_for(game, path, f"agent '{spec.text}': tablebase")
    if game.family == "chess":
        from tengen.agents.minimax.chess import chess_agent

        return chess_agent(spec, game, seed)
    known = [name for name, part in evaluations_of(game).items() if part.of_itself]
    evaluation = spec.options.get("eval", "material")
    if evaluation not in known:
        raise TengenError(
            f"agent '{spec.text}': unknown eval '{evaluation}' of {game.name}; "
            f"{did_you_mean(evaluation, known, 'evaluations')}"
        )
    params = None
    if "king" in spec.options:
        if evaluation != "material" or game.family != "checkers":
            raise TengenError(f"agent '{spec.text}': king is for eval=material at checkers")
        params = np.array([number_option(spec, "king", 1.3, 0.0, 100.0)], np.float32)
    limits = limits_of(spec)
    bits = 20 if limits.nodes or limits.seconds or limits.depth > 8 else 16
    return MinimaxAgent(
        spec.text,
        game,
        evaluation,
        limits,
        seed=seed,
        params=params,
        table_bits=bits,
        tablebase=tablebase,
    )


def evolved_agent(spec: "AgentSpec", game: Game, seed: int) -> Agent:
    """The agent that `evolved:FOLDER?...` names. Raises TengenError."""
    from tengen.networks.evolved import read_evolved

    if not spec.target:
        raise TengenError(
            f"agent '{spec.text}': evolved needs a folder, as in evolved:runs/blondie2001/latest"
        )
    evolved = read_evolved(spec.target, game.name)
    name = str(evolved.network.get("name"))
    if name == "conv":
        from tengen.agents.population import champion_agent

        return champion_agent(spec, game, evolved, seed)
    if name == "search":
        from tengen.agents.mcts.tuning import tuned_agent

        return tuned_agent(str(evolved.network["agent"]), game, evolved.weights, seed, name=spec.text)
    known = [key for key, part in evaluations_of(game).items() if key == "hand" or not part.of_itself]
    if name not in known:
        raise TengenError(
            f"{evolved.folder}: network '{name}' cannot play {game.name}; it takes {', '.join(known)}"
        )
    if "sims" in spec.options:
        raise TengenError(
            f"agent '{spec.text}': sims is for convolutional champions; take depth, nodes or time"
        )
    from tengen.agents.minimax.blondie import SCALE, pack
    from tengen.networks.blondie_layout import LAYOUTS

    limits = limits_of(spec, depth=evolved.depth)
    if name == "hand":
        params = scaled_params(game, evolved.weights)
    else:
        params = pack(name, evolved.weights, evolved.king)
    return MinimaxAgent(
        spec.text,
        game,
        name,
        limits,
        seed=seed,
        params=params,
        table_bits=20 if limits.nodes or limits.seconds or limits.depth > 8 else 16,
        scale=SCALE if name in LAYOUTS else 3000.0,
    )
