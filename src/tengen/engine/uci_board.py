"""A game of chess as UCI tells it: a position and moves, of which no draw is the end."""

from collections.abc import Sequence

import numpy as np

from tengen.envs.chess import text
from tengen.envs.chess.game import Chess
from tengen.envs.chess.notation import actions_by_uci, legal_actions, uci_text
from tengen.envs.game import States
from tengen.errors import IllegalMove, TengenError


class UciBoard:
    """Position and history. Whatever raises leaves both as they were.

    Programs may ask about positions whose game our rules see drawn (by repetition, by 50 moves, for lack of
    material); then the count begins anew, so that there is something to think about.
    """

    def __init__(self, game: Chess) -> None:
        self.game = game
        self.chess960 = game.chess960 is not None
        self.start: States = game.new_states(1)
        self.state: States = self.start.copy()
        self.actions: list[int] = []
        self._fen, self._moves = "", list[str]()

    def set(self, words: Sequence[str]) -> None:
        """Obey `position [startpos | fen FEN] [moves ...]`. Raises TengenError."""
        at = words.index("moves") if "moves" in words else len(words)
        kind, fields, moves = words[0] if words else "", words[1:at], list(words[at + 1 :])
        if kind not in ("startpos", "fen"):
            raise TengenError("expected 'position startpos' or 'position fen FEN', then 'moves ...'")
        fen = " ".join(fields) if kind == "fen" else ""
        known = len(self._moves)
        if fen == self._fen and moves[:known] == self._moves:
            state, actions = self.state, list(self.actions)
        else:
            state, actions, known = self._read(fen), [], 0
        start = self.start if known else state
        for word in moves[known:]:
            state = _reopened(state)
            action = actions_by_uci(state, self.chess960).get(word.lower())
            if action is None:
                raise IllegalMove(f"illegal move '{text.printable(word)}' in {text.to_text(state)}")
            actions.append(action)
            state = state.copy()
            self.game.step(state, np.array([action], np.int32))
        self.start, self.state, self.actions = start, state, actions
        self._fen, self._moves = fen, moves

    def _read(self, fen: str) -> States:
        if not fen:
            return self.game.new_states(1)
        fields = fen.split()
        if len(fields) == 6 and fields[4].isdecimal() and int(fields[4]) > self.game.limit:
            fields[4] = str(self.game.limit)  # who asks does not mind the draw
        return text.from_text(" ".join(fields), self.game.limit, self.chess960)

    def open_state(self) -> States | None:
        """The position [1] to think about, None where the side to move is mated or has no move."""
        state = _reopened(self.state)
        return None if state["terminal"][0] else state

    def legal(self) -> dict[str, int]:
        """The legal actions by their words."""
        return actions_by_uci(_reopened(self.state), self.chess960)

    def after(self, action: int) -> States:
        """The position [1] after a legal action."""
        state = _reopened(self.state).copy()
        self.game.step(state, np.array([action], np.int32))
        return state

    def words(self, state: States, actions: Sequence[int]) -> list[str]:
        """A line of actions from state [1] on as UCI writes it, as far as it is legal."""
        state, found = state.copy(), []
        for action in actions:
            if action not in legal_actions(state):
                break
            found.append(uci_text(state, action, self.chess960))
            self.game.step(state, np.array([action], np.int32))
        return found


def _reopened(state: States) -> States:
    """The state, as if it had not been seen before where it is drawn but for want of moves."""
    if not state["terminal"][0] or state["result"][0] != 0:
        return state
    state = state.copy()
    state["terminal"], state["quiet"], state["known"] = False, 0, 0
    state["history"][0, 0] = state["hash"][0]
    state["terminal"] = not legal_actions(state)  # stalemate stays what it is
    return state
