"""English draughts in words: turns, PDN-FEN, the ASCII board, and what is said of a wrong one."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tengen.envs.checkers import Checkers
from tengen.envs.checkers.notation import legal_turns
from tengen.envs.game import States
from tengen.envs.position import Position
from tengen.envs.rng import make_rng
from tengen.errors import IllegalMove, TengenError

game = Checkers()
AMBIGUOUS = "B:W6,7,14,15,32:B2,12"  # 2x18 by 9 or by 11, with different captures


def at(fen: str) -> Position:
    return Position(game, game.from_text(fen))


@pytest.mark.parametrize("text", ["11-15", "11 15", " 11 - 15 ", "11  15", "11-15\n"])
def test_a_step_can_be_written_in_several_ways(text: str):
    state = game.new_states(1)
    assert game.format_turn(state, game.parse_turn(state, text)) == "11-15"


@pytest.mark.parametrize("text", ["9x25", "9-25", "9x18x25", "9-18-25", "9 x 25", "9 18 25", "9:25", "9X25"])
def test_a_jump_can_be_written_in_several_ways(text: str):
    position = at("B:W14,22,32:B9,12")
    assert game.format_turn(position.state, position.play(text)) == "9x25" or len(position.actions) == 2
    assert game.to_text(position.state) == "W:W32:B12,25"


def test_a_turn_is_written_short_unless_that_could_be_two():
    state = game.from_text(AMBIGUOUS)
    assert {game.format_turn(state, turn.actions) for turn in legal_turns(state)} == {"2x9x18", "2x11x18"}
    with pytest.raises(IllegalMove, match=r"2x18 is ambiguous: it may be 2x9x18 or 2x11x18"):
        game.parse_turn(state, "2x18")
    position = Position(game, state)
    position.play("2x11x18")
    assert game.to_text(position.state) == "W:W6,14,32:B12,18"


def test_paths_to_one_position_need_no_choice():
    position = at("B:W6,7,14,15,32:BK2")
    position.play("2x2")
    assert game.to_text(position.state) == "W:W32:BK2"
    tour = at("B:W6,7,14,15,32:BK2")
    tour.play("2x18x2")
    assert game.to_text(tour.state) == "W:W32:BK2"


def test_part_of_a_turn_is_written_in_full():
    state = game.from_text("B:W14,22,32:B9,12")
    (turn,) = legal_turns(state)
    assert game.format_turn(state, turn.actions) == "9x25"
    assert game.format_turn(state, turn.actions[:1]) == "9x18"


def test_steps_of_a_jump_have_words_of_their_own():
    position = at("B:W14,22,32:B9,12")
    action = game.parse_action(position.state, "9x18")
    assert game.format_action(position.state, action) == "9x18"
    with pytest.raises(IllegalMove, match="9x25 takes 2 jumps; the first alone is 9x18"):
        game.parse_action(position.state, "9x25")
    position.apply(action)
    assert game.format_action(position.state, game.parse_action(position.state, "18x25")) == "18x25"


@pytest.mark.parametrize(
    "fen, text, reason",
    [
        ("B:W32:B1", "5-9", "there is no piece on 5"),
        ("B:W32:B1", "32-28", "the piece on 32 is White's and Black is to move"),
        ("B:W32:B1", "1-9", "9 cannot be reached from 1; legal are 1-5, 1-6"),
        ("B:W32:B1", "1-33", "there is no square 33"),
        ("B:W32:B1", "0-5", "there is no square 0"),
        ("B:W32:B1", "1x5", "nothing is captured; did you mean 1-5"),
        ("B:W32:B1,5,6", "1-5", "the piece on 1 cannot move"),
        ("B:W15,32:B10,11", "11-16", "capture is mandatory, for example 1"),
        ("B:W15,32:B10,12", "10-14", "capture is mandatory, for example 10x19"),
        ("B:W14,22,32:B9,12", "9x18", "the jump must go on, for example 9x18x25"),
        ("B:W14,22,32:B9,12:J9", "12-16", "the piece on 9 must go on jumping, for example 9x18x25"),
        ("W:W13:B6,9", "13-9", "the game is over"),
        ("B:W32:B1", "hello", "'hello' is not a move"),
        ("B:W32:B1", "1-", "not a move"),
        ("B:W32:B1", "1--5", "not a move"),
        ("B:W32:B1", "", "'' is not a move"),
        ("B:W32:B1", "١-٥", "not a move"),
    ],
)
def test_what_is_wrong_with_a_move(fen: str, text: str, reason: str):
    state = game.from_text(fen)
    for parse in (game.parse_turn, game.parse_action):
        if reason.startswith("nothing") and parse == game.parse_action:
            continue
        if "jump must go on" in reason and parse == game.parse_action:
            continue
        with pytest.raises(IllegalMove) as error:
            parse(state, text)
        assert reason in str(error.value)


def test_an_illegal_action_can_be_named():
    for fen in ("B:W32:B1", "W:W32:BK1"):
        state = game.from_text(fen)
        words = [game.format_action(state, action) for action in range(128)]
        assert len(set(words)) > 90 and any("over the edge" in word for word in words)


def test_every_turn_of_random_games_reads_back():
    rng = np.random.default_rng(5)
    for _ in range(40):
        position = Position(game)
        while not position.is_terminal:
            turns = position.legal_turns()
            words = [game.format_turn(position.state, turn) for turn in turns]
            assert len(set(words)) == len(words)
            for turn, word in zip(turns, words, strict=True):
                assert game.parse_turn(position.state, word) == turn
            for action in turns[int(rng.integers(len(turns)))]:
                position.apply(action)


def test_fen_of_a_published_example():
    state = game.from_text("B:W18,24,27,28,K10,K15:B12,16,20,K22,K25,K29")
    assert game.board(state) == (
        " 1  . . . . . . . .   4\n"
        " 5  . . . . . . . .   8\n"
        " 9  . . . W . . . b  12\n"
        "13  . . . . W . b .  16\n"
        "17  . . . w . . . b  20\n"
        "21  . . B . . . w .  24\n"
        "25  . B . . . w . w  28\n"
        "29  B . . . . . . .  32"
    )
    assert game.to_text(state) == "B:W18,24,27,28,K10,K15:B12,16,20,K22,K25,K29"


@pytest.mark.parametrize(
    "text",
    [
        "W:W21-32:B1-12",
        "w:b1-12:w21-32",
        '"W:W21-32:B1-12."',
        " W : W32-32,31,21-30 : B 1,2, 3-12 ",
        "W:W21-32:B1-12:H0:F1",
    ],
)
def test_fen_is_read_with_tolerance(text: str):
    assert game.to_text(game.from_text(text)) == game.to_text(game.from_text("W:B1-12:W21-32"))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "neither B nor W"),
        ("X:W21:B1", "neither B nor W"),
        ("B:W21", "needs both sides"),
        ("B:W21:B1:B2", "field B comes twice"),
        ("B:W21:B21", "square 21 is taken twice"),
        ("B:W33:B1", "'33' is not within squares 1 to 32"),
        ("B:W9-5:B1", "'9-5' is not within"),
        ("B:Wx:B1", "'x' is not a square"),
        ("B:W9:B30", "Black's man on 30 stands on its king row"),
        ("B:W1:B5", "White's man on 1 stands on its king row"),
        ("B:W21-32,13:B1", "White has 13 pieces"),
        ("B:W21:B1:H81", "H81 is more than 80"),
        ("B:W21:B1:Hx", "field 'Hx' is not H and a number"),
        ("B:W21:B1:Z3", "field 'Z3' is none of"),
        ("B:W21:B1:J1", "the piece on 1 cannot jump on"),
        ("B:W21:B1:J21", "Black has no piece on 21"),
        ("B:W6:BK1:H3:J1", "H is 0"),
    ],
)
def test_what_is_wrong_with_a_fen(text: str, reason: str):
    with pytest.raises(TengenError) as error:
        game.from_text(text)
    assert reason in str(error.value)


def test_a_fen_in_mid_jump_goes_on_from_there():
    position = at("B:W14,22,32:B9,12")
    position.apply(game.parse_action(position.state, "9x18"))
    text = game.to_text(position.state)
    assert text == "B:W22,32:B12,18:J18"
    again = game.from_text(text)
    assert again["hash"][0] == position.state["hash"][0]
    assert [str(turn) for turn in legal_turns(again)] == ["18x25"]


def fields_equal(a: States, b: States) -> bool:
    return all((a[name] == b[name]).all() for name in a.dtype.names)


squares = st.lists(st.integers(1, 32), unique=True, max_size=24)


@settings(max_examples=150, deadline=None)
@given(
    squares,
    st.lists(st.sampled_from("bBwW"), min_size=24, max_size=24),
    st.integers(0, 1),
    st.integers(0, 79),
)
def test_any_position_survives_being_written(places: list[int], kinds: list[str], to_play: int, quiet: int):
    sides: dict[str, list[str]] = {"b": [], "w": []}
    for square, kind in zip(places, kinds, strict=False):
        crowned = kind.isupper() or square > 28 or square < 5
        if len(sides[kind.lower()]) < 12:
            sides[kind.lower()].append(f"{'K' * crowned}{square}")
    text = f"{'BW'[to_play]}:W{','.join(sides['w'])}:B{','.join(sides['b'])}:H{quiet}"
    state = game.from_text(text)
    assert fields_equal(game.from_text(game.to_text(state)), state)
    assert (state["quiet"][0], state["to_play"][0]) == (quiet, to_play)
    drawn = game.from_board(game.board(state), to_play)
    assert (drawn["board"] == state["board"]).all() and drawn["hash"] == state["hash"]
    mirrored = game.from_text(turned(text))
    a, b = game.new_mask(1), game.new_mask(1)
    game.legal_mask(state, a)
    game.legal_mask(mirrored, b)
    assert (a == b).all()
    x, y = game.new_observation(1), game.new_observation(1)
    game.observe(state, x)
    game.observe(mirrored, y)
    assert (x == y).all()


def turned(fen: str) -> str:
    """The same position with colours swapped and the board turned by 180 degrees."""
    side, white, black, quiet = fen.split(":")
    turn = {"B": "W", "W": "B"}

    def swap(field: str) -> str:
        names = [name for name in field[1:].split(",") if name]
        return turn[field[0]] + ",".join("K" * (n[0] == "K") + str(33 - int(n.lstrip("K"))) for n in names)

    return f"{turn[side]}:{swap(white)}:{swap(black)}:{quiet}"


def test_board_is_read_with_and_without_numbers_and_light_squares():
    expected = game.from_text("W:W32,K14:B1,K31")
    rows = ["b...", "....", "....", ".W..", "....", "....", "....", "..Bw"]
    assert game.from_board("\n".join(rows), 1)["hash"] == expected["hash"]
    assert game.from_board(game.board(expected), 1)["hash"] == expected["hash"]


@pytest.mark.parametrize(
    "board, reason",
    [
        ("b...", "has 1 rows instead of 8"),
        ("....\n" * 7 + ".....", "row 8 '.....' has 5 squares"),
        ("....\n" * 7 + "..x.", "row 8 holds 'x'"),
        ("b.......\n" + "....\n" * 7, "row 1 'b.......' has a piece on a light square"),
        ("w...\n" + "....\n" * 7, "king row"),
    ],
)
def test_what_is_wrong_with_a_board(board: str, reason: str):
    with pytest.raises(TengenError) as error:
        game.from_board(board)
    assert reason in str(error.value)


def test_a_finished_game_reads_back_as_finished_where_the_board_shows_it():
    states = game.new_states(60)
    game.playout(states, make_rng(3))
    for state in states[states["result"] != 0]:
        again = game.from_text(game.to_text(state[None]))
        assert again["terminal"][0] and again["result"][0] == state["result"]
