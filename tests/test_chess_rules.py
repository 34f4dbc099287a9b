"""Chess by hand-made positions: special moves, how games end, what the network sees."""

import chess
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tengen.envs.chess import Chess
from tengen.envs.chess.actions import ACTION_OF, ACTIONS, MOVE_OF, action_of, move_of
from tengen.envs.chess.notation import actions_by_uci
from tengen.envs.game import States
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng
from tengen.errors import IllegalMove, TengenError

game = Chess()
KNIGHTS_TOUR = ["Nf3", "Nf6", "Ng1", "Ng8"]


def at(fen: str, rules: Chess = game) -> Position:
    return Position(rules, rules.from_text(fen))


def words(position: Position) -> set[str]:
    return {game.format_action(position.state, action) for action in position.legal_actions()}


def drawn(rows: str, to_play: int = 0) -> Position:
    return Position(game, game.from_board(rows, to_play))


def test_castling_goes_over_no_attacked_square_but_the_rook_may() -> None:
    position = drawn("""
        . r . . . . . .
        . . . . . . . .
        . . . . k . . .
        . . . . . . . .
        . . . . . . . .
        . . . . . . . .
        . . . . . . . .
        R . . . K . . R
        castling KQ""")
    assert {"O-O", "O-O-O"} <= words(position)  # b1, which only the rook passes, is attacked
    position = at("3r4/8/4k3/8/8/8/8/R3K2R w KQ - 0 1")
    assert "O-O" in words(position) and "O-O-O" not in words(position)
    position = at("4r3/8/1k6/8/8/8/8/R3K2R w KQ - 0 1")  # out of check there is no castling
    assert not {"O-O", "O-O-O"} & words(position)


def test_castling_moves_both_and_ends_both_rights() -> None:
    position = at("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1")
    position.play("O-O-O")
    position.play("O-O")
    assert game.to_text(position.state) == "r4rk1/8/8/8/8/8/8/2KR3R w - - 2 2"


def test_rights_are_lost_by_moving_and_by_losing_the_rook() -> None:
    position = at("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1")
    position.play("Rxa8+")
    assert game.to_text(position.state) == "R3k2r/8/8/8/8/8/8/4K2R b Kk - 0 1"
    position.play("Kd7")
    assert game.to_text(position.state) == "R6r/3k4/8/8/8/8/8/4K2R w K - 1 2"


def test_en_passant_lasts_one_move() -> None:
    position = at("4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1")
    position.play("d5")
    assert game.to_text(position.state).split()[3] == "d6" and "exd6" in words(position)
    position.play("Ke2")
    position.play("Ke7")
    assert "exd6" not in words(position)
    position.undo()
    position.undo()
    position.play("exd6")
    assert game.to_text(position.state) == "4k3/8/3P4/8/8/8/8/4K3 b - - 0 2"


def test_en_passant_that_bares_the_king_is_none() -> None:
    """Both pawns leave the rank at once; the square is not even a part of the position."""
    position = at("8/3p4/8/K3P2r/8/8/8/4k3 b - - 0 1")
    position.play("d5")
    assert game.to_text(position.state) == "8/8/8/K2pP2r/8/8/8/4k3 w - - 0 2"
    assert "exd6" not in words(position)


def test_en_passant_may_take_the_pawn_that_gives_check() -> None:
    position = at("8/8/8/2k5/2pP4/8/8/4K3 b - d3 0 1")
    assert "cxd3" in words(position)


def test_a_pawn_may_become_any_of_four() -> None:
    position = at("3r4/4P3/8/8/8/k7/8/4K3 w - - 0 1")
    assert {f"e8={piece}" for piece in "QRBN"} <= words(position)
    assert {f"exd8={piece}" for piece in "QRBN"} <= words(position)
    position.play("exd8=N")
    assert game.to_text(position.state) == "3N4/8/8/8/8/k7/8/4K3 b - - 0 1"
    assert position.is_terminal and position.returns == (0, 0)  # a lone knight does not mate


@pytest.mark.parametrize("turns", ["f3 e5 g4 Qh4#", "e4 e5 Bc4 Nc6 Qh5 Nf6 Qxf7#"])
def test_mates(turns: str) -> None:
    position = Position(game)
    for turn in turns.split():
        position.play(turn)
    white_won = len(turns.split()) % 2 == 1
    assert position.is_terminal and position.returns == ((1, -1) if white_won else (-1, 1))
    assert game.describe_result(position.state) == ("White wins" if white_won else "Black wins")


def test_stalemate_is_a_draw() -> None:
    position = at("7k/8/5K2/6Q1/8/8/8/8 w - - 0 1")
    position.play("Qg6")
    assert position.is_terminal and position.returns == (0, 0)
    position.undo()
    position.play("Qg7#")
    assert position.is_terminal and position.returns == (1, -1)


@pytest.mark.parametrize(
    ("pieces", "is_over"),
    [
        ("4k3/8/8/8/8/8/8/4K3", True),
        ("4k3/8/8/8/8/8/8/4KN2", True),
        ("4k3/8/8/8/8/8/8/4KB2", True),
        ("2b1k3/8/8/8/8/8/8/4KB2", True),  # bishops on squares of one colour
        ("4kb2/8/8/8/8/8/8/4KB2", False),
        ("4k3/8/8/8/8/8/8/3NKN2", False),  # a mate can be helped into
        ("4kn2/8/8/8/8/8/8/4KN2", False),
        ("4k3/8/8/8/8/8/8/4KNB1", False),
        ("4k3/8/8/8/8/8/4P3/4K3", False),
    ],
)
def test_what_cannot_mate_is_a_draw(pieces: str, is_over: bool) -> None:
    position = at(f"{pieces} w - - 0 1")
    assert position.is_terminal == is_over
    assert chess.Board(f"{pieces} w - - 0 1").is_insufficient_material() == is_over


def test_the_third_occurrence_ends_the_game() -> None:
    position = Position(game)
    for turn in KNIGHTS_TOUR * 2:
        assert not position.is_terminal
        position.play(turn)
    assert position.is_terminal and position.returns == (0, 0)


def test_without_claims_the_fifth_does() -> None:
    position = Position(make_game("chess:claims=false"))
    for turn in KNIGHTS_TOUR * 4:
        assert not position.is_terminal
        position.play(turn)
    assert position.is_terminal


def test_other_rights_make_another_position() -> None:
    """The first time round the king could still castle: that position does not count."""
    position = at("r3k3/p7/8/8/8/8/P7/4K2R w Kq - 0 1")
    for turn in ["Kf2", "Kf7", "Ke1", "Ke8"] * 2:
        position.play(turn)
        assert not position.is_terminal
    position.play("Kf2")  # the first of all: after Kf2 Black could still castle
    position.play("Kf7")
    assert position.is_terminal


def test_fifty_moves_without_progress_are_a_draw_but_for_a_mate() -> None:
    position = at("4k3/8/8/8/8/8/8/R3K3 w Q - 98 90")
    position.play("Ra2")
    assert not position.is_terminal
    position.play("Kf8")
    assert position.is_terminal and position.returns == (0, 0)
    mate = at("7k/8/6K1/8/8/8/8/R7 w - - 99 90")
    mate.play("Ra8#")
    assert mate.is_terminal and mate.returns == (1, -1)
    progress = at("4k3/8/8/8/8/8/P7/R3K3 w Q - 99 90")
    progress.play("a3")
    assert not progress.is_terminal


def test_seventy_five_moves_end_games_where_nobody_claims() -> None:
    rules = make_game("chess:claims=false")
    assert isinstance(rules, Chess)
    position = at("4k3/8/8/8/8/8/8/R3K3 w Q - 149 90", rules)
    position.play("Ra2")
    assert position.is_terminal and position.returns == (0, 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chess:claims=perhaps", "claims is 'perhaps'; it must be true or false"),
        ("chess:chess960=960", "chess960 is '960'; it must be a whole number from 0 to 959"),
        ("chess:chess960=-1", "from 0 to 959"),
        ("chess:size=8", "unknown option 'size'"),
    ],
)
def test_options_are_checked(name: str, reason: str) -> None:
    with pytest.raises(TengenError) as error:
        make_game(name)
    assert reason in str(error.value)


# --- actions and observation ------------------------------------------------------------------------------


def test_there_are_as_many_actions_as_a_queen_a_knight_and_lesser_promotions_have_moves() -> None:
    assert ACTIONS == 1792 + 66
    assert len(set(game.policy_index.tolist())) == ACTIONS and game.policy_planes == 73


@given(st.integers(0, ACTIONS - 1))
def test_an_action_is_a_move_and_back(action: int) -> None:
    move = int(MOVE_OF[action])
    assert ACTION_OF[move] == action
    start = move & 63
    assert int(game.policy_index[action]) % 64 == start ^ 56  # the far rank comes first
    pawn = np.uint64(1 << start)
    if 48 <= start < 56 and move >> 6 & 63 >= 56 and abs((move >> 6) % 8 - start % 8) <= 1:
        assert action_of(int(move_of(action, pawn))) == action
    assert action_of(int(move_of(action, np.uint64(0)))) == action


def random_states(seed: int, plies: int) -> States:
    rng = np.random.default_rng(seed)
    states = game.new_states(1)
    for _ in range(plies):
        mask = game.new_mask(1)
        game.legal_mask(states, mask)
        step = states.copy()
        game.step(step, rng.choice(np.flatnonzero(mask[0]), 1))
        if step["terminal"][0]:
            break
        states = step
    return states


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 150))
def test_uci_names_every_legal_action_once(seed: int, plies: int) -> None:
    state = random_states(seed, plies)
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    named = actions_by_uci(state, False)
    board = chess.Board(game.to_text(state))
    assert {move.uci() for move in board.legal_moves} <= set(named)
    assert sorted(set(named.values())) == np.flatnonzero(mask[0]).tolist()
    for text, action in list(named.items())[:4]:
        assert game.parse_action(state, text) == action


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 150))
def test_both_sides_see_the_same(seed: int, plies: int) -> None:
    """Colours exchanged and the board upside down, moves and observation are as they were."""
    state = game.from_text(game.to_text(random_states(seed, plies)))
    mirrored = game.from_text(chess.Board(game.to_text(state)).mirror().fen())
    assert mirrored["to_play"][0] != state["to_play"][0]
    assert (mirrored["board"] == state["board"]).all() and mirrored["hash"] != state["hash"]
    masks, seen = game.new_mask(2), game.new_observation(2)
    for i, one in enumerate((state, mirrored)):
        game.legal_mask(one, masks[i : i + 1])
        game.observe(one, seen[i : i + 1])
    assert (masks[0] == masks[1]).all() and (seen[0] == seen[1]).all()


def planes(state: States) -> dict[str, set[str]]:
    """The squares marked on each plane, named as the side to move would if it were White."""
    out = game.new_observation(1)
    game.observe(state, out)
    names = [[file + rank for file in "abcdefgh"] for rank in "87654321"]
    return {
        name: {names[row][column] for row, column in np.argwhere(plane)}
        for name, plane in zip(game.planes, out[0], strict=True)
    }


def test_observation_of_black() -> None:
    position = Position(game)
    for turn in ("e4", "a6", "e5", "d5", "Nf3"):
        position.play(turn)
    seen = planes(position.state)
    assert seen["own king"] == {"e1"} and seen["opponent's king"] == {"e8"}
    assert seen["own pawns"] == {"a3", "b2", "c2", "d4", "e2", "f2", "g2", "h2"}
    assert seen["own queens"] == {"d1"} and seen["opponent's knights"] == {"b8", "f6"}
    assert seen["own rooks that may castle"] == {"a1", "h1"}
    assert (seen["1 ply ago: from"], seen["1 ply ago: to"]) == ({"g8"}, {"f6"})
    assert (seen["2 plies ago: from"], seen["2 plies ago: to"]) == ({"d2"}, {"d4"})
    assert not seen["en passant square"] and not seen["earlier occurrences of the position / 2"]
    assert len(seen["ones"]) == 64 and len(seen["plies without capture or pawn's move / limit"]) == 64
    position.undo()
    assert planes(position.state)["en passant square"] == {"d6"}
    assert planes(game.new_states(1))["1 ply ago: from"] == set()


def test_observation_of_attacks() -> None:
    seen = planes(game.from_text("4k3/8/8/8/3p4/8/8/R3K3 w Q - 0 1"))
    assert seen["squares attacked by the opponent"] == {"c3", "e3", "d8", "d7", "e7", "f7", "f8"}
    by_rook = {f"a{rank}" for rank in range(2, 9)} | {"b1", "c1", "d1", "e1"}
    assert seen["squares attacked by own pieces"] == by_rook | {"d2", "e2", "f2", "f1", "d1"}


def test_observation_counts_occurrences_and_quiet_plies() -> None:
    position = Position(game)
    out = game.new_observation(1)
    for turn in KNIGHTS_TOUR:
        position.play(turn)
    game.observe(position.state, out)
    assert (out[0, -3] == 0.5).all() and np.allclose(out[0, -2], 0.04)


def test_a_finished_playout_has_a_result_that_its_board_shows() -> None:
    states = game.new_states(40)
    game.playout(states, make_rng(3))
    for state in states[states["result"] != 0]:
        board = chess.Board(game.to_text(state[None]))
        assert board.is_checkmate() and board.turn == (state["result"] < 0)
        again = game.from_text(board.fen())
        assert again["terminal"][0] and again["result"][0] == state["result"]
        with pytest.raises(IllegalMove, match="the game is over"):
            game.parse_action(again, "e4")
