"""The papers' input planes, on boards drawn by hand and against the rules themselves."""

from textwrap import dedent

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tengen.envs.go import Go
from tengen.envs.go.feature_sets import FEATURE_SETS, RANK_BASE
from tengen.envs.go.options import FEATURE_NAMES
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError

Planes = dict[str, np.ndarray]  # name -> [size, size]
SETS = [name for name in FEATURE_NAMES if name != "tengen"]


def seen(position: Position, features: str) -> Planes:
    """What a set shows of a position."""
    base = position.game
    assert isinstance(base, Go)
    game = Go(base.size, rules=base.rules, suicide=base.suicide, features=features)
    out = game.new_observation(1)
    game.observe(position.state, out)
    return dict(zip(game.planes, out[0], strict=True))


def drawn(text: str, to_play: str = "black") -> Position:
    text = dedent(text).strip("\n")
    game = Go(len(text.splitlines()))
    return Position(game, game.from_board(text, ["black", "white"].index(to_play)))


def points(position: Position, plane: np.ndarray) -> set[str]:
    """The points where a plane is 1; it is 0 elsewhere."""
    game = position.game
    flat = plane.reshape(-1)
    assert set(np.unique(flat)) <= {0.0, 1.0}
    return {game.format_action(position.state, int(a)) for a in np.flatnonzero(flat)}


FIGHT = """
    . X O . .
    X O . O .
    . X O . .
    . . . . .
    . . . . X"""


def test_every_set_has_as_many_planes_as_its_paper():
    counts = {name: len(set(FEATURE_SETS[name].planes)) for name in SETS}
    assert counts == {"clark-storkey": 8, "maddison36": 36, "alphago48": 48, "alphago49": 49}


def test_clark_and_storkey_tell_chains_by_liberties_and_whose_they_are():
    position = drawn(FIGHT)
    planes = seen(position, "clark-storkey")
    assert points(position, planes["own chain, liberties 2"]) == {"A4", "B3", "E1"}
    assert points(position, planes["own chain, liberties 1"]) == {"B5"}
    assert points(position, planes["own chain, liberties 3+"]) == set()
    assert points(position, planes["opponent's chain, liberties 1"]) == {"B4"}
    assert "D4" in points(position, planes["opponent's chain, liberties 3+"])
    assert planes["edge"].sum() == 16
    assert not planes["edge"][1:-1, 1:-1].any()
    position.play("C4")  # takes B4
    assert points(position, seen(position, "clark-storkey")["ko"]) == {"B4"}


def _liberties(position: Position, point: str) -> int:
    """Counted by a walk over the board."""
    game = position.game
    assert isinstance(game, Go)
    board = game.colors(position.state)
    column, row = ord(point[0]) - ord("A"), game.size - int(point[1:])
    chain, reached = [(row, column)], set()
    for r, c in chain:
        for next_ in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if all(0 <= x < game.size for x in next_):
                if board[next_] == board[row, column] and next_ not in chain:
                    chain.append(next_)
                elif not board[next_]:
                    reached.add(next_)
    return len(reached)


def test_taking_a_stone_its_liberties_and_its_ko():
    position = drawn(FIGHT)
    for features, liberties in (("maddison36", "liberties after 1"), ("alphago48", "liberties after 1")):
        planes = seen(position, features)
        assert points(position, planes["takes 1"]) == {"C4"}
        assert "C4" in points(position, planes[liberties])  # the point of the stone taken, B4
    planes = seen(position, "alphago48")
    assert "C4" in points(position, planes["self-atari of 1"])
    assert "C4" not in points(position, planes["takes 0"])
    position.play("C4")
    planes = seen(position, "maddison36")
    assert "B4" not in points(position, planes["legal"])
    assert not any(planes[name][1, 1] for name in planes if "after" in name or "takes" in name)


def test_a_stone_that_joins_chains_has_the_liberties_of_all_of_them():
    position = drawn("""
        . . . . .
        . X O . .
        . O X X .
        . X . . .
        . . . . .""")
    planes = seen(position, "alphago48")
    # C2 joins B2 and the chain of C3: A2, B1, C1, D2, E3 and D4.
    assert "C2" in points(position, planes["liberties after 6"])
    assert "C2" not in points(position, planes["self-atari of 4"])


def test_turns_since_stones_came_and_stones_taken_meanwhile():
    position = Position(make_game("go5"))
    for move in ("C3", "A5", "B5", "E1", "A4", "D1", "E2"):  # A4 takes A5
        position.play(move)
    eight = seen(position, "alphago48")
    when = {move: turns for turns, move in enumerate(("E2", "D1", "A4", "E1", "B5"), 1)}
    for move, turns in when.items():
        assert points(position, eight[f"turns since {turns}"]) == {move}
    assert points(position, eight["turns since 6"]) == set()  # A5 is off the board
    assert points(position, eight["turns since 7"]) == {"C3"}
    five = seen(position, "maddison36")
    assert points(position, five["turns since 5+"]) == {"B5", "C3"}
    assert points(drawn(FIGHT), seen(drawn(FIGHT), "alphago48")["turns since 8+"]) == {
        "B5", "C5", "A4", "B4", "D4", "B3", "C3", "E1",
    }  # fmt: skip


def test_filling_an_own_eye_is_legal_and_not_sensible():
    position = drawn("""
        . X . . .
        X X . . .
        . . . . .
        . . . O O
        . . . O .""")
    planes = seen(position, "alphago48")
    legal = points(position, seen(position, "maddison36")["legal"])
    assert legal - points(position, planes["sensible"]) == {"A5"}
    assert "E1" not in points(position, planes["sensible"])  # suicide


def test_a_constant_plane_and_an_empty_one_and_the_mover():
    for side in ("black", "white"):
        planes = seen(drawn(FIGHT, side), "alphago49")
        assert planes["ones"].all()
        assert not planes["zeros"].any()
        assert planes["Black to move"].all() == (side == "black") == planes["Black to move"].any()
        own = points(drawn(FIGHT), planes["own stones"])
        assert ("E1" in own) == (side == "black")
        assert (planes["own stones"] + planes["opponent's stones"] + planes["empty"] == 1).all()


def test_ranks_are_the_movers_and_unknown_is_the_strongest():
    position = drawn(FIGHT)
    for ranks, side, dan in (
        ((6, 2), 0, 6),
        ((6, 2), 1, 2),
        ((-3, 2), 0, 1),  # a kyu player as 1 dan
        ((25, 2), 0, 9),  # a professional
    ):
        position.state["ranks"] = [[rank + RANK_BASE for rank in ranks]]
        position.state["to_play"] = side
        planes = seen(position, "maddison36")
        assert [name for name in planes if name.endswith(" dan") and planes[name].all()] == [f"{dan} dan"]
    planes = seen(drawn(FIGHT), "maddison36")
    assert planes["9 dan"].all()


# --- ladders ----------------------------------------------------------------------------------------------

LADDER = """
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . {} . .
    . . . . . . . . .
    . . . . . . . . .
    . . {} . . . . . .
    . X O . . . . . .
    . . X X . . . . .
    . . . . . . . . ."""


@pytest.mark.parametrize("features", ["maddison36", "alphago48"])
def test_a_ladder_begins_on_one_side_only_and_a_stone_on_its_way_breaks_it(features: str):
    position = drawn(LADDER.format(".", "."))
    assert points(position, seen(position, features)["catches in a ladder"]) == {"C4"}
    position = drawn(LADDER.format("O", "."))
    assert points(position, seen(position, features)["catches in a ladder"]) == set()
    position = drawn(LADDER.format("X", "."))  # the catcher's own stone does no harm
    assert points(position, seen(position, features)["catches in a ladder"]) == {"C4"}


def test_running_saves_only_where_a_friend_waits():
    for stone, saving in ((".", set()), ("O", {"D3"}), ("X", set())):
        position = drawn(LADDER.format(stone, "X"), "white")
        assert points(position, seen(position, "alphago48")["saves from a ladder"]) == saving


def test_a_chain_in_atari_is_saved_by_taking_a_neighbour():
    for stone, saves in (("O", True), (".", False)):  # without it the neighbour has two liberties
        position = drawn(
            f"""
            . . . . .
            . X X {stone} .
            X O O X O
            . . X . .
            . . . . .""",
            "white",
        )
        saving = points(position, seen(position, "alphago48")["saves from a ladder"])
        assert ("D2" in saving) == saves


def test_who_is_caught_and_who_runs_is_the_movers_business():
    position = drawn(LADDER.format(".", "."), "white")
    assert not seen(position, "alphago48")["catches in a ladder"].any()


# --- against the rules ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.booleans())
def test_moves_do_what_the_planes_say(seed: int, plies: int, suicide: bool):
    rng = np.random.default_rng(seed)
    game = Go(6, suicide=suicide)
    position = Position(game)
    for _ in range(plies):
        if not position.is_terminal:
            position.apply(int(rng.choice(position.legal_actions())))
    if position.is_terminal:
        return
    planes = seen(position, "alphago48")
    legal = seen(position, "maddison36")["legal"].reshape(-1)
    side = 1 + int(position.state["to_play"][0])
    before = game.colors(position.state)
    mask = game.new_mask(1)
    game.legal_mask(position.state, mask)
    np.testing.assert_array_equal(legal.astype(bool), mask[0, :-1])
    for action in np.flatnonzero(legal):
        after = position.state.copy()
        game.step(after, np.array([action], np.int32))
        board = game.colors(after)
        row, column = divmod(int(action), 6)
        taken = int((before == 3 - side).sum() - (board == 3 - side).sum())
        assert planes[f"takes {taken}" if taken < 7 else "takes 7+"][row, column] == 1
        if board[row, column] != side:  # suicide
            continue
        probe = Position(game, after)
        liberties = _liberties(probe, game.format_action(after, int(action)))
        name = f"liberties after {liberties}" if liberties < 8 else "liberties after 8+"
        assert planes[name][row, column] == 1
        atari = sum(planes[key][row, column] for key in planes if key.startswith("self-atari"))
        assert atari == (liberties == 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 70))
def test_planes_turn_with_the_board(seed: int, plies: int):
    rng = np.random.default_rng(seed)
    game = Go(7)
    tables = game.action_symmetries
    actions: list[int] = []
    position = Position(game)
    for _ in range(plies):
        if not position.is_terminal:
            actions.append(int(rng.choice(position.legal_actions())))
            position.apply(actions[-1])
    turned = Position(game)
    symmetry = int(rng.integers(1, 8))
    for action in actions:
        turned.apply(int(tables[symmetry, action]))
    for name in SETS:
        here, there = seen(position, name), seen(turned, name)
        for plane, values in here.items():
            moved = np.empty(49, np.float32)
            moved[game.point_symmetries[symmetry]] = values.reshape(-1)
            np.testing.assert_array_equal(moved, there[plane].reshape(-1), err_msg=f"{name}: {plane}")


def test_a_set_is_an_option_of_the_game_and_states_are_the_same():
    game = make_game("go9:features=maddison36")
    assert game.name == "go:size=9,features=maddison36"
    assert game.obs_shape == (36, 9, 9)
    assert game.state_dtype == make_game("go9").state_dtype
    with pytest.raises(TengenError, match="features 'alphago' are unknown; allowed: tengen, clark-storkey"):
        make_game("go9:features=alphago")
