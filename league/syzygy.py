"""Syzygy's endgame tables as a judge: a game of chess with few pieces left is over by what they say of it.

R. de Man's tables, probed by python-chess. Win or loss counts only where the 50-move rule leaves it standing:
right after a capture or a pawn's move the tables know that; later on, games go on.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError


class SyzygyTables:
    """The tables of one folder."""

    def __init__(self, folder: Path) -> None:
        """Raises TengenError where the folder has no tables."""
        import chess.syzygy

        names = [path.stem for path in sorted(folder.glob("*.rtbw"))] if folder.is_dir() else []
        if not names:
            raise TengenError(f"{folder}: no Syzygy tables here; expected files such as KQvK.rtbw")
        self.pieces = max(len(name.replace("v", "")) for name in names)
        self.tables = chess.syzygy.open_tablebase(str(folder), load_dtz=False)

    def outcomes(self, game: Game, states: States, slots: Ints) -> dict[int, tuple[int, str]]:
        """Of states [B] at slots those that the tables decide: slot -> player 0's outcome, and the result."""
        men = np.bitwise_count(states["board"][:, 0] | states["board"][:, 1])
        asked = (men <= self.pieces) & (states["quiet"] == 0) & ~states["terminal"]
        found = {}
        for place in np.flatnonzero(asked):
            outcome = self.outcome(game, states[place : place + 1])
            if outcome is not None:
                words = (game.first_player, game.second_player)
                result = "draw" if outcome == 0 else f"{words[outcome < 0]} wins"
                found[int(slots[place])] = outcome, result
        return found

    def outcome(self, game: Game, state: States) -> int | None:
        """Player 0's outcome of state [1], None where the tables do not know it."""
        import chess
        import chess.syzygy

        board = chess.Board(game.to_text(state))
        try:
            value = self.tables.probe_wdl(board)
        except (KeyError, OSError):  # no such table, castling is still possible, or the file is damaged
            return None
        mover = 1 if value == 2 else -1 if value == -2 else 0
        return mover if board.turn else -mover


@lru_cache(maxsize=4)
def syzygy_tables(folder: str) -> SyzygyTables:
    """The tables of a folder, opened once. Raises TengenError where there are none."""
    return SyzygyTables(Path(folder))
