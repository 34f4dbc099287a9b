"""Chess counted: published numbers of move sequences, from the positions that find most mistakes."""

import json

import numpy as np
import pytest

from tengen.cli import main
from tengen.envs.chess import Chess
from tengen.envs.chess.bitboards import pack
from tengen.envs.chess.moves import MOST_MOVES, count_moves, list_moves
from tengen.envs.game import States
from tengen.envs.perft import perft
from tengen.envs.registry import make_game

game = Chess()
KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"

# The start and the five positions of chessprogramming.org, "Perft Results".
STANDARD = {
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1": [20, 400, 8902, 197281, 4865609, 119060324],
    KIWIPETE: [48, 2039, 97862, 4085603, 193690690],
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1": [14, 191, 2812, 43238, 674624, 11030083],
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1": [6, 264, 9467, 422333, 15833292],
    "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8": [44, 1486, 62379, 2103487, 89941194],
    "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10": [
        46,
        2079,
        89890,
        3894594,
        164075551,
    ],
}

# One rule each (M. Sedlak's collection): (position, depth, nodes).
SINGLE = {
    "en passant would bare the king": ("8/5bk1/8/2Pp4/8/1K6/8/8 w - d6 0 1", 6, 824064),
    "en passant gives check": ("8/8/1k6/2b5/2pP4/8/5K2/8 b - d3 0 1", 6, 1440467),
    "short castling gives check": ("5k2/8/8/8/8/8/8/4K2R w K - 0 1", 6, 661072),
    "long castling gives check": ("3k4/8/8/8/8/8/8/R3K3 w Q - 0 1", 6, 803711),
    "a captured rook takes its right along": ("r3k2r/1b4bq/8/8/8/8/7B/R3K2R w KQkq - 0 1", 4, 1274206),
    "castling prevented": ("r3k2r/8/3Q4/8/8/5q2/8/R3K2R b KQkq - 0 1", 4, 1720476),
    "promotion out of check": ("2K2r2/4P3/8/8/8/8/8/3k4 w - - 0 1", 6, 3821001),
    "discovered check": ("8/8/1P2K3/8/2n5/1q6/8/5k2 b - - 0 1", 5, 1004658),
    "promotion gives check": ("4k3/1P6/8/8/8/8/K7/8 w - - 0 1", 6, 217342),
    "under-promotion gives check": ("8/P1k5/K7/8/8/8/8/8 w - - 0 1", 6, 92683),
    "stalemate of oneself": ("K1k5/8/P7/8/8/8/8/8 w - - 0 1", 6, 2217),
    "stalemate and mate": ("8/k1P5/8/1K6/8/8/8/8 w - - 0 1", 7, 567584),
    "double check": ("8/8/2k5/5q2/5n2/8/5K2/8 b - - 0 1", 4, 23527),
}

# From the tables of Chess960 (chessprogramming.org, "Chess960 Perft Results").
FISCHER = {
    "bqnb1rkr/pp3ppp/3ppn2/2p5/5P2/P2P4/NPP1P1PP/BQ1BNRKR w HFhf - 2 9": [21, 528, 12189, 326672, 8146062],
    "2nnrbkr/p1qppppp/8/1ppb4/6PP/3PP3/PPP2P2/BQNNRBKR w HEhe - 1 9": [21, 807, 18002, 667366, 16253601],
}


@pytest.mark.parametrize("fen", STANDARD)
def test_standard_positions(fen: str) -> None:
    counts = STANDARD[fen]
    assert game.perft(game.from_text(fen), len(counts)) == counts


@pytest.mark.parametrize("what", SINGLE)
def test_single_rules(what: str) -> None:
    fen, depth, nodes = SINGLE[what]
    assert game.perft(game.from_text(fen), depth)[-1] == nodes


@pytest.mark.parametrize("fen", FISCHER)
def test_chess960(fen: str) -> None:
    fischer = make_game("chess:chess960=0")
    assert fischer.perft(fischer.from_text(fen), 5) == FISCHER[fen]


@pytest.mark.parametrize("fen", [*STANDARD, SINGLE["castling prevented"][0]])
def test_actions_lead_where_moves_do(fen: str) -> None:
    """The batched rules, action by action, visit as many positions as the bare counting."""
    assert perft(game, game.from_text(fen), 3) == game.perft(game.from_text(fen), 3)


def listed(state: States) -> list[int]:
    moves = np.full((2, MOST_MOVES), -1, np.int32)
    count = list_moves(pack(state["board"][0]), moves, 1)
    assert (moves[0] == -1).all() and (moves[1, count:] == -1).all()
    return moves[1, :count].tolist()


@pytest.mark.parametrize(
    "fen", ["R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1", "8/8/8/8/8/8/5k2/7K w - - 0 1"]
)
def test_counting_is_listing_in_the_position_with_most_moves_and_with_few(fen: str) -> None:
    state = game.from_text(fen)
    moves = listed(state)
    assert len(set(moves)) == len(moves) == count_moves(pack(state["board"][0]))
    assert len(moves) in (218, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fen", "depth", "nodes"),
    [
        (next(iter(STANDARD)), 7, 3_195_901_860),
        ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 7, 178_633_661),
        ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 6, 706_045_033),
    ],
)
def test_standard_positions_one_ply_deeper(fen: str, depth: int, nodes: int) -> None:
    assert game.perft(game.from_text(fen), depth)[-1] == nodes


def test_the_benchmark_counts_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "rules", "--game", "chess", "--seconds", "0.01"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    assert figures["nodes"] == 119_060_324 + 193_690_690
    assert figures["ratio"] == pytest.approx(figures["per_second"] / figures["peer_per_second"])
