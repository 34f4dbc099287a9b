"""English draughts: known perft counts, hand-made positions, the rules of drawing."""

import numpy as np
import pytest

from tengen.envs.checkers import Checkers
from tengen.envs.game import States
from tengen.envs.perft import perft
from tengen.envs.position import Position
from tengen.errors import IllegalMove
from tests.referee_checkers import Referee

START = [7, 49, 302, 1469, 7361, 36768, 179740, 845931, 3963680, 18391564]

# Two ways round four men to one square, a longer tour, crownings in mid-capture, blocked sides, open endings.
POSITIONS = [
    "B:W6,7,14,15,32:BK2",
    "B:W6,7,8,14,15,16,23,24:BK2,K11",
    "B:W26,27:B22,K1",
    "B:W25,26,27,K17:B21,22,12",
    "W:W21,22,K30:B5,6,13,14",
    "W:W13:B6,K9",
    "W:W5,13:B1,6,9",
    "B:WK32,K31,25:BK1,K2,8",
    "B:W18,24,27,28,K10,K15:B12,16,20,K22,K25,K29",
    "W:WK18:BK7,K8,K14,K15,K22,K23,K26",
    "B:W22,23,24,15:B9,10,11,K30",
    "W:W20,22,K14:B3,10",
]

game = Checkers()


def at(fen: str) -> Position:
    return Position(game, game.from_text(fen))


def turns(position: Position) -> set[str]:
    return {game.format_turn(position.state, turn) for turn in position.legal_turns()}


def play(position: Position, words: str) -> None:
    """Play turns, none of which may find the game over."""
    for turn in words.split():
        assert not position.is_terminal
        position.play(turn)


def referee_at(fen: str) -> Referee:
    side, *fields = fen.split(":")
    pieces = {}
    for field in fields:
        for square in filter(None, field[1:].split(",")):
            piece = field[0].lower()
            pieces[int(square.lstrip("K"))] = piece.upper() if square.startswith("K") else piece
    return Referee.at(pieces, side.lower())


def test_perft_from_the_start():
    assert game.perft(game.new_states(1), 10) == START


def test_plain_perft_and_the_referee_agree_with_it():
    assert perft(game, game.new_states(1), 5) == START[:5]
    assert Referee().perft(5) == START[:5]


@pytest.mark.parametrize("fen", POSITIONS)
def test_perft_of_hand_made_positions(fen: str):
    counts = game.perft(game.from_text(fen), 4)
    assert counts == referee_at(fen).perft(4)
    assert counts[:2] == perft(game, game.from_text(fen), 2)
    assert [game.perft(game.from_text(fen), depth)[-1] for depth in (1, 2, 3)] == counts[:3]


def test_perft_looks_for_no_draw():
    assert game.perft(game.from_text("B:WK32:BK1:H79"), 4) == game.perft(game.from_text("B:WK32:BK1"), 4)
    assert game.perft(game.new_states(1), 0) == []


def test_a_king_may_go_round_either_way_and_end_where_it_began():
    position = at("B:W6,7,14,15,32:BK2")
    assert turns(position) == {"2x9x18x11x2", "2x11x18x9x2"}
    assert game.perft(position.state, 1) == [2]
    position.play("2x11x18x9x2")
    assert game.to_text(position.state) == "W:W32:BK2"


def test_crowning_ends_the_turn_though_a_king_could_jump_on():
    position = at("B:W26,27:B22")
    assert turns(position) == {"22x31"}
    position.play("22x31")
    assert position.to_play == 1 and game.to_text(position.state) == "W:W27:BK31"
    king = at("B:W26,27:BK22")
    assert turns(king) == {"22x24"}


def test_a_jump_must_go_on_with_the_same_piece():
    position = at("B:W14,22,16,32:B9,12")
    assert turns(position) == {"9x25", "12x19"}
    position.apply(game.parse_action(position.state, "9x18"))
    assert position.to_play == 0 and len(position.actions) == 1
    assert turns(position) == {"18x25"}
    with pytest.raises(IllegalMove, match=r"12x19.*18 must go on jumping, for example 18x25"):
        position.play("12x19")
    position.play("18x25")
    assert position.to_play == 1 and position.state["ply"][0] == 2


def test_no_piece_is_jumped_twice():
    position = at("B:W7,16,32:BK2")
    position.play("2x20")
    assert game.to_text(position.state) == "W:W32:BK20"


def test_capture_is_mandatory_but_the_choice_is_free():
    position = at("B:W15,18,25,32:B10,14,4")
    assert turns(position) == {"10x19", "14x23"}
    with pytest.raises(IllegalMove, match="4-8 is illegal: capture is mandatory, for example 1"):
        position.play("4-8")


def test_men_neither_step_nor_capture_backwards():
    assert turns(at("B:W14,15,32:B18")) == {"18-22", "18-23"}
    assert turns(at("B:W14,15,32:BK18")) == {"18x9", "18x11"}


def test_who_cannot_move_loses():
    assert at("W:W13:B6,9").returns == (1, -1)
    assert at("B:WK2,32:B").returns == (-1, 1)
    position = at("B:W32:B28,K24")
    position.play("24-27")
    assert not position.is_terminal
    position = at("B:W13:B6,K5")
    position.play("5-9")
    assert position.is_terminal and position.returns == (1, -1)
    assert game.describe_result(position.state) == "Black wins"


def test_the_third_time_a_position_stands_is_a_draw():
    position = at("B:WK32:BK1")
    play(position, "1-5 32-28 5-1 28-32 1-5 32-28 5-1 28-32")
    assert (
        position.is_terminal and position.returns == (0, 0) and game.describe_result(position.state) == "draw"
    )


def test_the_start_counts_as_its_first_time():
    state = game.new_states(1)
    assert state["history"][0, 0] == state["hash"][0] == game.from_text("B:W21-32:B1-12")["hash"][0]


def test_a_mans_move_starts_the_count_anew():
    position = at("B:WK32:BK1,9")
    play(position, "1-5 32-28 5-1 28-32 1-5 32-28 5-1 28-24 9-13")
    assert position.state["quiet"][0] == 0
    play(position, "24-28 1-5 28-24 5-1 24-28 1-5 28-24 5-1")
    assert position.is_terminal and position.returns == (0, 0)


def wander(position: Position) -> bool:
    """Go on without capture or repetition until eighty turns are made, by trying."""
    if position.is_terminal and position.returns == (0, 0):
        assert len(position.actions) == 80
        return True
    seen = set(position.state["history"][0, : len(position.actions) + 1])
    for action in position.legal_actions():
        position.apply(action)
        quiet = position.state["quiet"][0] == len(position.actions)
        if quiet and position.state["hash"][0] not in seen and wander(position):
            return True
        position.undo()
    return False


def test_eighty_turns_without_progress_are_a_draw():
    position = at("B:WK32,K31:BK1,K2")
    assert wander(position)
    assert position.returns == (0, 0)
    position.undo()
    assert not position.is_terminal


def test_progress_or_a_win_on_the_eightieth_turn_is_no_draw():
    drawn = at("B:WK32:BK1,9:H79")
    drawn.play("1-5")
    assert drawn.is_terminal and drawn.returns == (0, 0)
    man = at("B:WK32:BK1,9:H79")
    man.play("9-13")
    assert not man.is_terminal and man.state["quiet"][0] == 0
    won = at("B:W13:B6,K5:H79")
    won.play("5-9")
    assert won.returns == (1, -1)


def planes(state: States) -> dict[str, set[tuple[int, int]]]:
    out = game.new_observation(1)
    game.observe(state, out)
    return {name: set(zip(*np.nonzero(out[0, i]), strict=True)) for i, name in enumerate(game.planes)}


def test_observation_of_black():
    seen = planes(game.from_text("B:W15,K32:B10,K3"))
    assert seen["own men"] == {(2, 3)} and seen["own kings"] == {(0, 5)}
    assert seen["opponent's men"] == {(3, 4)} and seen["opponent's kings"] == {(7, 6)}
    assert seen["own pieces that can capture"] == {(2, 3)}
    assert seen["opponent's pieces that can be captured"] == {(3, 4)}
    assert seen["king row"] == {(7, 0), (7, 2), (7, 4), (7, 6)}
    assert not seen["own piece that must go on jumping"] and not seen["position seen before"]


def test_white_sees_the_board_turned():
    black = game.from_text("B:W15,K32,20:B10,K3,11:H7")
    white = game.from_text("W:B18,K1,13:W23,K30,22:H7")
    assert planes(black) == planes(white)
    a, b = game.new_mask(1), game.new_mask(1)
    game.legal_mask(black, a)
    game.legal_mask(white, b)
    assert (a == b).all() and a.any()


def test_observation_counts_quiet_turns_and_repetitions():
    position = at("B:WK32:BK1:H39")
    out = game.new_observation(1)
    for turn in ("1-5", "32-28", "5-1", "28-32"):
        position.play(turn)
        game.observe(position.state, out)
        assert (out[0, 8] == (turn == "28-32")).all()
    assert np.allclose(out[0, 9], 43 / 80) and (out[0, 10] == 1).all()


def test_the_policy_finds_an_action_on_its_square():
    state = game.new_states(1)
    action = game.parse_action(state, "11-15")
    plane, point = divmod(int(game.policy_index[action]), 64)
    assert plane == 0 and divmod(point, 8) == (2, 5)
