"""Chess moves in words: standard algebraic notation, by way of python-chess, and UCI's."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tengen.envs.chess import rules
from tengen.envs.chess.actions import ACTIONS, move_of
from tengen.envs.chess.bitboards import OWN, PAWNS, U, pack
from tengen.envs.chess.masks import is_check
from tengen.envs.chess.text import LETTERS, NAMES, SIDES, pieces_of, printable, square_name, to_text
from tengen.envs.game import States
from tengen.errors import IllegalMove

if TYPE_CHECKING:
    import chess

UCI = re.compile(r"([a-h][1-8])([a-h][1-8])([nbrq]?)")


def peer_board(state: States, chess960: bool) -> "chess.Board":
    """The position of state [1] as python-chess has it, without what was played before; not to be changed."""
    return _peer_board(to_text(state), chess960)


@lru_cache(maxsize=16)
def _peer_board(fen: str, chess960: bool) -> "chess.Board":
    import chess

    return chess.Board(fen, chess960=chess960)


def legal_actions(state: States) -> list[int]:
    """The legal actions of state [1] in ascending order."""
    mask = np.zeros((1, ACTIONS), np.bool_)
    rules.legal_mask(state, mask)
    return [int(action) for action in np.flatnonzero(mask[0])]


def uci_text(state: States, action: int, chess960: bool) -> str:
    """An action in UCI's words: "e2e4", "e7e8q"; castling is "e1g1", and in Chess960 "e1h1"."""
    own, pawns = (int(state["board"][0, i]) for i in (OWN, PAWNS))
    move = int(move_of(action, U(own & pawns)))
    turned = 56 * int(state["to_play"][0])
    start, end, promotion = move & 63, move >> 6 & 63, move >> 12
    if own >> end & 1 and not chess960:  # the king takes his rook
        end = start + 2 if end > start else start - 2
    return square_name(start ^ turned) + square_name(end ^ turned) + ("", "n", "b", "r", "q")[promotion]


def actions_by_uci(state: States, chess960: bool) -> dict[str, int]:
    """Every legal action by its words; castling, as Chess960 has it, is always known."""
    legal = legal_actions(state)
    words = {uci_text(state, action, True): action for action in legal}
    return words if chess960 else words | {uci_text(state, action, False): action for action in legal}


def format_action(state: States, action: int, chess960: bool) -> str:
    """SAN: "e4", "Nbd2", "exd6", "O-O", "e8=Q+"; an illegal action in UCI's words."""
    import chess

    text = _any_uci(state, action, chess960)
    board = peer_board(state, chess960)
    move = chess.Move.from_uci(text)
    return board.san(move) if not state["terminal"][0] and board.is_legal(move) else text


def _any_uci(state: States, action: int, chess960: bool) -> str:
    if action in legal_actions(state):
        return uci_text(state, action, chess960)
    return uci_text(state, action, True)  # "castling" of what is no king is shown as it is


def parse_action(state: States, text: str, chess960: bool) -> int:
    """The legal action that text names, SAN or UCI. Raises IllegalMove with the move and the reason."""
    import chess

    word = text.strip()
    shown = printable(word)
    is_uci = UCI.fullmatch(word.lower()) is not None
    board = peer_board(state, chess960)
    try:
        if len(word) > 12 or word in ("--", "Z0", "0000", "@@@@"):
            raise chess.InvalidMoveError
        if not is_uci and not state["terminal"][0]:
            word = board.parse_san(word.rstrip("!?")).uci()
        elif not is_uci:
            board.parse_san(word)
    except chess.AmbiguousMoveError:
        raise IllegalMove(f"{shown} is ambiguous: it may be {_candidates(board, word)}") from None
    except chess.IllegalMoveError:
        pass
    except chess.InvalidMoveError:
        raise IllegalMove(f"'{shown}' is not a move; e4, Nf3, O-O, e8=Q and e2e4 are") from None
    if state["terminal"][0]:
        raise IllegalMove(f"{shown} is illegal: the game is over")
    action = actions_by_uci(state, chess960).get(word.lower())
    if action is None:
        raise IllegalMove(f"{shown} is illegal: {_reason(state, board, word, is_uci)}")
    return action


def _candidates(board: "chess.Board", san: str) -> str:
    """The legal moves that a word without enough of its start stands for."""
    bare = re.sub("[^NBRQKa-h1-8]", "", san)
    piece, end = bare[0], bare[-2:]
    names = sorted(board.san(move) for move in board.legal_moves)
    return ", ".join(name for name in names if name[0] == piece and name.rstrip("+#").endswith(end))


def _reason(state: States, board: "chess.Board", word: str, is_uci: bool) -> str:
    """Why a well-formed move cannot be played."""
    side = int(state["to_play"][0])
    if is_uci:
        start, end, _ = UCI.fullmatch(word.lower()).groups()  # type: ignore[union-attr]
        piece = pieces_of(state)["abcdefgh".index(start[0]) + 8 * int(start[1]) - 8]
        if piece == ".":
            return f"there is no piece on {start}"
        name = NAMES[LETTERS.index(piece.lower())]
        if piece.islower() != bool(side):
            return f"the {name} on {start} is {SIDES[1 - side]}'s and {SIDES[side]} is to move"
        legal = sorted(board.san(move) for move in board.legal_moves if move.uci()[:2] == start)
        if any(move.uci()[:4] == start + end for move in board.legal_moves):
            return f"it is written {', '.join(name for name in legal if end in name)}"
        if any(move.uci()[:4] == start + end for move in board.pseudo_legal_moves):
            return _king_hangs(state)
        return f"the {name} on {start} cannot go to {end}; " + (
            f"legal are {', '.join(legal)}" if legal else "it cannot move at all"
        )
    if word[0] in "O0":
        return f"{SIDES[side]} cannot castle there now"
    piece = word[0] if word[0] in "NBRQK" else "P"
    name, end = NAMES["PNBRQK".index(piece)], re.sub("[^a-h1-8]", "", word)[-2:]
    for move in board.pseudo_legal_moves:
        mover = board.piece_at(move.from_square)
        if mover is not None and mover.symbol().upper() == piece and move.uci()[2:4] == end:
            allowed = board.is_legal(move)
            return f"no {name} can go to {end} in this way" if allowed else _king_hangs(state)
    return f"no {name} of {SIDES[side]}'s can go to {end}"


def _king_hangs(state: States) -> str:
    side = SIDES[int(state["to_play"][0])]
    checked = is_check(pack(state["board"][0]))
    return f"{side} is in check, and would be still" if checked else f"it leaves {side}'s king in check"
