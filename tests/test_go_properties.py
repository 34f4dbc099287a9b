"""What holds for every game of Go, whatever is played."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tengen.envs.go import Go
from tengen.envs.position import Position
from tengen.errors import TengenError

quick = settings(max_examples=60, deadline=None, database=None, derandomize=True)
choices = st.lists(st.integers(0, 2**16), max_size=120)
games = st.builds(
    Go,
    size=st.integers(2, 7),
    komi=st.sampled_from([-1.5, 0, 4]),
    rules=st.sampled_from(["positional", "situational", "simple"]),
    suicide=st.booleans(),
)


def play(game: Go, numbers: list[int]) -> Position:
    """A game whose moves are taken from the legal ones by number; multiples of 13 pass."""
    position = Position(game)
    for number in numbers:
        if position.is_terminal:
            break
        legal = position.legal_actions()
        stones = legal[:-1]
        position.apply(stones[number % len(stones)] if stones and number % 13 else legal[-1])
    return position


@quick
@given(games, choices, st.integers(1, 7))
def test_a_mirrored_game_is_the_same_game(game: Go, numbers: list[int], symmetry: int) -> None:
    points, actions = game.point_symmetries[symmetry], game.action_symmetries[symmetry]
    position = play(game, numbers)
    mirrored = Position(game)
    for action in position.actions:
        mirrored.apply(int(actions[action]))
    assert (mirrored.legal_mask()[actions] == position.legal_mask()).all()
    planes = [game.new_observation(1) for _ in range(2)]
    game.observe(position.state, planes[0])
    game.observe(mirrored.state, planes[1])
    flat = [p.reshape(len(game.planes), -1) for p in planes]
    assert (flat[1][:, points] == flat[0]).all()
    owners = np.empty((2, game.size**2), np.int8)
    game.ownership(position.state, owners[:1])
    game.ownership(mirrored.state, owners[1:])
    assert (owners[1][points] == owners[0]).all()
    assert mirrored.returns == position.returns


@quick
@given(games, choices)
def test_a_position_comes_back_from_its_text(game: Go, numbers: list[int]) -> None:
    position = play(game, numbers)
    text = game.to_text(position.state)
    again = game.from_text(text)
    assert game.to_text(again) == text
    for name in ("to_play", "terminal", "ply", "hash", "passes", "komi2"):
        assert again[name][0] == position.state[name][0]
    mask = game.new_mask(1)
    game.legal_mask(again, mask)
    assert (mask[0] == position.legal_mask()).all()


@quick
@given(games, choices)
def test_a_hash_is_the_hash_of_the_stones_however_they_came(game: Go, numbers: list[int]) -> None:
    state = play(game, numbers).state
    colors = game.colors(state)
    assert game.from_colors(colors.reshape(-1), int(state["to_play"][0]))["hash"][0] == state["hash"][0]


@quick
@given(games, choices)
def test_one_side_wins_what_the_other_loses(game: Go, numbers: list[int]) -> None:
    position = play(game, numbers)
    while not position.is_terminal:
        position.apply(game.pass_action)
    black, white = position.returns
    assert black == -white
    score, owners = np.empty(1, np.float32), np.empty((1, game.size**2), np.int8)
    game.score(position.state, score)
    game.ownership(position.state, owners)
    assert score[0] == owners.sum() - game.komi and black == np.sign(score[0])
    words = {1: f"B+{abs(score[0]):g}", -1: f"W+{abs(score[0]):g}", 0: "draw"}
    assert game.describe_result(position.state) == words[int(black)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 fields"),
        ("5/5/5/5", "4 rows; 5 were expected"),
        ("5/5/5/5/6 b", "row 5 '6' has 6 points"),
        ("5/5/2?2/5/5 b", "row 3 is '2?2'"),
        ("5/5/5/5/5 x", "side to move is 'x'"),
        ("5/5/5/5/5 b Z9", "'Z9' is not"),
        ("5/5/5/5/X4 b A1 7 0 3", "A1 cannot repeat"),
        ("5/5/5/5/5 b - seven", "komi is 'seven'"),
        ("5/5/5/5/5 b - 7 -1", "passes is '-1'"),
        ("5/5/5/5/5 b - 7 3 9", "3 passes"),
        ("5/5/5/5/5 b - 7 1 0", "1 passes"),
        ("5/5/5/5/5 b - 7 0 999", "at ply 999"),
        ("XO3/OO3/5/5/5 b", "chain without liberties at A5"),
    ],
)
def test_a_broken_position_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(TengenError) as caught:
        Go(5).from_text(text)
    assert message in str(caught.value)


def test_a_drawing_may_come_with_coordinates_or_without() -> None:
    game = Go(3)
    position = play(game, [4, 7])
    for drawing in (game.board(position.state), "\n".join(game.board(position.state).splitlines()[1:-1])):
        again = game.from_board(drawing, position.to_play)
        assert again["hash"] == position.state["hash"]
    with pytest.raises(TengenError, match=r"row 2 of the board is 'X\.'"):
        game.from_board(". . .\nX .\n. . .")


def test_states_may_be_a_strided_or_read_only_view() -> None:
    game = Go(5)
    states = game.new_states(6)
    every_other = states[::2]
    game.step(every_other, np.array([1, 2, 3], np.int64))
    assert (every_other["ply"] == 1).all() and (states[1::2]["ply"] == 0).all()
    mask, same = game.new_mask(3), game.new_mask(3)
    game.legal_mask(every_other, mask)
    frozen = every_other.copy()
    frozen.flags.writeable = False
    game.legal_mask(frozen, same)
    assert (mask == same).all() and not mask[np.arange(3), [1, 2, 3]].any()
    game.playout(every_other, np.array([5], np.uint64))
    assert every_other["terminal"].all() and not states[1::2]["terminal"].any()
    game.step(states[:0], np.empty(0, np.int32))
