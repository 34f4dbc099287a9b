"""What a game has to tell for UCI programs to play it, and which games do."""

from collections.abc import Callable
from typing import Protocol

from tengen.agents.engines.faults import EngineRefusal
from tengen.envs.game import Game, States


class UciRules(Protocol):
    """How positions and moves of one game are written in UCI. Every state is an array [1].

    Player 0, who moves first, is UCI's White. A move of UCI is one action.
    """

    def start_fen(self, state: States) -> str | None:
        """The position for `position fen`; None for the usual start."""

    def move_text(self, state: States, action: int) -> str:
        """A legal action as UCI writes it: "e2e4"."""

    def parse_move(self, state: States, text: str) -> int:
        """The legal action that text names. Raises IllegalMove, and ValueError for what is no move at all."""

    def side_of(self, state: States, text: str) -> int | None:
        """Whose piece the move of text would move, legal or not: 0 or 1; None where nobody's."""


def _chess(game: Game) -> UciRules:
    from tengen.envs.chess.uci import ChessUci

    return ChessUci(game)


#: Family of a game -> what makes its rules; a game that programs play over UCI adds itself here.
UCI_RULES: dict[str, Callable[[Game], UciRules]] = {"chess": _chess}


def uci_rules(engine: str, game: Game) -> UciRules:
    """The rules by which a UCI engine plays a game. Raises EngineRefusal where there are none."""
    make = UCI_RULES.get(game.family)
    if make is None:
        known = f"it is for {', '.join(UCI_RULES)}" if UCI_RULES else "no game here is played over it yet"
        raise EngineRefusal(
            f"engine '{engine}' speaks UCI, and {game.name} cannot be played over UCI: {known}"
        )
    return make(game)
