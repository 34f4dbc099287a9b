"""A single game with checked moves, undo and words: the public face of the batched rules."""

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Game, States
from tengen.errors import IllegalMove


class Position:
    """One game in progress. Moves are checked: a fault raises IllegalMove with the move and the reason."""

    def __init__(self, game: Game, state: States | None = None) -> None:
        """Start at `state` [1], or at the start of the game."""
        self.game = game
        self._states = [game.new_states(1) if state is None else state.copy()]
        self.actions: list[int] = []

    @property
    def state(self) -> States:
        """The current state, as an array [1] that the caller must not write to."""
        return self._states[-1]

    @property
    def start(self) -> States:
        """The state that the game began at, as an array [1] that the caller must not write to."""
        return self._states[0]

    @property
    def to_play(self) -> int:
        """The player to move, 0 or 1."""
        return int(self.state["to_play"][0])

    @property
    def is_terminal(self) -> bool:
        """Whether the game is over."""
        return bool(self.state["terminal"][0])

    @property
    def returns(self) -> tuple[float, float]:
        """Each player's result in {-1, 0, 1}."""
        out = np.zeros((1, 2), np.float32)
        self.game.returns(self.state, out)
        return float(out[0, 0]), float(out[0, 1])

    def legal_mask(self) -> NDArray[np.bool_]:
        """Legal actions [A]."""
        out = self.game.new_mask(1)
        self.game.legal_mask(self.state, out)
        return out[0]

    def legal_actions(self) -> list[int]:
        """Legal actions in ascending order."""
        return [int(action) for action in np.flatnonzero(self.legal_mask())]

    def legal_turns(self) -> list[list[int]]:
        """The actions of every legal turn: one each, or as many as a multi-jump takes."""
        return _turns(self.game, self.state)

    def apply(self, action: int) -> None:
        """Play one action by number."""
        if self.is_terminal:
            raise IllegalMove(f"action {action} is illegal: the game is over")
        if not 0 <= action < self.game.num_actions:
            raise IllegalMove(
                f"action {action} does not exist; {self.game.name} has 0 to {self.game.num_actions - 1}"
            )
        if not self.legal_mask()[action]:
            raise IllegalMove(
                f"action {action} ({self.game.format_action(self.state, action)}) is illegal here"
            )
        state = self.state.copy()
        self.game.step(state, np.array([action], np.int32))
        self._states.append(state)
        self.actions.append(action)

    def play(self, text: str) -> list[int]:
        """Play a whole turn in the game's notation; returns its actions."""
        if self.is_terminal:
            raise IllegalMove(f"{text} is illegal: the game is over")
        actions = self.game.parse_turn(self.state, text)
        for action in actions:
            self.apply(action)
        return actions

    def undo(self) -> None:
        """Take back the last action. Raises IllegalMove at the start."""
        if not self.actions:
            raise IllegalMove("there is no move to take back")
        self.actions.pop()
        self._states.pop()

    def __str__(self) -> str:
        return self.game.board(self.state)


def _turns(game: Game, state: States) -> list[list[int]]:
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    found = []
    for action in np.flatnonzero(mask[0]):
        after = state.copy()
        game.step(after, np.array([action], np.int32))
        if after["to_play"][0] == state["to_play"][0] and not after["terminal"][0]:
            found += [[int(action), *rest] for rest in _turns(game, after)]
        else:
            found.append([int(action)])
    return found
