"""The compiled rules of Go against the slow referee, ply by ply, on random games."""

import numpy as np
import pytest

from tengen.envs.go import Go
from tengen.envs.go.layout import CELL, POINTS, WHITE_TO_MOVE, ZOBRIST
from tests.referee_go import WHITE, Referee

# Size -> games for each of the six rule sets: more than two thousand in all.
GAMES = {2: 200, 3: 120, 4: 40, 5: 12, 6: 6, 7: 3, 8: 2, 9: 2}
RULES = [(rules, suicide) for rules in ("positional", "situational", "simple") for suicide in (False, True)]
NAMED = {
    "own": 0,
    "opponent": 1,
    "liberties": 2,
    "forbidden": 5,
    "captures": 6,
    "last": 7,
    "passed": 12,
    "black": 13,
}


def hash_of(referee: Referee) -> int:
    """The position's hash from nothing but the board and the table of keys."""
    keys = 0
    for point, color in enumerate(referee.board):
        if color:
            row, column = divmod(point, referee.size)
            cell = (row + 1) * (referee.size + 1) + column + 1
            keys ^= int(ZOBRIST[(POINTS + CELL * cell) // 4 + color])
    if referee.rules == "situational" and referee.to_play == WHITE:
        keys ^= int(WHITE_TO_MOVE)
    return keys


def planes_of(referee: Referee, played: list[int], komi: float) -> np.ndarray:
    """The observation [C, P] by the referee's eyes."""
    points = referee.size**2
    planes = np.zeros((16, points), np.float32)
    for point, color in enumerate(referee.board):
        if color:
            planes[NAMED["own"] if color == referee.to_play else NAMED["opponent"], point] = 1
            liberties = len(referee.liberties(referee.board, point))
            if liberties <= 3:
                planes[NAMED["liberties"] + liberties - 1, point] = 1
        else:
            fault = referee.why_not(point)
            planes[NAMED["forbidden"], point] = fault == "repeats"
            planes[NAMED["captures"], point] = not fault and bool(referee.after(point)[1])
    for i, move in enumerate(reversed(played[-5:])):
        if move < points:
            planes[NAMED["last"] + i, move] = 1
    planes[NAMED["passed"]] = bool(played) and played[-1] == points
    planes[NAMED["black"]] = referee.to_play != WHITE
    planes[14] = (komi if referee.to_play == WHITE else -komi) / 15
    planes[15] = 1
    return planes


@pytest.mark.parametrize(("rules", "suicide"), RULES)
@pytest.mark.parametrize("size", GAMES)
def test_random_games_agree_with_the_referee(size: int, rules: str, suicide: bool) -> None:
    games = GAMES[size]
    game = Go(size, komi=2.5, rules=rules, suicide=suicide, cap=3 * size * size + 20)
    rng = np.random.default_rng([size, suicide, len(rules)])
    states, referees = game.new_states(games), [Referee(size, rules, suicide) for _ in range(games)]
    played: list[list[int]] = [[] for _ in range(games)]
    mask, planes = game.new_mask(games), game.new_observation(games)
    owners, score = np.empty((games, size * size), np.int8), np.empty(games, np.float32)
    repeats = 0
    while not states["terminal"].all():
        game.legal_mask(states, mask)
        looked = int(rng.integers(4)) == 0  # at planes and scores, at every fourth ply
        if looked:
            game.observe(states, planes)
            game.ownership(states, owners)
            game.score(states, score)
        actions = np.full(games, size * size)
        for i, referee in enumerate(referees):
            over = referee.passes == 2 or len(played[i]) >= game.max_plies
            assert states["terminal"][i] == over
            if over:
                assert not mask[i].any()
                continue
            legal = referee.legal()
            assert np.flatnonzero(mask[i]).tolist() == legal
            assert int(states["hash"][i]) == hash_of(referee)
            assert states["to_play"][i] == referee.to_play - 1
            if rules == "simple":
                repeats += referee.ko is not None
            elif looked:
                repeats += sum(referee.why_not(p) == "repeats" for p in range(size * size))
            if looked:
                seen = planes[i].reshape(16, -1)
                np.testing.assert_array_equal(seen, planes_of(referee, played[i], 2.5))
                assert owners[i].tolist() == referee.owners()
                assert score[i] == sum(referee.owners()) - 2.5
            # Passes are rare, so that games on small boards go around in circles.
            stones = legal[:-1]
            actions[i] = rng.choice(stones) if stones and rng.random() < 0.97 else size * size
            referee.play(int(actions[i]))
            played[i].append(int(actions[i]))
        # A finished game has no legal action to apply: step the others alone.
        live = np.flatnonzero(~states["terminal"])
        part = states[live]
        game.step(part, actions[live])
        states[live] = part
        for i in live:
            assert game.colors(states[i : i + 1]).reshape(-1).tolist() == list(referees[i].board)
    # No simple ko fits on 2x2, and few games on large boards see one.
    assert repeats > 0 or size == 2 or size > 4


def is_eye(referee: Referee, point: int) -> bool:
    """An own eye as playouts understand it: my stones around, and not too many of theirs at the corners."""
    if any(referee.board[n] != referee.to_play for n in referee.neighbours(point)):
        return False
    row, column = divmod(point, referee.size)
    corners = [(row + i, column + j) for i in (-1, 1) for j in (-1, 1)]
    on_board = [(r, c) for r, c in corners if 0 <= r < referee.size and 0 <= c < referee.size]
    theirs = sum(referee.board[r * referee.size + c] == 3 - referee.to_play for r, c in on_board)
    return theirs <= (1 if len(on_board) == 4 else 0)


@pytest.mark.parametrize(("size", "seed"), [(2, 1), (3, 2), (4, 3), (5, 4), (5, 5), (7, 6)])
def test_playouts_make_legal_moves_that_fill_no_eye_and_pass_only_where_none_is_left(
    size: int, seed: int
) -> None:
    referee = Referee(size)
    for ply in range(1, 200):
        # With one seed, a game cut after each ply in turn shows its moves.
        game = Go(size, cap=max(ply, 2))
        state = game.new_states(1)
        state["cap"] = ply
        game.playout(state, np.array([seed], np.uint64))
        assert state["ply"][0] == ply
        move = int(state["recent"][0, (ply - 1) % 8])
        open_points = [p for p in referee.legal()[:-1] if not is_eye(referee, p)]
        assert move in open_points if open_points else move == size * size
        referee.play(move)
        if referee.passes == 2:
            return
    raise AssertionError("the game did not end")


def test_playouts_choose_uniformly() -> None:
    game = Go(3, cap=2)
    states = np.repeat(game.from_board("X . .\nX X X\n. X .", to_play=0), 12_000)
    states["cap"] = 1
    game.playout(states, np.array([7], np.uint64))
    counts = np.bincount(states["recent"][:, 0], minlength=10)
    # Open to Black are B3 and C3 (two points of one region), A1 and C1 are eyes.
    assert counts[[1, 2]].sum() == 12_000 and abs(counts[1] - 6000) < 5 * np.sqrt(3000)
