"""Chess on its board: squares to point at, moves to type, a piece to promote to."""

import re
from collections.abc import Sequence

import numpy as np

from tengen.envs.game import Game, States
from tengen.ui.model.faces import Face

PROMOTIONS = {"q": "queen", "r": "rook", "b": "bishop", "n": "knight"}


class ChessFace(Face):
    """Eight rows of eight, White's first rank below."""

    rows = columns = 8
    picks = True

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self._known: tuple[bytes, dict[str, int]] | None = None

    def pieces(self, state: States) -> str:
        from tengen.envs.chess.text import pieces_of

        found = pieces_of(state)
        return "".join(found[(7 - cell // 8) * 8 + cell % 8] for cell in range(64))

    def path(self, state: States, actions: Sequence[int]) -> list[int]:
        return cells_of(self._uci(state, actions[0])) if actions else []

    def turns_at(self, state: States, cells: Sequence[int]) -> list[list[int]]:
        return [
            [action]
            for word, action in self._moves(state).items()
            if cells_of(word)[: len(cells)] == [*cells]
        ]

    def movable(self, state: States) -> list[int]:
        return sorted({cells_of(word)[0] for word in self._moves(state)})

    def choices(self, state: States, turns: Sequence[Sequence[int]]) -> list[str]:
        return [PROMOTIONS.get(self._uci(state, turn[0])[4:], "") for turn in turns]

    def heat_cells(self, state: States) -> list[tuple[int, int]]:
        return [(action, cells_of(word)[1]) for word, action in self._moves(state).items()]

    def glow(self, state: States) -> list[int]:
        from tengen.envs.chess.bitboards import pack
        from tengen.envs.chess.masks import is_check

        if not is_check(pack(state["board"][0])):
            return []
        return [self.pieces(state).index("Kk"[int(state["to_play"][0])])]

    def why_not(self, state: States, cell: int) -> str:
        piece, square = self.pieces(state)[cell], square_of(cell)
        if piece == ".":
            return f"there is no piece on {square}"
        if piece.islower() != bool(state["to_play"][0]):
            return f"the piece on {square} is the other side's"
        return f"the piece on {square} cannot move"

    def typed(self, text: str, state: States) -> bool | None:
        if not re.fullmatch(r"[a-hnrqkox0-9=-]{1,8}", text) or state["terminal"][0]:
            return False
        spellings = self._spellings(state)
        fitting = {word for word in spellings if word.startswith(text)}
        if not fitting:
            # A move that is not legal is typed to its end, so that it can be said why.
            return None if re.fullmatch(r"[a-h]([1-8]([a-h][1-8]?)?)?", text) else False
        return True if fitting == {text} and spellings[text] >= 0 else None

    def meant(self, text: str, state: States) -> str:
        action = self._spellings(state).get(text.strip(), -1)
        return text if action < 0 else self._uci(state, action)

    def start_cell(self) -> int:
        return 6 * 8 + 4  # e2

    def _uci(self, state: States, action: int) -> str:
        from tengen.envs.chess.notation import uci_text

        return uci_text(state, action, self.game.chess960 is not None)  # type: ignore[attr-defined]

    def _moves(self, state: States) -> dict[str, int]:
        """The legal moves as UCI writes them, promotions with the queen first."""
        mask = self.game.new_mask(1)
        self.game.legal_mask(state, mask)
        words = {self._uci(state, int(action)): int(action) for action in np.flatnonzero(mask[0])}
        return dict(sorted(words.items(), key=lambda item: (item[0][:4], "qrbn".find(item[0][4:]))))

    def _spellings(self, state: States) -> dict[str, int]:
        """Whatever a move may be typed as, in small letters, and its action; -1 where that is two moves'."""
        key = state.tobytes()
        if self._known is None or self._known[0] != key:
            found: dict[str, int] = {}
            for word, action in self._moves(state).items():
                san = re.sub("[+#]", "", self.game.format_action(state, action)).lower()
                for text in {word, san, re.sub("[x=]", "", san), san.replace("=", ""), san.replace("o", "0")}:
                    found[text] = action if found.get(text, action) == action else -1
            self._known = key, found
        return self._known[1]


def cells_of(word: str) -> list[int]:
    """Where a move of UCI starts and ends."""
    return [(8 - int(word[i + 1])) * 8 + "abcdefgh".index(word[i]) for i in (0, 2)]


def square_of(cell: int) -> str:
    """ "e4" for the fifth cell of the fifth row."""
    return "abcdefgh"[cell % 8] + str(8 - cell // 8)
