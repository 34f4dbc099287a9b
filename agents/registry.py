"""Agents by name: URL-like strings that mean the same in every command and configuration.

kind[:target][?key=value&key=value]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tengen.agents.base import Agent
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.words import did_you_mean


@dataclass(frozen=True)
class AgentSpec:
    """An agent string taken apart."""

    text: str
    kind: str
    target: str  # "" where the string has none
    options: dict[str, str]


@dataclass(frozen=True)
class AgentKind:
    """A kind of agent: how it is written and how it is made."""

    name: str
    summary: str
    syntax: str
    examples: tuple[str, ...]
    options: dict[str, str]  # name -> what it is
    make: Callable[[AgentSpec, Game, int], Agent]
    takes_any_option: bool = False  # others are the program's own, which it is asked about


def parse_agent(text: str) -> AgentSpec:
    """Take an agent string apart. Raises TengenError for an unknown kind or option, or a malformed option."""
    head, _, query = text.strip().partition("?")
    kind, _, target = head.partition(":")
    if kind not in AGENT_KINDS:
        raise TengenError(f"unknown agent '{text}'; {did_you_mean(kind, AGENT_KINDS, 'kinds')}")
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals or not value:
            raise TengenError(f"agent '{text}': option '{part}' is not of the form key=value")
        if key not in AGENT_KINDS[kind].options and not AGENT_KINDS[kind].takes_any_option:
            raise TengenError(
                f"agent '{text}': unknown option '{key}'; "
                f"{did_you_mean(key, AGENT_KINDS[kind].options, 'options')}"
            )
        if key in options:
            raise TengenError(f"agent '{text}': option '{key}' is given twice")
        options[key] = value
    return AgentSpec(text.strip(), kind, target, options)


def make_agent(text: str, game: Game, *, seed: int = 0) -> Agent:
    """The agent that a string names, for a game. Raises TengenError for whatever is wrong with the string."""
    spec = parse_agent(text)
    return AGENT_KINDS[spec.kind].make(spec, game, seed)


def number_option(spec: AgentSpec, key: str, default: float, low: float, high: float) -> float:
    """A number among an agent's options. Raises TengenError where it is none, or is out of range."""
    text = spec.options.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise TengenError(
            f"agent '{spec.text}': {key} must be a number from {low:,g} to {high:,.7g}, got '{text}'"
        )
    return value


def whole_option(spec: AgentSpec, key: str, default: int, low: int, high: int) -> int:
    """A whole number among an agent's options. Raises TengenError where it is none, or is out of range."""
    value = number_option(spec, key, default, low, high)
    if value != int(value):
        raise TengenError(f"agent '{spec.text}': {key} must be a whole number, got '{spec.options[key]}'")
    return int(value)


def _no_target(spec: AgentSpec) -> None:
    if spec.target:
        raise TengenError(f"agent '{spec.text}': {spec.kind} takes no target, got '{spec.target}'")


def load_network(path: str, game: Game) -> tuple[Any, Game]:
    """The network of a checkpoint, and the game as it sees it."""
    from tengen.networks.checkpoint import checkpoint_planes, load_checkpoint
    from tengen.networks.evaluator import NetworkEvaluator

    seen = game.seeing(checkpoint_planes(path))
    network, _ = load_checkpoint(path, seen)
    return NetworkEvaluator(network, threads=1), seen


def _make_random(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.random import RandomAgent

    _no_target(spec)
    return RandomAgent(game, seed)


def _make_human(spec: AgentSpec, game: Game, seed: int) -> Agent:
    raise TengenError(
        f"agent '{spec.text}' plays only in 'tengen play'; an agent that needs no one is random"
    )


def _make_policy(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.policy import PolicyAgent

    if not spec.target:
        raise TengenError(f"agent '{spec.text}': policy needs a checkpoint, as in policy:runs/demo/latest")
    temperature = number_option(spec, "temperature", 0.0, 0.0, 100.0)
    network, seen = load_network(spec.target, game)
    when = spec.options.get("pass", "free")
    if when not in ("free", "last"):
        raise TengenError(f"agent '{spec.text}': pass must be free or last, got '{when}'")
    return PolicyAgent(spec.text, seen, network, temperature, seed, passes_last=when == "last")


def _make_dqn(spec: AgentSpec, game: Game, seed: int) -> Agent:
    raise TengenError(
        f"agent '{spec.text}' acts in worlds such as atari/Pong, under 'tengen watch' and 'tengen evaluate'; "
        f"it cannot play {game.name}"
    )


def _make_rollout(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.rollout_policy import RolloutAgent, load_rollout_policy

    if not spec.target:
        raise TengenError(f"agent '{spec.text}': rollout needs a checkpoint, as in rollout:runs/rollout")
    temperature = number_option(spec, "temperature", 1.0, 0.0, 100.0)
    return RolloutAgent(spec.text, game, load_rollout_policy(spec.target, game), temperature, seed)


def _make_mcts(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.mcts.options import mcts_agent

    return mcts_agent(spec, game, seed)


def _make_minimax(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.minimax.options import minimax_agent

    _no_target(spec)
    return minimax_agent(spec, game, seed)


def _make_solver(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.solver.agent import SolverAgent

    _no_target(spec)
    if game.family != "connect4":
        raise TengenError(f"agent '{spec.text}' solves Connect Four (connect4), not {game.name}")
    return SolverAgent(spec.text, whole_option(spec, "hash", 256, 1, 1 << 20))


def _make_evolved(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.minimax.options import evolved_agent

    return evolved_agent(spec, game, seed)


def _make_engine(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.engines.programs import make_engine

    return make_engine(spec, game, seed)


def _make_openspiel_mcts(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.engines.openspiel import mcts_agent

    _no_target(spec)
    simulations = whole_option(spec, "sims", 1000, 1, 10_000_000)
    return mcts_agent(spec.text, game, seed, simulations, whole_option(spec, "rollouts", 1, 1, 10_000))


def _make_openspiel_alphabeta(spec: AgentSpec, game: Game, seed: int) -> Agent:
    from tengen.agents.engines.openspiel import alphabeta_agent

    _no_target(spec)
    return alphabeta_agent(spec.text, game, seed, whole_option(spec, "depth", 4, 1, 100))


ENGINE_OPTIONS = {
    "time": "seconds a move, told to the engine and held to (no limit)",
    "margin": "seconds by which a move may be late (1)",
    "patience": "seconds of silence after which it counts as hung (120)",
    "start": "seconds until it must be ready (60)",
    "memory": "MiB of data that it may claim, 0 for no limit (4096)",
    "processes": "how many of it play side by side, 0 for one a core (0)",
}

MINIMAX_OPTIONS = {
    "depth": "turns that it looks ahead (4; with nodes or time no limit)",
    "nodes": "positions a move (no limit)",
    "time": "seconds a move (no limit)",
}

AGENT_KINDS = {
    kind.name: kind
    for kind in (
        AgentKind(
            "random",
            "any legal move",
            "random",
            ("random",),
            {},
            _make_random,
        ),
        AgentKind(
            "policy",
            "a network's likeliest move, without search",
            "policy:CHECKPOINT[?temperature=T]",
            ("policy:runs/demo/latest", "policy:models/go9?temperature=0.5"),
            {
                "temperature": "0 plays the likeliest move, 1 samples the network's policy",
                "pass": "Go: last fills no own eye and passes where there is no other move (free)",
            },
            _make_policy,
        ),
        AgentKind(
            "mcts",
            "tree search, by a network or by random games to the end",
            "mcts[:CHECKPOINT][?sims=N&...]",
            ("mcts?sims=200", "mcts:runs/demo/latest?sims=100", "mcts:models/go9?sims=1600"),
            {
                "sims": "simulations a move (100)",
                "rule": "gumbel (with a network), uct (without) or puct",
                "leaves": "leaves of one game evaluated together (a network: sims / 64, 1 to 16)",
                "considered": "actions that gumbel considers at the root (16)",
                "rollouts": "games to the end a leaf (1)",
                "rollout": "the rollout policy that plays them, a run or checkpoint (uniformly random)",
                "lambda": "with a network: their share in a leaf's value (0)",
                "value": "checkpoint of a network whose value stands in place of the first one's",
                "temperature": "softens the choice in the first plies (0)",
                "warm": "how many plies the temperature lasts (8)",
            },
            _make_mcts,
        ),
        AgentKind(
            "rollout",
            "a rollout policy's moves by 3x3 patterns, at Go",
            "rollout:CHECKPOINT[?temperature=T]",
            ("rollout:runs/rollout",),
            {"temperature": "1 draws as rollouts do, 0 plays the likeliest (1)"},
            _make_rollout,
        ),
        AgentKind(
            "minimax",
            "alpha-beta by a compiled evaluation, at checkers, chess and Connect Four",
            "minimax[?depth=N&eval=NAME&...]",
            ("minimax?depth=6&eval=material", "minimax?time=0.5&eval=hand"),
            {
                "eval": "material, or hand for a hand-written count (material)",
                "king": "what a king is worth in men, with material (1.3)",
                "tablebase": "endgame database of checkers, a file of 'tengen tablebase checkers' (none)",
            }
            | MINIMAX_OPTIONS,
            _make_minimax,
        ),
        AgentKind(
            "solver",
            "perfect play at Connect Four; minutes for the first moves, then seconds, then none",
            "solver[?hash=MIB]",
            ("solver", "solver?hash=1024"),
            {"hash": "MiB of its table (256)"},
            _make_solver,
        ),
        AgentKind(
            "evolved",
            "what evolution has bred, by the search that it was bred for",
            "evolved:FOLDER[?depth=N&...]",
            ("evolved:runs/blondie2001/latest?depth=6", "evolved:runs/evolve-connect4/latest?sims=100"),
            MINIMAX_OPTIONS | {"sims": "tree search by the value of a convolutional champion (0: none)"},
            _make_evolved,
        ),
        AgentKind(
            "dqn",
            "a network of action values, in worlds such as atari/Pong",
            "dqn:CHECKPOINT[?epsilon=E]",
            ("dqn:runs/pong/latest", "dqn:models/pong?epsilon=0"),
            {"epsilon": "share of actions that are left to chance (0.001)"},
            _make_dqn,
        ),
        AgentKind(
            "gtp",
            "a Go program that speaks GTP: gnugo, an entry of engines.yaml, or a command line",
            "gtp:PROGRAM[?level=N&...]",
            ("gtp:gnugo?level=10", "gtp:./engine --some-argument?time=1", "gtp:katago?processes=1"),
            {"level": "GNU Go's level, 0 to 10 (10)"} | ENGINE_OPTIONS,
            _make_engine,
        ),
        AgentKind(
            "hub",
            "a draughts program that speaks Hub 2: an entry of engines.yaml, or a command line",
            "hub:PROGRAM[?depth=N&...]",
            ("hub:./engine hub?time=1",),
            {"depth": "plies that it may look ahead (no limit)"} | ENGINE_OPTIONS,
            _make_engine,
        ),
        AgentKind(
            "uci",
            "a program that speaks UCI: an entry of engines.yaml, or a command line",
            "uci:PROGRAM[?elo=N&...]",
            ("uci:stockfish?nodes=10000", "uci:stockfish?elo=1500&time=1", "uci:stockfish?Move Overhead=50"),
            {
                "nodes": "positions that it may look at (no limit)",
                "depth": "plies that it may look ahead (no limit)",
                "movetime": "seconds that it thinks, whatever the clock says (1 without other limits)",
                "elo": "play as one of so many Elo (UCI_LimitStrength, UCI_Elo)",
                "skill": "its Skill Level",
                "threads": "its threads",
                "hash": "MiB of its hash table",
                "NAME": "any other option of the program by its name; spaces may be underscores",
            }
            | ENGINE_OPTIONS,
            _make_engine,
            takes_any_option=True,
        ),
        AgentKind(
            "openspiel-mcts",
            "OpenSpiel's UCT by random games, at checkers and Connect Four",
            "openspiel-mcts[?sims=N]",
            ("openspiel-mcts?sims=1000",),
            {"sims": "simulations a move (1,000)", "rollouts": "random games a leaf (1)"},
            _make_openspiel_mcts,
        ),
        AgentKind(
            "openspiel-alphabeta",
            "OpenSpiel's alpha-beta, at checkers and Connect Four",
            "openspiel-alphabeta[?depth=N]",
            ("openspiel-alphabeta?depth=4",),
            {"depth": "plies that it looks ahead (4)"},
            _make_openspiel_alphabeta,
        ),
        AgentKind(
            "human",
            "you, at the keyboard, in 'tengen play'",
            "human",
            ("human",),
            {},
            _make_human,
        ),
    )
}
