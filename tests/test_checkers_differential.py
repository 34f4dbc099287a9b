"""The compiled rules of English draughts against the slow referee, on thousands of random games."""

import numpy as np
import pytest

from tengen.envs.checkers import Checkers
from tengen.envs.checkers.rules import position_hash
from tengen.envs.game import States
from tengen.envs.rng import make_rng
from tests.referee_checkers import Referee, place_of, square_at

game = Checkers()
WINNER = {"b": 1, "w": -1, "draw": 0}


def step_of(action: int, white: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Start and direction of an action on the page, worked out from its documented meaning."""
    square, direction = divmod(action, 4)
    row, column = place_of(square + 1)
    dr, dc = [(1, -1), (1, 1), (-1, -1), (-1, 1)][direction]
    return ((7 - row, 7 - column), (-dr, -dc)) if white else ((row, column), (dr, dc))


STEPS = [[step_of(action, white) for action in range(128)] for white in (False, True)]


def legal_by_referee(referee: Referee) -> dict[int, tuple[tuple[int, int], tuple[int, int]]]:
    """Action -> (start, end) of every legal step."""
    table = {step: action for action, step in enumerate(STEPS[referee.side == "w"])}
    out = {}
    for start, end in referee.moves():
        far = abs(end[0] - start[0])
        direction = (end[0] - start[0]) // far, (end[1] - start[1]) // far
        out[table[start, direction]] = start, end
    return out


def check_hashes(states: States) -> None:
    for state in states:
        black, white, kings, jumper = state["board"].tolist()
        assert int(state["hash"]) == position_hash(black, white, kings, jumper, int(state["to_play"]))


def compare(states: States, referees: list[Referee], seed: int) -> dict[str, int]:
    """Play random games by both to the end; how many ended in each way."""
    rng = np.random.default_rng(seed)
    endings = {"b": 0, "w": 0, "draw": 0, "jumps on": 0}
    while len(states):
        mask = game.new_mask(len(states))
        game.legal_mask(states, mask)
        actions = np.where(mask, rng.random(mask.shape), -1.0).argmax(1).astype(np.int32)
        for i, referee in enumerate(referees):
            legal = legal_by_referee(referee)
            assert set(legal) == set(np.flatnonzero(mask[i]).tolist())
            endings["jumps on"] += referee.jumper is not None
            referee.play(*legal[int(actions[i])])
        game.step(states, actions)
        results = [referee.result() for referee in referees]
        for i, (referee, result) in enumerate(zip(referees, results, strict=True)):
            assert states["terminal"][i] == (result is not None)
            assert states["to_play"][i] == (referee.side == "w")
            assert states["quiet"][i] == referee.quiet
            if result:
                assert states["result"][i] == WINNER[result]
                endings[result] += 1
        on = ~states["terminal"]
        check_hashes(states[:3])
        states = states[on]
        referees = [referee for referee, going in zip(referees, on, strict=True) if going]
    return endings


@pytest.mark.parametrize("seed", range(4))
def test_random_games_from_the_start(seed: int):
    endings = compare(game.new_states(500), [Referee() for _ in range(500)], seed)
    assert min(endings.values()) > 0


def test_random_endings_with_few_pieces():
    """Kings in the open repeat positions and run out of turns much more often."""
    rng = np.random.default_rng(0)
    texts, referees = [], []
    while len(referees) < 150:
        count = int(rng.integers(2, 5))
        squares = rng.permutation(32)[:count] + 1
        sides = ["b", "w", *rng.choice(["b", "w"], count - 2)]
        side = str(rng.choice(["b", "w"]))
        referee = Referee.at({int(s): c.upper() for s, c in zip(squares, sides, strict=True)}, side)
        if referee.result():
            continue
        fields = {
            c: ",".join(
                f"K{square_at(*place)}" for place, piece in referee.pieces.items() if piece == c.upper()
            )
            for c in "bw"
        }
        texts.append(f"{side.upper()}:W{fields['w']}:B{fields['b']}")
        referees.append(referee)
    states = np.concatenate([game.from_text(text) for text in texts])
    endings = compare(states, referees, 1)
    assert endings["draw"] > 20


def test_playouts_play_by_the_rules():
    """Playouts end as games do: same mean length and share of draws as action-by-action random play."""
    states = game.new_states(4000)
    game.playout(states, make_rng(1))
    plain = game.new_states(1000)
    super(Checkers, game).playout(plain, make_rng(2))
    check_hashes(states[:100])
    for field, scale in (("ply", 25.0), ("result", 1.0)):
        a, b = states[field].mean(), plain[field].mean()
        assert abs(a - b) < 5 * scale / np.sqrt(1000) * 1.2
    assert states["terminal"].all() and (states["ply"] > 10).all()
    assert set(states["result"].tolist()) == {-1, 0, 1}


def test_hashes_tell_positions_apart():
    """Side to move and the piece in mid-jump are part of the position."""
    texts = [
        "B:W14,22,32:B9,18",
        "W:W14,22,32:B9,18",
        "B:W14,22,32:B9,18:J18",
        "B:W14,22,32:B9,K18",
        "B:W14,22:B9,18",
    ]
    assert len({int(game.from_text(text)["hash"][0]) for text in texts}) == len(texts)
