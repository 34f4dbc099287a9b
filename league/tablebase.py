"""The endgame database of checkers as a judge: a game is over by it once it knows how it must end."""

import numpy as np

from tengen.envs.checkers.tablebase import Tablebase
from tengen.envs.game import Game, Ints, States


def tablebase_endings(
    tablebase: Tablebase, game: Game, states: States, slots: Ints
) -> dict[int, tuple[int, str]]:
    """Of states [B] at slots those that the database decides: slot -> player 0's outcome, and the result."""
    decided, outcomes = tablebase.results(states)
    words = {0: "draw", 1: f"{game.first_player} wins", -1: f"{game.second_player} wins"}
    return {int(slots[i]): (int(outcomes[i]), words[int(outcomes[i])]) for i in np.flatnonzero(decided)}
