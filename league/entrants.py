"""Who takes part: each player's name, agent string and content hash."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tengen.agents.registry import AgentSpec, parse_agent
from tengen.envs.game import Game
from tengen.league.tournament_config import TournamentConfig
from tengen.networks.paths import WEIGHTS, find_checkpoint

ENGINES = frozenset({"gtp", "uci", "hub"})  # kinds of agents that are programs of their own
NETWORKS = frozenset({"policy", "mcts", "evolved", "dqn", "rollout"})  # kinds whose target is a checkpoint


@dataclass(frozen=True)
class Entrant:
    """A player of a tournament."""

    name: str
    agent: str
    id: str  # alike for players that play alike, whatever they are called and wherever their files are
    is_engine: bool
    rating: float | None


def entrants(config: TournamentConfig, game: Game) -> list[Entrant]:
    """The players of a tournament. Raises TengenError for a string that is wrong or an engine that fails."""
    found: list[Entrant] = []
    for player in config.entrants():
        spec = parse_agent(player.agent)
        id_ = own = content_id(spec, game)
        twin = 1
        while any(other.id == id_ for other in found):  # the same player twice: twins are two all the same
            twin += 1
            id_ = _digest(f"{own} twin {twin}".encode())
        found.append(Entrant(player.name, player.agent, id_, spec.kind in ENGINES, player.rating))
    return found


def content_id(spec: AgentSpec, game: Game) -> str:
    """A hash of what an agent string means now: its kind, its options, and the weights that it names.

    Of an engine: what its command holds, and the version that it reports; it is started to be asked.
    """
    if spec.kind in ENGINES:
        from tengen.agents.engines.identity import engine_identity

        return _digest(f"{game.name} {spec.kind}: {engine_identity(spec, game)}".encode())
    target = spec.target
    if target and spec.kind in NETWORKS:
        target = _digest((find_checkpoint(target) / WEIGHTS).read_bytes())
    elif target and Path(target).is_file():
        target = _digest(Path(target).read_bytes())
    named = dict(spec.options)
    for key in {"value", "rollout"} & named.keys() if spec.kind == "mcts" else ():
        named[key] = _digest((find_checkpoint(named[key]) / WEIGHTS).read_bytes())
    options = "&".join(f"{key}={value}" for key, value in sorted(named.items()))
    return _digest(f"{game.name} {spec.kind}:{target}?{options}".encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
