"""Chess as UCI programs are told of it; `tengen.agents.engines.uci_rules` asks for this."""

from tengen.envs.chess.game import Chess
from tengen.envs.chess.notation import UCI, actions_by_uci, uci_text
from tengen.envs.chess.text import START, pieces_of, printable
from tengen.envs.game import Game, States
from tengen.errors import TengenError


class ChessUci:
    """Positions and moves of orthodox chess in UCI's words. Every state is an array [1]."""

    def __init__(self, game: Game) -> None:
        """Raises TengenError for Chess960, whose castling an engine reads only under UCI_Chess960."""
        assert isinstance(game, Chess)
        if game.chess960 is not None:
            raise TengenError(f"{game.name} is not played over UCI, only orthodox chess is")
        self.game = game

    def start_fen(self, state: States) -> str | None:
        """The position for `position fen`; None for the usual start."""
        fen = self.game.to_text(state)
        return None if fen == START else fen

    def move_text(self, state: States, action: int) -> str:
        """A legal action as UCI writes it: "e2e4", "e1g1", "e7e8q"."""
        return uci_text(state, action, chess960=False)

    def parse_move(self, state: States, text: str) -> int:
        """The legal action that text names, castling as "e1g1" or "e1h1".

        Raises IllegalMove with the move and the reason, and ValueError for what is no move at all.
        """
        if not UCI.fullmatch(text):
            raise ValueError(f"{printable(text)} is no move of UCI")
        action = actions_by_uci(state, chess960=False).get(text)
        return self.game.parse_action(state, text) if action is None else action

    def side_of(self, state: States, text: str) -> int | None:
        """Whose piece stands where the move of text starts: 0 or 1; None for an empty square or no move."""
        if not UCI.fullmatch(text):
            return None
        piece = pieces_of(state)["abcdefgh".index(text[0]) + 8 * int(text[1]) - 8]
        return None if piece == "." else int(piece.islower())
