"""Alpha-beta at chess: iterative deepening under limits, and the agent."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.minimax.chess_kernel import (
    DEEPER,
    DEEPEST,
    FAR,
    INFINITE,
    LIMIT,
    MATE,
    MOST_NODES,
    NODES,
    PAST,
    REPETITIONS,
    STOP,
    Room,
    begin,
    extend_line,
    is_progress,
    make,
    new_room,
    search,
)
from tengen.agents.timing import Timekeeper
from tengen.envs.chess.actions import ACTION_OF
from tengen.envs.chess.bitboards import Position, pack
from tengen.envs.chess.evaluation import TABLES
from tengen.envs.chess.moves import MOST_MOVES, list_moves
from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from tengen.agents.registry import AgentSpec

MAX_DEPTH = 64
SCALE = 300.0  # centipawns at which a position is thought three quarters won (tanh)
LOOK_S = 0.002  # between two looks at what may end a search
NEVER = 1 << 62


@dataclass(frozen=True)
class ChessLimits:
    """When a search ends, at the first of these; 0 is no limit. A depth alone is exact and repeatable."""

    depth: int = 4
    nodes: int = 0
    seconds: float = 0.0
    repetitions: bool = True
    """Whether a position that stood before in the line or in the game counts as drawn."""


class Variation(NamedTuple):
    """What a search found."""

    actions: tuple[int, ...]  # the best line
    value: int  # centipawns for the side to move; beyond FAR a mate
    depth: int
    deepest: int  # quiescence included
    nodes: int

    @property
    def mate(self) -> int | None:
        """Moves to mate, negative for the side to move being mated; None where none was seen."""
        if abs(self.value) <= FAR:
            return None
        moves = (MATE - abs(self.value) + 1) // 2
        return moves if self.value > 0 else -moves


Listener = Callable[[Sequence[Variation]], None]


class ChessSearcher:
    """Searches positions of chess by tables of values. Not for two threads at once."""

    def __init__(self, evaluation: str = "hand", table_bits: int = 16) -> None:
        """Raises TengenError for an unknown evaluation."""
        if evaluation not in TABLES:
            raise TengenError(
                f"unknown evaluation '{evaluation}' of chess; "
                f"{did_you_mean(evaluation, TABLES, 'evaluations')}"
            )
        self.room: Room = new_room(table_bits, TABLES[evaluation])

    def find(
        self,
        state: States,
        limits: ChessLimits,
        *,
        tie_seed: int | None = None,
        keep_table: bool = False,
        stop: Callable[[], bool] | None = None,
        lines: int = 1,
        allowed: Sequence[int] = (),
        on_depth: Listener | None = None,
    ) -> list[Variation]:
        """The best `lines` variations of state [1], not terminal, the best first.

        tie_seed: draws the order of moves, and so among equal ones. keep_table: what earlier searches found
        may be used, as under limits of nodes and time. stop: asked every few milliseconds.
        allowed: actions that the first move must be among. on_depth: told what each finished depth found.
        """
        position, side, quiet = pack(state["board"][0]), int(state["to_play"][0]), int(state["quiet"][0])
        bounded = keep_table or limits.nodes > 0 or limits.seconds > 0
        self._begin(state, limits, bounded)
        moves = _root_moves(position, allowed, tie_seed, state)
        values = np.zeros(len(moves), np.int64)
        lines = min(lines, len(moves))
        ends = time.perf_counter() + limits.seconds if limits.seconds > 0 else 0.0

        def is_over() -> bool:
            return (ends > 0 and time.perf_counter() >= ends) or (stop is not None and stop())

        asks = is_over if ends > 0 or stop is not None else None
        counters, top = self.room.counters, min(limits.depth or MAX_DEPTH, MAX_DEPTH)
        found: list[Variation] = []
        for depth in range(1, top + 1):
            fresh: list[Variation] = []
            for rank in range(lines):
                counters[MOST_NODES] = limits.nodes if limits.nodes and depth > 1 else NEVER
                counters[DEEPEST] = 0
                searched = self._run(position, side, quiet, depth, moves[rank:], values[rank:], asks)
                # The last depth's best move came first, so that a later one is better even if time is up.
                if searched or not (found or fresh):
                    fresh.append(self._variation(position, moves, values, rank, depth, bool(searched)))
                if counters[STOP]:
                    break
            # Of variations that were not all looked at again, the earlier ones still hold.
            known = {line.actions[0] for line in fresh}
            found = fresh + [line for line in found if line.actions[0] not in known][: lines - len(fresh)]
            if counters[STOP]:
                break
            if on_depth is not None:
                on_depth(found)
            # A mate that the full search sees is the quickest; one that captures found may not be.
            if all(line.mate is not None and MATE - abs(line.value) <= depth for line in found):
                break
            if bounded and len(moves) == 1 and stop is None:
                break
            if limits.nodes and counters[NODES] >= limits.nodes:
                break
        return found

    def forget(self) -> None:
        """Clear the table."""
        self.room.table[:] = 0

    def _begin(self, state: States, limits: ChessLimits, bounded: bool) -> None:
        s = self.room
        if not bounded:  # what other searches left could decide which of two lines finds a repetition
            s.table[:] = 0
        s.killers[:] = 0
        s.history[:] = 0
        s.keys[:] = 0
        known = int(state["known"][0])
        s.keys[PAST - known : PAST] = state["history"][0, :known]
        s.counters[:] = 0
        s.counters[REPETITIONS] = limits.repetitions
        s.counters[DEEPER] = bounded
        s.counters[LIMIT] = state["history"].shape[1] - 1

    def _run(
        self,
        position: Position,
        side: int,
        quiet: int,
        depth: int,
        moves: NDArray[np.int32],
        values: NDArray[np.int64],
        asks: Callable[[], bool] | None,
    ) -> int:
        """One search of a root; the kernel runs in a thread of its own where somebody may end it."""
        found: list[int] = []

        def work() -> None:
            found.append(_search_root(position, side, quiet, depth, moves, values, self.room))

        if asks is None or depth == 1:
            work()
            return found[0]
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(LOOK_S)
                if asks():
                    self.room.counters[STOP] = 1
        finally:
            self.room.counters[STOP] |= thread.is_alive()
            thread.join()
        return found[0]

    def _variation(
        self,
        position: Position,
        moves: NDArray[np.int32],
        values: NDArray[np.int64],
        rank: int,
        depth: int,
        searched: bool,
    ) -> Variation:
        s = self.room
        line = s.line[0, : s.length[0]].tolist() if searched else [int(moves[rank])]
        actions = tuple(int(ACTION_OF[move]) for move in line)
        return Variation(actions, int(values[rank]), depth, int(s.counters[DEEPEST]), int(s.counters[NODES]))


def _search_root(
    position: Position,
    side: int,
    quiet: int,
    depth: int,
    moves: NDArray[np.int32],
    values: NDArray[np.int64],
    s: Room,
) -> int:
    """Search the moves [R] of a root in their order; the best one is put first, with its line in `s.line[0]`.

    values [R]: of each move, those that are not better than the best before only as bounds. Returns how many
    moves were searched to the end.
    """
    alpha = -INFINITE
    begin(position, side, s)
    s.length[0] = 0
    for i, move in enumerate(moves.tolist()):
        after = pack(map(int, make(position, move)))  # Numba gives words back as plain numbers
        calm = 0 if is_progress(position, move) else quiet + 1
        if i > 0:
            value = -search(after, 1 - side, 1, calm, depth - 1, -alpha - 1, -alpha, s)
            if value > alpha and not s.counters[STOP]:
                value = -search(after, 1 - side, 1, calm, depth - 1, -INFINITE, -alpha, s)
        else:
            value = -search(after, 1 - side, 1, calm, depth - 1, -INFINITE, INFINITE, s)
        if s.counters[STOP]:
            return i
        values[i] = value
        if value > alpha:
            alpha = value
            extend_line(s, 0, move)
            moves[: i + 1] = np.roll(moves[: i + 1], 1)
            values[: i + 1] = np.roll(values[: i + 1], 1)
    return len(moves)


def _root_moves(
    position: Position, allowed: Sequence[int], tie_seed: int | None, state: States
) -> NDArray[np.int32]:
    listed = np.empty((1, MOST_MOVES), np.int32)
    count = int(list_moves(position, listed, 0))
    moves = listed[0, :count].copy()
    if allowed:
        moves = moves[np.isin(ACTION_OF[moves], list(allowed))]
    if tie_seed is not None:
        key = [tie_seed & 0xFFFFFFFF, int(state["hash"][0] >> np.uint64(32)), int(state["ply"][0])]
        moves = np.random.default_rng(key).permutation(moves)
    return np.ascontiguousarray(moves, np.int32)


class ChessMinimaxAgent(Timekeeper, Agent):
    """Searches each board for itself."""

    def __init__(
        self, name: str, game: Game, evaluation: str, limits: ChessLimits, *, seed: int, table_bits: int = 16
    ) -> None:
        super().__init__()
        self.name, self.game, self.limits = name, game, limits
        self.searcher = ChessSearcher(evaluation, table_bits)
        self.evaluation = evaluation
        self.nodes = 0  # searched in all
        self.stop: Callable[[], bool] | None = None  # asked while it searches: whether to end early
        self._seed = seed

    def start(self, game: Game, slots: int) -> None:
        self.game = game
        self.times = {}

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        actions = np.empty(len(states), np.int32)
        values = np.zeros(len(states), np.float32)
        for i, slot in enumerate(slots):
            limits, seconds = self.limits, self.times.pop(int(slot), None)
            if seconds is not None:
                limits = replace(limits, seconds=min(seconds, limits.seconds or seconds))
            state = states[i : i + 1]
            best = self.searcher.find(state, limits, tie_seed=self._seed, stop=self.stop)[0]
            self.nodes += best.nodes
            actions[i] = best.actions[0]
            values[i] = value_of(best)
        self.last_values = values
        return actions


def value_of(found: Variation) -> float:
    """A variation's worth in [-1, 1]."""
    return float(np.tanh(found.value / SCALE) if found.mate is None else np.sign(found.value))


def chess_agent(spec: "AgentSpec", game: Game, seed: int) -> Agent:
    """The agent that `minimax?...` names at chess. Raises TengenError."""
    from tengen.agents.minimax.options import limits_of

    evaluation = spec.options.get("eval", "material")
    if evaluation not in TABLES:
        raise TengenError(
            f"agent '{spec.text}': unknown eval '{evaluation}' of {game.name}; "
            f"{did_you_mean(evaluation, TABLES, 'evaluations')}"
        )
    if "king" in spec.options:
        raise TengenError(f"agent '{spec.text}': king is for eval=material at checkers")
    limits = limits_of(spec)
    own = ChessLimits(limits.depth, limits.nodes, limits.seconds)
    bits = 20 if own.nodes or own.seconds or own.depth > 6 else 16
    return ChessMinimaxAgent(spec.text, game, evaluation, own, seed=seed, table_bits=bits)
