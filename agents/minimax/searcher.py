"""Alpha-beta on one position after another: games and evaluations by name, iterative deepening, limits."""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.alphabeta import Kernel, specialise
from tengen.agents.minimax.frames import (
    BEST,
    BEST_MOVE,
    COUNT,
    DEEPER,
    EVALUATIONS,
    FAR,
    INFINITE,
    MOVES,
    NODES,
    PLY,
    QUIET,
    R_ALPHA,
    R_BETA,
    R_DEPTH,
    R_SPARE,
    REPETITIONS,
    SEEN,
    new_stack,
)
from tengen.envs.game import Game, States
from tengen.envs.rng import GOLDEN, MIX1, MIX2
from tengen.errors import TengenError
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from tengen.envs.checkers.tablebase import Tablebase

MAX_DEPTH = 60
SLICE = 20_000  # nodes between two looks at the clock, at most
LEAST = 200  # and at least, near the end of the time

#: Game family -> module with load, turn_actions, status, generate, make, record_key and QUIET_LIMIT.
GAMES = {"checkers": "tengen.agents.minimax.checkers", "connect4": "tengen.agents.minimax.connect4"}

NO_PARAMS = np.zeros(1, np.float32)


class Evaluation(NamedTuple):
    """A compiled evaluation."""

    module: str
    function: str
    params: str  # name of its parameters in the module, unless others are given; "" for none
    cached: bool = False  # it costs more than looking up what it said
    of_itself: bool = True  # it needs no parameters from elsewhere


_CHECKERS, _CONNECT4 = "tengen.agents.minimax.checkers_eval", "tengen.agents.minimax.connect4"
_NETS = "tengen.agents.minimax.blondie"
_PROBES = "tengen.agents.minimax.checkers_tablebase"  # evaluations by the same names, after the database
EVALUATIONS_OF: dict[str, dict[str, Evaluation]] = {
    "checkers": {
        "material": Evaluation(_CHECKERS, "by_material", "MATERIAL_WEIGHTS"),
        "hand": Evaluation(_CHECKERS, "by_hand", "HAND_WEIGHTS"),
        "blondie1999": Evaluation(_NETS, "by_net_1999", "", cached=True, of_itself=False),
        "blondie2001": Evaluation(_NETS, "by_net_2001", "", cached=True, of_itself=False),
    },
    "connect4": {
        "material": Evaluation(_CONNECT4, "by_material", ""),
        "hand": Evaluation(_CONNECT4, "by_hand", "HAND_WEIGHTS"),
    },
}


@dataclass(frozen=True)
class Limits:
    """When a search ends, at the first of these; 0 is no limit. A depth alone is exact and repeatable."""

    depth: int = 4
    nodes: int = 0
    seconds: float = 0.0
    extensions: int = -1
    """Single legal moves of a line that cost no depth; -1 is as many as the depth."""
    repetitions: bool = True
    """Whether a position that stood before in the line or in the game counts as drawn."""


class Found(NamedTuple):
    """What a search found."""

    actions: list[int]  # of the best turn
    value: int  # for the side to move
    depth: int  # searched to the end
    nodes: int
    evaluations: int


def evaluations_of(game: Game) -> dict[str, Evaluation]:
    """Evaluation by name. Raises TengenError for a game that has none compiled."""
    if game.family not in GAMES:
        raise TengenError(
            f"minimax cannot play {game.name}: it has no compiled evaluation; games that have one: "
            f"{', '.join(GAMES)}"
        )
    return EVALUATIONS_OF[game.family]


def default_params(game: Game, evaluation: str) -> NDArray[np.float32]:
    """What parameters an evaluation has unless others are given. Raises TengenError for an unknown name."""
    known = evaluations_of(game)
    if evaluation not in known:
        raise TengenError(
            f"unknown evaluation '{evaluation}' of {game.name}; "
            f"{did_you_mean(evaluation, known, 'evaluations')}"
        )
    part = known[evaluation]
    if not part.params:
        return NO_PARAMS
    return np.array(getattr(importlib.import_module(part.module), part.params), np.float32)


def scaled_params(game: Game, weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """The hand-written evaluation's parameters, each times exp of a weight; 0 leaves it as it is written.

    Raises TengenError where there are more or fewer weights than parameters.
    """
    middle = default_params(game, "hand")
    if weights.shape != middle.shape:
        raise TengenError(f"the evaluation of {game.name} has {len(middle)} weights, got {weights.shape}")
    return (middle * np.exp(np.asarray(weights, np.float64))).astype(np.float32)


@lru_cache(maxsize=64)
def kernel_for(family: str, evaluation: str, probes: bool = False) -> Kernel:
    """The search compiled for a game and an evaluation; probes: that asks an endgame database first."""
    game, part = moves_of(family), EVALUATIONS_OF[family][evaluation]
    parts: dict[str, Any] = {
        name: getattr(game, name) for name in ("status", "generate", "make", "record_key", "QUIET_LIMIT")
    }
    module = _PROBES if probes else part.module
    parts["evaluate"] = getattr(importlib.import_module(module), part.function)
    parts["CACHED"] = part.cached
    return specialise(f"{family}.{evaluation}{'.tablebase' * probes}", parts)


@lru_cache(maxsize=16)
def moves_of(family: str) -> ModuleType:
    """The module with a family's compiled moves."""
    return importlib.import_module(GAMES[family])


_STEPS = np.arange(1, MOVES + 1, dtype=np.uint64) * GOLDEN


def _scattered(key: int) -> NDArray[np.int64]:
    """Random numbers below 2**30, a fixed function of the key (splitmix64)."""
    z = _STEPS + np.uint64(key)
    z = (z ^ (z >> np.uint64(30))) * MIX1
    z = (z ^ (z >> np.uint64(27))) * MIX2
    return (z >> np.uint64(34)).astype(np.int64)


class Searcher:
    """Searches positions of one game by one evaluation. Not for two threads at once; makes its own memory."""

    def __init__(
        self,
        game: Game,
        evaluation: str,
        *,
        table_bits: int = 16,
        tablebase: "Tablebase | None" = None,
    ) -> None:
        """tablebase: of checkers, asked before `evaluation`, which is material or hand."""
        default_params(game, evaluation)
        self.game = game
        self.evaluation = evaluation
        self.stop: Callable[[], bool] | None = None  # asked at every look at the clock: whether to end early
        self.stack = new_stack(table_bits, scratch=None if tablebase is None else tablebase.as_floats())
        self._pace = 0.0  # nodes a second, as the last slice went
        self._moves = moves_of(game.family)
        self._kernel = kernel_for(game.family, evaluation, tablebase is not None)

    def find(
        self,
        state: States,
        params: NDArray[np.float32],
        limits: Limits,
        *,
        tie_seed: int | None = None,
        keep_table: bool = False,
        player: int = 0,
    ) -> Found:
        """The best move of state [1], not terminal.

        tie_seed: draws the order of the root's moves, and so among equal ones; None: as they are generated.
        keep_table: what earlier searches with the same params found may be used. player: tells apart params
        whose evaluations may be kept from search to search.
        """
        self._begin(state, limits, tie_seed, keep_table, player)
        s, r = self.stack, self.stack.registers
        bounded = limits.nodes > 0 or limits.seconds > 0
        top = min(limits.depth or MAX_DEPTH, MAX_DEPTH)
        ends = time.perf_counter() + limits.seconds if limits.seconds > 0 else 0.0
        # Odd and even depths see different sides' last words: at a fixed depth only those of its parity help.
        depths = range(1, top + 1) if bounded else range(2 - top % 2, top + 1, 2)
        move, value, reached = -1, 0, 0
        for depth in depths:
            r[PLY], r[R_DEPTH], r[R_ALPHA], r[R_BETA] = 0, depth, -INFINITE, INFINITE
            r[R_SPARE] = depth if limits.extensions < 0 else limits.extensions
            s.frame[0, BEST_MOVE] = -1
            is_whole = self._run(params, limits.nodes, ends, first=move < 0)
            # The last depth's best move came first, so that a later one is better even if time is up.
            if s.frame[0, BEST_MOVE] >= 0:
                move, value = int(s.frame[0, BEST_MOVE]), int(s.frame[0, BEST])
            if not is_whole:
                break
            reached = depth
            if abs(value) > FAR or (bounded and s.frame[0, COUNT] == 1):
                break
            s.root[move] = 1 << 40
        actions = self._moves.turn_actions(state, move, int(s.codes[0, move]))
        return Found(actions, value, reached, int(r[NODES]), int(r[EVALUATIONS]))

    def _begin(
        self, state: States, limits: Limits, tie_seed: int | None, keep_table: bool, player: int
    ) -> None:
        s, r = self.stack, self.stack.registers
        if not keep_table:  # what other searches left could decide which of two lines finds a repetition
            s.table[:] = 0
        s.salts[0] = GOLDEN
        s.salts[1] = np.uint64(((player + 1) * 0xD6E8FEB86659FD93) & 0xFFFFFFFFFFFFFFFF)
        self._moves.load(state, s.words[0])
        s.killers[:] = -1
        s.history[:] = 0
        s.root[:] = 0
        if tie_seed is not None:
            key = (tie_seed ^ int(state["hash"][0]) ^ int(state["ply"][0]) << 32) & 0xFFFFFFFFFFFFFFFF
            s.root[:] = _scattered(key)
        r[:] = 0
        r[REPETITIONS] = limits.repetitions
        r[DEEPER] = limits.nodes > 0 or limits.seconds > 0
        quiet = int(s.words[0, QUIET])
        if limits.repetitions and quiet:
            r[SEEN] = quiet
            s.seen[:quiet] = state["history"][0, :quiet]

    def _run(self, params: NDArray[np.float32], nodes: int, ends: float, first: bool) -> bool:
        """One search to its depth; False where a limit came before. The very first is always finished."""
        r = self.stack.registers
        while True:
            before, began = int(r[NODES]), time.perf_counter()
            pause = before + SLICE
            if nodes and not first:
                pause = min(pause, nodes)
            if ends:  # by halves of the time left, so that a slow evaluation does not get more of it
                pause = min(pause, before + max(LEAST, int((ends - began) * self._pace / 2)))
            if self._kernel(self.stack, params, pause):
                return True
            self._pace = (int(r[NODES]) - before) / max(1e-6, time.perf_counter() - began)
            if not first and ((nodes and r[NODES] >= nodes) or (ends and time.perf_counter() >= ends)):
                return False
            if self.stop is not None and self.stop() and not first:
                return False
