"""English draughts as a Game.

Rules (World Checkers/Draughts Federation): 8x8, Black moves first from squares 1-12; captures are mandatory,
the choice among them is free; a jump goes on while it can; a man that reaches the king row is crowned and its
turn ends; kings go one step in all directions. Whoever cannot move loses. Drawn when a position stands for
the third time with the same side to move, and after 80 turns without a capture or a man's move.

One action is one step or one jump, 32 squares times 4 directions, so that the policy has 128 fixed outputs,
each bound to a square that a convolution sees. (One action a turn would need an output for every path of a
multi-jump, which no fixed list holds.) `to_play` stays while a multi-jump goes on, and only the jumping piece
may move. Since captures are mandatory, square and direction say whether a step or a jump is meant. `ply`
counts actions; the 80-turn rule and perft count turns.

Actions and observations are both seen by the side to move: White's board is turned by 180 degrees, which
takes action a to 127 - a. A policy learned with one colour is thereby right for the other, and this uses up
the board's only symmetry: a reflection would move the dark squares to the light ones. So the symmetry tables
hold the identity alone.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tengen.envs.checkers import notation, rules, text, turns
from tengen.envs.checkers.bitboards import U
from tengen.envs.game import Bools, Floats, Game, Ints, States


class Checkers(Game):
    """English draughts under WCDF rules; `Checkers()` has no options."""

    family: ClassVar[str] = "checkers"
    name = "checkers"
    state_dtype = rules.STATE_DTYPE
    num_actions = rules.ACTIONS
    obs_shape = (len(rules.PLANES), 8, 8)
    planes = rules.PLANES
    # 144 moves bring all men to the king rows, 23 captures leave one piece; each ends a row of at most 80
    # quiet turns, and one more such row ends the game. Real games take 40 to 250 actions.
    max_plies = (144 + 23 + 1) * rules.DRAW_PLIES

    policy_planes = 4
    policy_extra = 0

    def __init__(self) -> None:
        square, direction = np.divmod(np.arange(rules.ACTIONS), 4)
        self.policy_index = (direction * 64 + rules.ROW[square] * 8 + rules.COLUMN[square]).astype(np.int64)
        self.point_symmetries = np.arange(64, dtype=np.int32)[None]
        self.action_symmetries = np.arange(rules.ACTIONS, dtype=np.int32)[None]

    # --- batched rules, in place -------------------------------------------------------------------------

    def reset(self, states: States) -> None:
        """Set every state [B] to the start of the game."""
        rules.reset(states)

    def legal_mask(self, states: States, out: Bools) -> None:
        """Write the legal actions to out [B, 128]; all False where the game is over."""
        rules.legal_mask(states, out)

    def step(self, states: States, actions: Ints) -> None:
        """Apply actions [B] to states [B], unchecked."""
        rules.step(states, np.ascontiguousarray(actions, np.int32))

    def observe(self, states: States, out: Floats) -> None:
        """Write what the side to move sees to out [B, 11, 8, 8]; `planes` names the planes."""
        rules.observe(states, out)

    def returns(self, states: States, out: Floats) -> None:
        """Write each player's result in {-1, 0, 1} to out [B, 2]."""
        rules.returns(states, out)

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        """Play uniformly random legal actions until every state is terminal."""
        rules.playout(states, rng)

    # --- words -------------------------------------------------------------------------------------------

    def format_action(self, state: States, action: int) -> str:
        """One step: "11-15", or "22x15" for one jump."""
        return notation.format_action(state, action)

    def parse_action(self, state: States, text: str) -> int:
        """The legal single step that text names. Raises IllegalMove with the move and the reason."""
        return notation.parse_action(state, text)

    def format_turn(self, state: States, actions: Sequence[int]) -> str:
        """A whole turn: "11-15", "22x8", or "22x15x8" where start and end do not tell it from another."""
        return notation.format_turn(state, actions)

    def parse_turn(self, state: States, text: str) -> list[int]:
        """The actions of a whole turn, written short or in full. Raises IllegalMove with the reason."""
        return notation.parse_turn(state, text)

    def to_text(self, state: States) -> str:
        """PDN-FEN, "B:W21,K30:B1,K5:H12" (see `text`); the history of repetitions is not in it."""
        return text.to_text(state)

    def from_text(self, fen: str) -> States:
        """The position of a PDN-FEN, as states [1]. Raises TengenError naming what is wrong in it."""
        return text.from_text(fen)

    def board(self, state: States) -> str:
        """The board in ASCII: b, w men, B, W kings, square numbers at the sides."""
        return text.board(state)

    def from_board(self, drawing: str, to_play: int = 0) -> States:
        """The position drawn as `board` draws it, as states [1]. Raises TengenError."""
        return text.from_board(drawing, to_play)

    # --- counting ----------------------------------------------------------------------------------------

    def perft(self, state: States, depth: int) -> list[int]:
        """Turns at depth 1 .. depth below state [1]; the last ply is counted in bulk.

        A multi-jump is one turn and different paths count separately. Draws are not looked for, so the counts
        go through positions at which a game would be over by repetition or the 80-turn rule.
        """
        counts = np.zeros(depth, np.int64)
        if depth:
            side = int(state["to_play"][0])
            black, white, kings, jumper = (U(word) for word in state["board"][0])
            own, opp = (black, white) if side == 0 else (white, black)
            turns.perft(own, opp, kings, side, jumper or own, 0, counts)
        return [int(count) for count in counts]
