"""Chess as a Game, by the FIDE Laws of 2023, Chess960 included.

Draws. The Laws know draws that come by themselves (stalemate, dead positions, 75 moves without progress, a
position's fifth occurrence) and draws that a player claims (50 moves, the third occurrence). A claim is no
action here: it would be one more output that is nearly always illegal, and whether to make it asks for little
thought. So by default the claim is made as soon as it can be, as engines and their tournaments do it: who is
worse would claim at once, and who is better gains nothing by a position that has come twice before and knows
for 50 moves that no progress comes of it. Games end early that have nothing more to teach. `claims=false` has
nobody claim, for games that people played on: then 75 moves and the fifth occurrence end them. Of dead
positions those without mating material are seen, as python-chess sees them, and not walls of pawns.

Actions and observations are seen by the side to move: Black looks at the board upside down, so that a policy
learned with one colour is right for the other. Left and right differ by the king's place and by castling, so
the only symmetry is the identity. History is the last four moves, from and to, at two planes a ply instead of
AlphaZero's twelve: with the present board they tell the boards before, but for what was taken.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tengen.envs.chess import actions, moves, notation, rules, text
from tengen.envs.chess.bitboards import pack
from tengen.envs.game import Bools, Floats, Game, Ints, States
from tengen.errors import TengenError


class Chess(Game):
    """Chess; see `__init__` for the options."""

    family: ClassVar[str] = "chess"
    first_player: ClassVar[str] = "White"
    second_player: ClassVar[str] = "Black"
    num_actions = actions.ACTIONS
    obs_shape = (len(rules.PLANES), 8, 8)
    planes = rules.PLANES
    policy_planes = actions.POLICY_PLANES
    policy_index = actions.POLICY_INDEX
    point_symmetries = np.arange(64, dtype=np.int32)[None]
    action_symmetries = np.arange(actions.ACTIONS, dtype=np.int32)[None]

    def __init__(self, claims: bool | str = True, chess960: int | str | None = None) -> None:
        """A game; values may be words, as `make_game` passes them.

        claims: whether 50 moves without progress and a third occurrence end the game at once; otherwise 75
            moves and the fifth do.
        chess960: a start of Chess960 by its number, 0 to 959; None is orthodox chess.
        Raises TengenError for a value that is not allowed.
        """
        word = str(claims).strip().lower()
        if word not in ("true", "false"):
            raise TengenError(f"chess: claims is '{claims}'; it must be true or false")
        self.claims = word == "true"
        number = str(chess960).strip()
        if chess960 is not None and not (number.isascii() and number.isdecimal() and int(number) < 960):
            raise TengenError(f"chess: chess960 is '{chess960}'; it must be a whole number from 0 to 959")
        self.chess960 = None if chess960 is None else int(number)
        options = [] if self.claims else ["claims=false"]
        options += [] if self.chess960 is None else [f"chess960={self.chess960}"]
        self.name = f"chess:{','.join(options)}" if options else "chess"
        self.limit = rules.CLAIMED_PLIES if self.claims else rules.FORCED_PLIES
        self.state_dtype = rules.state_dtype(self.limit)
        # 96 pawns' moves and 30 captures each end a row of quiet plies; one more such row ends the game.
        self.max_plies = (96 + 30 + 1) * self.limit
        assert self.state_dtype.fields is not None
        self.live_words = (self.state_dtype.fields["history"][1] // 8 + 1, 1)
        self._start: States | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.claims, self.chess960)

    # --- batched rules, in place -------------------------------------------------------------------------

    def reset(self, states: States) -> None:
        """Set every state [B] to the start of the game."""
        if self._start is None:
            number = self.chess960
            self._start = self.from_text(text.START if number is None else text.chess960_text(number))
        states[...] = self._start[0]

    def legal_mask(self, states: States, out: Bools) -> None:
        """Write the legal actions to out [B, 1858]; all False where the game is over."""
        rules.legal_mask(states, out)

    def step(self, states: States, actions: Ints) -> None:
        """Apply actions [B] to states [B], unchecked."""
        rules.step(states, np.ascontiguousarray(actions, np.int32))

    def observe(self, states: States, out: Floats) -> None:
        """Write what the side to move sees to out [B, 28, 8, 8]; `planes` names the planes."""
        rules.observe(states, out)

    def returns(self, states: States, out: Floats) -> None:
        """Write each player's result in {-1, 0, 1} to out [B, 2]."""
        rules.returns(states, out)

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        """Play uniformly random legal moves until every state is terminal."""
        rules.playout(states, rng, np.empty((1, moves.MOST_MOVES), np.int32))

    # --- words -------------------------------------------------------------------------------------------

    def format_action(self, state: States, action: int) -> str:
        """The move in SAN: "e4", "Nbd2", "O-O", "e8=Q+"."""
        return notation.format_action(state, action, self.chess960 is not None)

    def parse_action(self, state: States, text: str) -> int:
        """The legal move that text names in SAN or UCI. Raises IllegalMove with the move and the reason."""
        return notation.parse_action(state, text, self.chess960 is not None)

    def to_text(self, state: States) -> str:
        """FEN (see `text`); which positions came before is not in it."""
        return text.to_text(state)

    def from_text(self, fen: str) -> States:
        """The position of a FEN, as states [1]. Raises TengenError naming what is wrong in it."""
        return text.from_text(fen, self.limit, self.chess960 is not None)

    def board(self, state: States) -> str:
        """The board in ASCII, White's pieces in capitals, and the rights to castle below."""
        return text.board(state)

    def from_board(self, drawing: str, to_play: int = 0) -> States:
        """The position drawn as `board` draws it, as states [1]. Raises TengenError."""
        return text.from_board(drawing, to_play, self.limit, self.chess960 is not None)

    # --- counting ----------------------------------------------------------------------------------------

    def perft(self, state: States, depth: int) -> list[int]:
        """Moves at depth 1 .. depth below state [1]; the last ply is counted in bulk.

        Draws are not looked for, as is the custom, so the counts go through positions at which a game would
        be over by repetition, by the 50-move rule or for lack of material.
        """
        counts = np.zeros(depth, np.int64)
        if depth:
            room = np.empty((depth, moves.MOST_MOVES), np.int32)
            moves.perft(pack(state["board"][0]), 0, counts, room)
        return [int(count) for count in counts]
