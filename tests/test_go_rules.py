"""Go's rules on boards drawn by hand: captures, ko, superko, life and death, and the score."""

from textwrap import dedent

import numpy as np
import pytest

from tengen.envs.go import Go
from tengen.envs.position import Position
from tengen.errors import IllegalMove, TengenError


def go(drawing: str, to_play: str = "black", rules: str = "positional", suicide: bool = False) -> Position:
    drawing = dedent(drawing).strip("\n")
    game = Go(len(drawing.splitlines()), rules=rules, suicide=suicide)
    return Position(game, game.from_board(drawing, ["black", "white"].index(to_play)))


def stones(position: Position) -> str:
    """The board as drawn in these tests."""
    game = position.game
    assert isinstance(game, Go)
    return "\n".join(" ".join(".XO"[color] for color in row) for row in game.colors(position.state))


def drawn(drawing: str) -> str:
    return dedent(drawing).strip("\n")


def score(position: Position) -> float:
    """Black's points minus White's, without komi."""
    out = np.zeros(1, np.float32)
    position.game.score(position.state, out)
    return float(out[0]) + 7


def test_a_chain_without_liberties_is_taken() -> None:
    position = go("""
        . X X . .
        X O O X .
        . X O X .
        . . . . .
        . . . . .""")
    position.play("C2")
    assert stones(position) == drawn("""
        . X X . .
        X . . X .
        . X . X .
        . . X . .
        . . . . .""")


def test_one_move_takes_chains_on_all_sides() -> None:
    position = go("""
        . X O X .
        X X O X X
        O O . O O
        X X O X X
        . X O X .""")
    position.play("C3")
    assert stones(position) == drawn("""
        . X . X .
        X X . X X
        . . X . .
        X X . X X
        . X . X .""")


def test_ko_forbids_the_immediate_recapture() -> None:
    for rules in ("positional", "situational", "simple"):
        position = go(
            """
            . X O . .
            X O . O .
            . X O . .
            . . . . .
            . . . . .""",
            rules=rules,
        )
        position.play("C4")
        with pytest.raises(IllegalMove, match=r"B4.*ko"):
            position.play("B4")
        position.play("E1")
        position.play("A1")
        position.play("B4")


def test_snapback_is_no_ko() -> None:
    position = go(
        """
        . . . . .
        . . . . .
        X X X . .
        O O O X .
        O . . X .""",
        rules="simple",
    )
    for move in ("B1", "C1", "B1"):
        position.play(move)
    assert stones(position) == drawn("""
        . . . . .
        . . . . .
        X X X . .
        . . . X .
        . X . X .""")


THREE_KOS = """
    . X O . . . .
    X . X O . . .
    . X O . . . .
    X O . O . . .
    . X O . . . .
    X . X O . . .
    . X O . . . ."""


def test_triple_ko_ends_where_the_position_would_come_again() -> None:
    cycle = ["B6", "C4", "B2", "C6", "B4", "C2"]
    for rules in ("positional", "situational"):
        position = go(THREE_KOS, "white", rules)
        for move in cycle[:-1]:
            position.play(move)
        with pytest.raises(IllegalMove, match=r"C2.*superko"):
            position.play(cycle[-1])
    position = go(THREE_KOS, "white", "simple")
    before = stones(position)
    for move in cycle * 2:
        position.play(move)
    assert stones(position) == before


def test_sending_two_returning_one_is_where_positional_and_situational_superko_part() -> None:
    drawing = """
        . . . . .
        . . . . .
        O O X X .
        O X X X .
        . O . X ."""
    for rules in ("positional", "situational", "simple"):
        position = go(drawing, "white", rules)
        position.play("C1")  # sends two
        position.play("A1")  # takes them
        if rules == "positional":
            with pytest.raises(IllegalMove, match=r"B1.*superko"):
                position.play("B1")
        else:
            position.play("B1")  # returns one: the same board, but the other side to move
            assert stones(position) == drawn(drawing)


def test_suicide_of_several_stones_only_where_it_is_allowed() -> None:
    drawing = """
        . X O . .
        O O . . .
        . . . . .
        . . . . .
        . . . . ."""
    with pytest.raises(IllegalMove, match=r"A5.*suicide"):
        go(drawing).play("A5")
    position = go(drawing, suicide=True)
    position.play("A5")
    assert stones(position) == drawn("""
        . . O . .
        O O . . .
        . . . . .
        . . . . .
        . . . . .""")


def test_suicide_of_one_stone_repeats_the_position() -> None:
    drawing = """
        . O . . .
        O . . . .
        . . . . .
        . . . . .
        . . . . ."""
    with pytest.raises(IllegalMove, match=r"A5.*superko"):
        go(drawing, suicide=True).play("A5")
    for rules in ("situational", "simple"):  # as good as a pass
        position = go(drawing, rules=rules, suicide=True)
        position.play("A5")
        assert stones(position) == drawn(drawing)


def test_area_counts_stones_and_the_points_that_one_side_alone_reaches() -> None:
    position = go("""
        . X O . O
        X X O O .
        . . . O O
        X X X O .
        . . X O O""")
    # Black: 6 stones, A5, A1, B1. White: 9 stones, D5, E4, E2. Nobody's: A3, B3, C3.
    owners = np.zeros((1, 25), np.int8)
    position.game.ownership(position.state, owners)
    assert owners.reshape(5, 5).tolist() == [
        [1, 1, -1, -1, -1],
        [1, 1, -1, -1, -1],
        [0, 0, 0, -1, -1],
        [1, 1, 1, -1, -1],
        [1, 1, 1, -1, -1],
    ]
    assert score(position) == 10 - 12
    position.play("pass")
    position.play("pass")
    assert position.is_terminal and position.game.describe_result(position.state) == "W+9"
    assert position.returns == (-1, 1)


def test_the_empty_board_is_nobodys() -> None:
    position = go("\n".join([". . ."] * 3))
    assert score(position) == 0


SEKI = """
    X X . O O
    X X O O O
    X X X O O
    X X X O O
    X X . O O"""


def test_seki_whoever_plays_first_is_taken() -> None:
    position = go(SEKI)
    assert score(position) == 12 - 11
    position.play("C5")
    position.play("C1")
    assert score(position) == -25
    position = go(SEKI, "white")
    position.play("C5")
    position.play("C1")
    assert score(position) == 25


BENT_FOUR = """
    . X X . X
    X X X X X
    O O X X X
    . O O O X
    . . . O X"""


def test_bent_four_in_the_corner_is_a_ko_to_be_played_out() -> None:
    position = go(BENT_FOUR)
    assert score(position) == 15 - 10  # nothing is dead until it is taken
    for move in ("B1", "A1", "A2"):
        position.play(move)
    with pytest.raises(IllegalMove, match=r"A1.*ko"):
        position.play("A1")
    position.play("pass")  # no ko threat
    position.play("C1")
    assert score(position) == 25


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        ("B5", "B5 is illegal: the point is occupied"),
        ("A5", "A5 is illegal: suicide is not allowed"),
        ("I5", "'I5' is not a coordinate; moves are A1 to E5"),
        ("F1", "F1 is off the board; points go from A1 to E5"),
        ("A6", "A6 is off the board"),
        ("A0", "'A0' is not a coordinate"),
        ("", "'' is not a coordinate"),
        ("resign", "'resign' is not a coordinate"),
    ],
)
def test_a_bad_move_is_named_with_its_reason(move: str, reason: str) -> None:
    position = go("""
        . O . . .
        O . . . .
        . . . . .
        . . . . .
        . . . . .""")
    with pytest.raises(IllegalMove) as caught:
        position.play(move)
    assert str(caught.value).startswith(reason)


def test_no_move_after_the_end() -> None:
    position = go("\n".join([". . ."] * 3))
    position.play("PASS")
    position.play("pass")
    with pytest.raises(IllegalMove, match=r"over"):
        position.play("B2")
    with pytest.raises(IllegalMove, match=r"over"):
        position.game.parse_action(position.state, "B2")


def test_the_ply_cap_ends_the_game() -> None:
    position = Position(Go(5, cap=3))
    for move in ("A1", "B2", "C3"):
        assert not position.is_terminal
        position.play(move)
    assert position.is_terminal and position.game.describe_result(position.state) == "W+6"


def test_handicap_stones_stand_where_gtp_puts_them_and_white_begins() -> None:
    game = Go(19, handicap=9)
    position = Position(game)
    assert position.to_play == 1
    points = {game.format_action(position.state, int(a)) for a in np.flatnonzero(game.colors(position.state))}
    assert points == {"D4", "K4", "Q4", "D10", "K10", "Q10", "D16", "K16", "Q16"}
    two = Position(Go(9, handicap=2))
    points = {"C3", "G7"}
    assert {
        two.game.format_action(two.state, int(a)) for a in np.flatnonzero(Go(9).colors(two.state))
    } == points
    assert Position(Go(9, handicap=1)).to_play == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 1}, "size is '1'; a whole number from 2 to 19"),
        ({"size": "x"}, "size is 'x'"),
        ({"size": 9.5}, "size is '9.5'"),
        ({"komi": "6.3"}, "komi is '6.3'; a multiple of 0.5 from -81 to 81"),
        ({"komi": "nan"}, "komi is 'nan'"),
        ({"komi": 100}, "komi is '100'"),
        ({"rules": "chinese"}, "rules 'chinese' are unknown; allowed: positional, situational, simple"),
        ({"suicide": "maybe"}, "suicide is 'maybe'; true or false"),
        ({"handicap": 10}, "handicap is '10'; a whole number from 0 to 9"),
        ({"size": 5, "handicap": 2}, "handicap 2 has no standard place on 5x5"),
        ({"cap": 1}, "cap is '1'; a whole number from 2 to 10000"),
    ],
)
def test_a_bad_option_is_named_with_what_is_allowed(options: dict[str, object], message: str) -> None:
    with pytest.raises(TengenError) as caught:
        Go(**options)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("game", "name"),
    [
        (Go(), "go9"),
        (Go("19", komi="7"), "go19"),
        (Go(11, komi=6.5), "go:size=11,komi=6.5"),
        (Go(6), "go:size=6"),
        (
            Go(9, komi=0.5, rules="simple", suicide="yes", handicap=4, cap=130),
            "go:size=9,komi=0.5,rules=simple,suicide=true,handicap=4,cap=130",
        ),
    ],
)
def test_the_name_says_what_is_not_the_default(game: Go, name: str) -> None:
    assert game.name == name
