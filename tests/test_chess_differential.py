"""The compiled rules of chess against python-chess, on random games from start to end."""

import re
from collections import Counter

import chess
import numpy as np
import pytest

from tengen.envs.chess import Chess
from tengen.envs.chess.actions import MOVE_OF
from tengen.envs.chess.bitboards import pack
from tengen.envs.chess.masks import is_check
from tengen.envs.chess.rules import position_hash
from tengen.envs.game import States
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng

MOVES = {move: action for action, move in enumerate(MOVE_OF.tolist())}


class Referee:
    """One game by python-chess, and how often each position stood."""

    def __init__(self, fen: str, chess960: bool) -> None:
        self.board = chess.Board(fen, chess960=chess960)
        self.seen: Counter[str] = Counter()
        self.fen = ""
        self.look()

    def look(self) -> None:
        if not self.board.halfmove_clock:
            self.seen.clear()
        self.fen = self.board.fen()
        self.seen[self.fen.rsplit(" ", 2)[0]] += 1

    def legal(self) -> dict[int, chess.Move]:
        """Action -> move."""
        turned = 0 if self.board.turn else 56
        out = {}
        for move in self.board.legal_moves:
            start, end = move.from_square, move.to_square
            if self.board.is_castling(move):
                rooks = self.board.clean_castling_rights() & chess.BB_RANKS[start // 8]
                kingside = self.board.is_kingside_castling(move)
                end = chess.msb(rooks) if kingside else chess.lsb(rooks)
            promotion = 0 if move.promotion in (None, chess.QUEEN) else move.promotion - 1
            out[MOVES[start ^ turned | (end ^ turned) << 6 | promotion << 12]] = move
        return out

    def play(self, move: chess.Move) -> None:
        self.board.push(move)
        self.look()

    def result(self, claims: bool) -> str:
        board = self.board
        if board.is_checkmate():
            return "black" if board.turn else "white"
        if board.is_stalemate():
            return "stalemate"
        if board.is_insufficient_material():
            return "material"
        if board.halfmove_clock >= (100 if claims else 150):
            return "quiet"
        if self.seen[self.fen.rsplit(" ", 2)[0]] >= (3 if claims else 5):
            return "repetition"
        return ""


def compare(game: Chess, fens: list[str], seed: int, quiet_first: bool = False) -> Counter[str]:
    """Play random games by both to the end; how many ended in which way.

    `quiet_first` has pieces wander where they can, so that games repeat positions and run out of moves.
    """
    rng = np.random.default_rng(seed)
    states = np.concatenate([game.from_text(fen) for fen in fens])
    referees = [Referee(fen, game.chess960 is not None) for fen in fens]
    endings: Counter[str] = Counter()
    while len(states):
        mask = game.new_mask(len(states))
        game.legal_mask(states, mask)
        actions = np.where(mask, rng.random(mask.shape), -1.0).argmax(1).astype(np.int32)
        for i, referee in enumerate(referees):
            legal = referee.legal()
            assert sorted(legal) == np.flatnonzero(mask[i]).tolist(), referee.fen
            board = referee.board
            if quiet_first and (wander := [a for a, move in legal.items() if not board.is_zeroing(move)]):
                actions[i] = wander[int(rng.integers(len(wander)))]
            referee.play(legal[int(actions[i])])
        game.step(states, actions)
        check(game, states, referees, endings)
        on = ~states["terminal"]
        states, referees = states[on], [referee for referee, going in zip(referees, on, strict=True) if going]
    return endings


def check(game: Chess, states: States, referees: list[Referee], endings: Counter[str]) -> None:
    for i, referee in enumerate(referees):
        result = referee.result(game.claims)
        assert states["terminal"][i] == bool(result), (referee.fen, result)
        assert states["result"][i] == {"white": 1, "black": -1}.get(result, 0)
        position = pack(states["board"][i])
        assert is_check(position) == referee.board.is_check()
        if result or states["ply"][i] % 4 == 0:
            assert game.to_text(states[i : i + 1]) == referee.fen
            assert states["hash"][i] == position_hash(position, states["to_play"][i])
        if result:
            endings[result] += 1


def test_random_games() -> None:
    endings = compare(Chess(), [chess.STARTING_FEN] * 20, 1)
    assert endings["material"] and endings["repetition"] + endings["quiet"] and sum(endings.values()) == 20


@pytest.mark.slow
def test_a_hundred_thousand_positions_of_random_games() -> None:
    endings = compare(Chess(), [chess.STARTING_FEN] * 300, 1000)
    assert sum(endings.values()) == 300 and len(endings) == 6


SMALL = [
    "4k3/8/8/8/8/8/3BB3/4K3 w - - 0 1",
    "4k3/4p3/8/8/8/8/4P3/4K3 w - - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
    "8/8/8/8/8/1k6/3q4/K7 b - - 90 80",
    "7k/8/8/8/8/8/PPPPPPPP/K7 w - - 0 1",
    "k7/pppppppp/8/8/8/8/PPPPPPPP/K7 b - - 0 1",
]


def test_random_endings_of_every_kind() -> None:
    endings = compare(Chess(), SMALL * 8, 2)
    assert min(endings[kind] for kind in ("white", "black", "stalemate", "material")) > 0, endings


@pytest.mark.parametrize("claims", [True, False])
def test_draws_of_pieces_that_wander(claims: bool) -> None:
    fens = [SMALL[2]] * 3 + ["rnbqkbnr/8/8/8/8/8/8/RNBQKBNR w KQkq - 0 1"] + [SMALL[1]] * 2
    endings = compare(Chess(claims=claims), fens, 3, quiet_first=True)
    assert endings["repetition"] + endings["quiet"] >= 4


def test_chess960_games() -> None:
    game = Chess(chess960=0)
    rng = np.random.default_rng(4)
    fens = [chess.Board.from_chess960_pos(int(n)).fen() for n in rng.integers(0, 960, 4)]
    # Without pawns and knights castling comes early and in every form.
    bare = []
    for n in rng.integers(0, 960, 12):
        row = chess.Board.from_chess960_pos(int(n)).fen().split("/")[0]
        row = re.sub("[^rk]+", lambda gap: str(len(gap[0])), row)
        bare.append(f"{row}/pppppppp/8/8/8/8/PPPPPPPP/{row.upper()} w KQkq - 0 1")
    compare(game, [chess.Board(fen, chess960=True).fen() for fen in bare] + fens, 5)


@pytest.mark.parametrize("number", [0, 1, 100, 518, 700, 959])
def test_chess960_starts_are_numbered_as_scharnagl_does(number: int) -> None:
    game = make_game(f"chess:chess960={number}")
    assert game.to_text(game.new_states(1)) == chess.Board.from_chess960_pos(number).fen()


def test_playouts_play_by_the_rules() -> None:
    """Playouts end as games do: same mean length and result as action-by-action random play."""
    game = Chess()
    states, plain = game.new_states(1000), game.new_states(150)
    game.playout(states, make_rng(1))
    super(Chess, game).playout(plain, make_rng(2))
    for field in ("ply", "result"):
        a, b = states[field].astype(float), plain[field].astype(float)
        assert abs(a.mean() - b.mean()) < 5 * np.sqrt(a.var() / len(a) + b.var() / len(b)) + 1e-9
    assert states["terminal"].all() and set(states["result"].tolist()) == {-1, 0, 1}
