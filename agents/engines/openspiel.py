"""OpenSpiel's searches as agents, at games that it plays by nearly our rules: an optional extra.

OpenSpiel's checkers is drawn 40 plies after the last capture, ours later; from there on these agents look two
plies ahead for material, by our rules, and count such moves in `beyond`. Everything else agrees; a jump of
several steps is several actions on both sides.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.envs.checkers.text import pieces_of
from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError

PEERS = {"checkers": "checkers", "connect4": "connect_four"}
UCT_C = 2.0
MEMORY_MB = 500
KING = 1.5  # in men
CENTRE = 3  # Connect Four's middle column


@dataclass
class _Seat:
    """A game as both sides hold it."""

    actions: list[int]
    ours: States
    theirs: Any  # pyspiel.State


class OpenSpielAgent(Agent):
    """Answers with what a search of OpenSpiel's chooses."""

    needs_history = True

    def __init__(self, name: str, game: Game, seed: int) -> None:
        """Raises TengenError where OpenSpiel is missing or has no such game."""
        self.name, self.game = name, game
        self.pyspiel = import_pyspiel()
        if game.family not in PEERS:
            raise TengenError(f"agent '{name}' plays {' and '.join(PEERS)}, not {game.name}")
        self.peer = self.pyspiel.load_game(PEERS[game.family])
        self.beyond = 0  # moves made where OpenSpiel's game was over already
        self._rng = np.random.default_rng(seed)
        self._seats: dict[int, _Seat] = {}
        self.search: Callable[[Any], int]

    def start(self, game: Game, slots: int) -> None:
        super().start(game, slots)
        self._seats = {}

    def follow(self, slot: int, start: States, actions: Sequence[int]) -> None:
        seat = self._seats.get(slot)
        if seat is None or seat.actions != list(actions[: len(seat.actions)]):
            if start.tobytes() != self.game.new_states(1).tobytes():
                raise TengenError(f"agent '{self.name}' plays only from the start of a game")
            seat = self._seats[slot] = _Seat([], start.copy(), self.peer.new_initial_state())
        for action in actions[len(seat.actions) :]:
            if not seat.theirs.is_terminal():
                seat.theirs.apply_action(to_peer(self.game, seat.ours, seat.theirs, int(action)))
            self.game.step(seat.ours, np.array([action], np.int32))
            seat.actions.append(int(action))

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        return np.array([self._choose(self._seats[int(slot)]) for slot in slots], np.int32)

    def _choose(self, seat: _Seat) -> int:
        if seat.theirs.is_terminal():
            self.beyond += 1
            return two_plies(self.game, seat.ours, self._rng)
        return from_peer(self.game, seat.ours, seat.theirs, self.search(seat.theirs))


def mcts_agent(name: str, game: Game, seed: int, simulations: int, rollouts: int) -> OpenSpielAgent:
    """UCT in C++, by random games to the end."""
    agent = OpenSpielAgent(name, game, seed)
    evaluator = agent.pyspiel.RandomRolloutEvaluator(rollouts, seed % 2**31)
    solve, verbose = True, False
    bot = agent.pyspiel.MCTSBot(
        agent.peer, evaluator, UCT_C, simulations, MEMORY_MB, solve, seed % 2**31, verbose
    )
    agent.search = bot.step
    return agent


def alphabeta_agent(name: str, game: Game, seed: int, depth: int) -> OpenSpielAgent:
    """Alpha-beta in Python to a fixed depth, by material (checkers) or nearness to the centre."""
    agent = OpenSpielAgent(name, game, seed)
    minimax = importlib.import_module("open_spiel.python.algorithms.minimax")
    value = _material_value if game.family == "checkers" else _centre_value

    def search(state: Any) -> int:
        player = state.current_player()
        _, action = minimax.alpha_beta_search(
            agent.peer, state.clone(), lambda s: value(s) * (1 - 2 * player), depth, player
        )
        return int(action)

    agent.search = search
    return agent


def import_pyspiel() -> Any:
    """OpenSpiel's module. Raises TengenError where it is not installed."""
    try:
        import pyspiel
    except ImportError:
        raise TengenError("OpenSpiel is not installed; get it with: pip install 'tengen[bench]'") from None
    return pyspiel


def to_peer(game: Game, ours: States, theirs: Any, action: int) -> int:
    """OpenSpiel's number of our action in state [1]."""
    words = _peer_words(game, ours, action)
    for candidate in theirs.legal_actions():
        if theirs.action_to_string(candidate).rstrip("*") == words:
            return int(candidate)
    raise TengenError(f"OpenSpiel's {PEERS[game.family]} has no move {words} where ours has")


def from_peer(game: Game, ours: States, theirs: Any, action: int) -> int:
    """Our number of OpenSpiel's action."""
    words = theirs.action_to_string(action).rstrip("*")
    mask = game.new_mask(1)
    game.legal_mask(ours, mask)
    for candidate in np.flatnonzero(mask[0]):
        if _peer_words(game, ours, int(candidate)) == words:
            return int(candidate)
    raise TengenError(f"our {game.name} has no move {words} where OpenSpiel's has")


def _peer_words(game: Game, ours: States, action: int) -> str:
    """What OpenSpiel calls our action: "x3" for a column, "a3b4" for a step or a jump."""
    if game.family == "connect4":
        return f"{'xo'[int(ours['to_play'][0])]}{action}"
    squares = game.format_action(ours, action).replace("x", "-").split("-")
    return "".join(_coordinate(int(square)) for square in squares)


def _coordinate(square: int) -> str:
    """Square 1..32 on OpenSpiel's board, where who moves first sits at the bottom."""
    row, column = divmod(square - 1, 4)
    return "hgfedcba"[2 * column + (row % 2 == 0)] + str(row + 1)


def two_plies(game: Game, state: States, rng: np.random.Generator) -> int:
    """The action of state [1] after which the best reply leaves the most; ties are drawn by lot."""
    player = int(state["to_play"][0])
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    actions = np.flatnonzero(mask[0])
    worths = []
    for after in _children(game, state):
        replies = [] if after["terminal"][0] else _children(game, after)
        values = [_worth(game, reply) * (1 - 2 * player) for reply in replies or [after]]
        own_again = not after["terminal"][0] and int(after["to_play"][0]) == player
        worths.append(max(values) if own_again else min(values))
    best = np.flatnonzero(np.array(worths) >= max(worths) - 1e-9)
    return int(actions[rng.choice(best)])


def _children(game: Game, state: States) -> list[States]:
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    actions = np.flatnonzero(mask[0]).astype(np.int32)
    after = np.repeat(state, len(actions))
    game.step(after, actions)
    return [after[i : i + 1] for i in range(len(after))]


def _worth(game: Game, state: States) -> float:
    """Player 0's result, or its lead in material."""
    if state["terminal"][0]:
        returns = np.zeros((1, 2), np.float32)
        game.returns(state, returns)
        return 100.0 * float(returns[0, 0])
    if game.family != "checkers":
        return 0.0
    worth = {"b": 1.0, "B": KING, "w": -1.0, "W": -KING, ".": 0.0}
    return sum(worth[piece] for piece in pieces_of(state))


def _material_value(state: Any) -> float:
    """Player 0's lead in OpenSpiel's checkers, within -1 and 1."""
    rows = "".join(line[1:] for line in str(state).splitlines()[:8])  # "8" is a row's name and a king
    lead = rows.count("o") - rows.count("+") + KING * (rows.count("8") - rows.count("*"))
    return lead / 20.0


def _centre_value(state: Any) -> float:
    """Player 0's lead in nearness to the middle of OpenSpiel's Connect Four, within -1 and 1."""
    lead = 0
    for row in str(state).splitlines():
        for column, cell in enumerate(row):
            lead += {"x": 1, "o": -1}.get(cell, 0) * (CENTRE - abs(column - CENTRE))
    return lead / 100.0
