"""How many chess positions a core's move generator visits, ours and python-chess's; how many random games."""

import time
from typing import TYPE_CHECKING

from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng

if TYPE_CHECKING:
    import chess

COUNTING = "bulk: the moves of the last ply are counted, not made; python-chess too"

#: Position, published nodes: the start at depth 6, Kiwipete at depth 5.
POSITIONS = (
    ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", 6, 119_060_324),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 5, 193_690_690),
)
PEER_DEPTH = 3  # of python-chess, which is some hundred times slower


def perft_rate(fen: str, depth: int) -> tuple[int, float]:
    """(Leaves of the perft tree below a position, CPU seconds) on one core."""
    game = make_game("chess")
    state = game.from_text(fen)
    game.perft(state, 2)  # compile
    began = time.process_time()
    nodes = game.perft(state, depth)[-1]
    return nodes, time.process_time() - began


def peer_perft(board: "chess.Board", depth: int) -> int:
    """The same by python-chess, the last ply counted there too."""
    if depth == 1:
        return board.legal_moves.count()
    total = 0
    for move in board.legal_moves:
        board.push(move)
        total += peer_perft(board, depth - 1)
        board.pop()
    return total


def playout_rate(games: int = 300, seed: int = 0) -> tuple[int, int, float]:
    """(Games, plies, CPU seconds) of uniformly random legal play to the end, draws included."""
    game = make_game("chess")
    rng = make_rng(seed)
    game.playout(game.new_states(1), rng)  # compile
    states = game.new_states(games)
    began = time.process_time()
    game.playout(states, rng)
    return games, int(states["ply"].sum()), time.process_time() - began


def measure(name: str, seconds: float) -> dict[str, float]:
    """Figures: `per_second` (perft nodes, counted as COUNTING says), `ratio` over python-chess, and the rest.

    Both positions are counted in turns by both, to PEER_DEPTH by python-chess, until `seconds` are over; a
    count is not broken off. Rates are nodes over CPU time.
    """
    import chess

    assert make_game(name).family == "chess"
    nodes, spent, rounds = 0, 0.0, 0
    peer_nodes, peer_spent = 0, 0.0
    while not rounds or spent + peer_spent < seconds:
        rounds += 1
        for fen, depth, published in POSITIONS:
            found, time_s = perft_rate(fen, depth)
            assert found == published
            nodes, spent = nodes + found, spent + time_s
            board = chess.Board(fen)
            began = time.process_time()
            peer_nodes += peer_perft(board, PEER_DEPTH)
            peer_spent += time.process_time() - began
    games, plies, playing = playout_rate()
    return {
        "per_second": nodes / spent,
        "peer_per_second": peer_nodes / peer_spent,
        "ratio": (nodes / spent) / (peer_nodes / peer_spent),
        "games": games,
        "games_per_second": games / playing,
        "plies_per_second": plies / playing,
        "nodes": nodes,
        "seconds": spent,
    }
