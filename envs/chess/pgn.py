"""Portable Game Notation: games from and to text, one at a time, in memory that stays flat.

Files are read by the reader of PDN, which is PGN with other moves: comments, variations and NAGs are skipped,
and what is neither a move nor a result is a fault (python-chess's reader leaves out what it does not know).
Null moves are no moves.
"""

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tengen.envs.checkers.pdn import PdnFault, PdnGame, iter_pdn
from tengen.envs.chess import notation
from tengen.envs.chess.actions import ACTION_OF
from tengen.envs.chess.bitboards import CASTLING, OWN, PAWNS
from tengen.envs.chess.game import Chess
from tengen.envs.chess.moves import QUEEN
from tengen.envs.chess.text import START
from tengen.envs.game import States
from tengen.errors import IllegalMove, TengenError

if TYPE_CHECKING:
    import chess

TURNS = (
    re.compile(
        r"(?:[NBRQKP]?[a-h]?[1-8]?[-x:]?[a-h][1-8](?:=?[NBRQnbrq])?|[O0]-[O0](?:-[O0])?)[+#]*(?![A-Za-z0-9=-])"
    ),
)
EVAL = re.compile(r"\[%eval\s+(#?[+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?)")  # pawns, or moves to mate, for White
CHESS960 = ("chess960", "chess 960", "fischerandom", "fischerrandom", "freestyle")
ORTHODOX = ("", "standard", "chess", "normal", "from position")


def iter_pgn(stream: IO[Any]) -> Iterator[PdnGame]:
    """Every game of a text or binary stream, in order; a game that cannot be read carries its `fault`."""
    return iter_pdn(stream, TURNS, EVAL)


def evals_of(record: PdnGame) -> dict[int, float]:
    """Centipawns for White that comments give (`[%eval 0.31]`), by turns before them; mates are infinite."""
    found = {}
    for turn, text in record.notes.items():
        mate = text.startswith("#")
        number = float(text.lstrip("#"))
        found[turn] = math.copysign(math.inf, -1 if "-" in text else 1) if mate else 100 * number
    return found


def game_of(record: PdnGame) -> Chess:
    """The rules of a record: nobody has to claim a draw, for players may go on. Raises PdnFault."""
    variant = record.tags.get("Variant", "").strip().lower()
    if variant not in (*ORTHODOX, *CHESS960):
        raise PdnFault(0, "", f"Variant '{variant[:40]}' is neither chess nor Chess960")
    return Chess(claims=False, chess960=518 if variant in CHESS960 else None)


def start_of(record: PdnGame, game: Chess) -> States:
    """The position [1] in which a game starts: its FEN tag's, or the usual one. Raises PdnFault."""
    try:
        return game.from_text(record.tags.get("FEN", "").strip() or START)
    except TengenError as error:
        raise PdnFault(0, "", f"tag FEN: {error}") from None


def replay(record: PdnGame) -> States:
    """Play a game through and return its last position [1]; PdnFault says where and how it breaks a rule.

    Draws that the rules see do not stop it: players have gone on after them.
    """
    return play_through(record)[0]


def play_through(record: PdnGame) -> tuple[States, list[int], bool]:
    """As `replay`: the last position, all actions, and whether they go on after a draw that our rules see."""
    if record.fault:
        raise PdnFault(0, "", record.fault)
    game = game_of(record)
    state, played, past_end = start_of(record, game), [], False
    board = notation.peer_board(state, game.chess960 is not None).copy()
    mask = game.new_mask(1)
    for ply, word in enumerate(record.turns, 1):
        if state["terminal"][0] and state["result"][0] == 0 and any(board.legal_moves):
            past_end = True
            state["terminal"], state["quiet"], state["known"] = False, 0, 0
            state["history"][0, 0] = state["hash"][0]
        action = _action_of_san(board, state, word)
        game.legal_mask(state, mask)
        if action is None or not mask[0, action]:
            try:
                action = game.parse_action(state, word)
            except IllegalMove as error:
                raise PdnFault(ply, word, str(error)) from None
        board.push_uci(notation.uci_text(state, action, game.chess960 is not None))
        game.step(state, np.array([action], np.int32))
        played.append(action)
    return state, played, past_end


def _action_of_san(board: "chess.Board", state: States, word: str) -> int | None:
    """The action of a word that python-chess reads here; None for a word that it does not."""
    try:
        move = board.parse_san(word)
    except ValueError:
        return None
    turned = 0 if board.turn else 56
    start, end = move.from_square ^ turned, move.to_square ^ turned
    if board.is_castling(move):
        own = int(state["board"][0, OWN]) & int(state["board"][0, CASTLING])
        rooks = [file for file in range(8) if own >> file & 1]
        end = max(rooks) if board.is_kingside_castling(move) else min(rooks)
    promotion = 0 if move.promotion is None else move.promotion - 1
    is_pawn = int(state["board"][0, PAWNS]) >> start & 1
    if promotion == QUEEN and not is_pawn:
        return None
    action = int(ACTION_OF[start | end << 6 | promotion << 12])
    return action if action >= 0 else None


def game_text(
    game: Chess,
    actions: Sequence[int],
    tags: dict[str, str],
    result: str,
    start: States | None = None,
    evals: Mapping[int, float] | None = None,
) -> str:
    """PGN of a game: legal actions from `start` [1] (the game's own if None). `result` is "1-0", "*", ...

    evals: centipawns for White, told in comments, by the number of turns before them.
    """
    import chess
    import chess.pgn

    state = game.new_states(1) if start is None else start.copy()
    chess960 = game.chess960 is not None
    record = chess.pgn.Game()
    board = chess.Board(game.to_text(state), chess960=chess960)
    if chess960 or board.fen() != chess.STARTING_FEN:
        record.setup(board)
    for key, value in tags.items():
        # python-chess writes values as they are.
        record.headers[key] = " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
    record.headers["Result"] = result
    node: chess.pgn.GameNode = record
    for turn, action in enumerate(actions, 1):
        node = node.add_variation(chess.Move.from_uci(notation.uci_text(state, action, chess960)))
        if evals is not None and turn in evals:
            node.comment = f"[%eval {evals[turn] / 100:.2f}]"
        game.step(state, np.array([action], np.int32))
    out = io.StringIO()
    print(record, file=out, end="\n\n")
    return out.getvalue()
