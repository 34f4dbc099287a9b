"""The rollout policy: its patterns, how it learns them, the games it finishes, and searches that use it."""

from pathlib import Path

import numpy as np
import pytest

from tengen.agents.mcts.evaluators import MixedLeaves, RolloutLeaves
from tengen.agents.registry import make_agent
from tengen.agents.rollout_policy import RolloutPolicy, load_rollout_policy
from tengen.cli import main
from tengen.envs.game import Floats, States
from tengen.envs.go.patterns import SCRATCH, look, pattern, pattern_classes, sensible_batch
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.envs.rng import make_rng
from tengen.errors import TengenError
from tengen.league.entrants import content_id
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.selfplay.records import Dataset, DatasetWriter, Recorded
from tengen.selfplay.rollout_training import PatternLearner
from tests.nets import SMALL

GO5, GO9 = make_game("go5"), make_game("go9")


def patterns_of(states: States, size: int) -> dict[int, int]:
    """The class of the pattern around each empty point."""
    words = states.view(np.uint8).reshape(1, -1)[0].view(np.uint16)
    liberties, status = np.zeros((2, SCRATCH), np.uint8)
    look(words, liberties, status)
    classes = pattern_classes()
    empty = np.flatnonzero(make_game(f"go{size}").colors(states).ravel() == 0)
    cells = [(p // size + 1) * (size + 1) + p % size + 1 for p in empty]
    return {int(p): int(classes[pattern(status, c, size + 1)]) for p, c in zip(empty, cells, strict=True)}


def test_a_pattern_knows_colours_edges_and_liberties():
    state = GO5.from_board(
        """
        . . . . .
        . X O . .
        . O X . .
        . . . . .
        . . . . .
        """
    )
    words = state.view(np.uint8).reshape(1, -1)[0].view(np.uint16)
    liberties, status = np.zeros((2, SCRATCH), np.uint8)
    look(words, liberties, status)

    def around(row: int, column: int) -> list[int]:
        code = pattern(status, (row + 1) * 6 + column + 1, 6)
        return [(code >> 3 * i) & 7 for i in range(4)] + [(code >> (12 + 2 * i)) & 3 for i in range(4)]

    # left, right, up, down (0 empty, 1 border, 2.. mine and 5.. the other's by liberties), then the corners
    assert around(0, 1) == [0, 0, 1, 3, 1, 1, 0, 3]  # Black's stone below has two liberties
    assert around(3, 1) == [0, 0, 6, 0, 0, 2, 0, 0]
    assert around(4, 4) == [0, 1, 0, 1, 0, 1, 1, 1]


def test_symmetric_boards_have_the_same_patterns():
    rng = np.random.default_rng(2)
    for _ in range(12):
        position = Position(GO9)
        for _ in range(40):
            position.apply(int(rng.choice(np.flatnonzero(position.legal_mask()[:-1]))))
        colors = GO9.colors(position.state)
        found = patterns_of(GO9.from_colors(colors.ravel()), 9)
        for table in GO9.point_symmetries:
            turned = np.zeros(81, np.int8)
            turned[table] = colors.ravel()
            own = patterns_of(GO9.from_colors(turned), 9)
            assert {int(table[p]): kind for p, kind in found.items()} == own
    assert len(np.unique(pattern_classes())) == pattern_classes().max() + 1 == 134_280


def test_sensible_moves_are_legal_and_fill_no_eye_and_the_pass_is_the_last():
    state = GO5.from_board(
        """
        . X . X X
        X X X X X
        X X X X X
        X X X X X
        X X X X .
        """
    )
    mask = GO5.new_mask(1)
    sensible_batch(state.view(np.uint8).reshape(1, -1), mask)
    assert np.flatnonzero(mask[0]).tolist() == [25]
    start = GO5.new_states(1)
    sensible_batch(start.view(np.uint8).reshape(1, -1), mask)
    assert mask[0, :25].all() and not mask[0, 25]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Games in which a move stands beside the last one wherever it can, else at random."""
    folder = tmp_path_factory.mktemp("rollout") / "set"
    rng = np.random.default_rng(5)
    writer = DatasetWriter(folder, GO5, test=0.2)
    for _ in range(80):
        position = Position(GO5)
        for _ in range(12):
            mask = position.legal_mask()[:25]
            last = position.actions[-1] if position.actions else 12
            near = [q for q in (last - 5, last + 5, last - 1, last + 1) if 0 <= q < 25 and mask[q]]
            near = [q for q in near if abs(q % 5 - last % 5) <= 1]
            position.apply(int(rng.choice(near if near else np.flatnonzero(mask))))
        writer.add(Recorded(tuple(position.actions), 1))
    writer.close()
    return folder


def test_it_learns_to_answer_beside_the_last_move(data: Path):
    train, test = Dataset(data).part("train"), Dataset(data).part("test")
    learner = PatternLearner(GO5)
    before = learner.step(test, np.arange(len(test)), 0.0)
    assert before["policy_loss"] == pytest.approx(np.log(before["moves"]), abs=0.1)  # all moves are alike
    assert (learner.weights == 0).all()
    order = np.random.default_rng(0).permutation(np.arange(len(train)))
    for _ in range(4):
        learner.step(train, order, 0.1)
    after = learner.step(test, np.arange(len(test)), 0.0)
    assert after["top1"] > 2 * before["top1"] and after["policy_loss"] < before["policy_loss"] - 0.5
    assert learner.weights[2, 0] > learner.weights[2, 1] + 0.5  # beside it, not at its corner


def test_the_kernel_draws_moves_as_their_weights_say():
    rng = np.random.default_rng(7)
    policy = RolloutPolicy(rng.normal(size=(3, int(pattern_classes().max()) + 1)).astype(np.float32))
    position = Position(GO5)
    for action in (6, 7, 12, 11, 18):
        position.apply(action)
    weights = policy.weights(position.state)[0]
    expected = weights / weights.sum()
    assert expected[25] == 0 and (expected[[6, 7, 12, 11, 18]] == 0).all()
    count = 4000
    games = np.repeat(position.state, count)
    games["cap"] = 6  # one ply, and the game is over
    assert policy.playout(games, make_rng(3)) == count
    drawn = np.bincount(games["recent"][:, 5], minlength=26) / count
    assert np.abs(drawn - expected).max() < 5 * np.sqrt(0.25 / count)


def test_games_end_by_themselves_with_the_same_result_for_the_same_stream():
    policy = RolloutPolicy(np.zeros((3, int(pattern_classes().max()) + 1), np.float32))
    ends = []
    for _ in range(2):
        states = GO9.new_states(20)
        policy.playout(states, make_rng(11))
        assert states["terminal"].all() and (states["ply"] > 40).all()
        ends.append(states)
    assert (ends[0] == ends[1]).all()


# --- runs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    file = folder / "rollout.yaml"
    file.write_text(
        f"kind: rollout\ngame: go5\ndata: {data}\npositions_per_update: 200\nstop: {{epochs: 2}}\n"
    )
    assert main(["train", str(file), "--run", str(folder / "run")]) == 0
    return folder / "run"


def test_a_run_resumed_equals_one_that_was_not_stopped(run: Path, data: Path, tmp_path: Path):
    recipe = str(run.parent / "rollout.yaml")
    assert main(["train", recipe, "--run", str(tmp_path / "run"), "stop={epochs: 0.0, updates: 3}"]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "stop={epochs: 2.0, updates: 0}"]) == 0
    whole, parts = (load_rollout_policy(folder, GO5) for folder in (run, tmp_path / "run"))
    np.testing.assert_array_equal(whole.table, parts.table)
    assert read_metrics(run)[-1]["test_top1"] == read_metrics(tmp_path / "run")[-1]["test_top1"]


def test_agents_search_and_play_by_it(run: Path, tmp_path: Path):
    from tests.nets import lived_in

    save_checkpoint(tmp_path / "net", lived_in(GO5, SMALL), game=GO5)  # type: ignore[arg-type]
    net = tmp_path / "net"
    for text in (
        f"rollout:{run}",
        f"rollout:{run}?temperature=0",
        f"mcts?sims=8&rollout={run}",
        f"mcts:{net}?sims=8&lambda=0.5&rollout={run}&value={net}",
        f"mcts:{net}?sims=8&lambda=1&rollouts=2",
    ):
        agent = make_agent(text, GO5, seed=1)
        agent.start(GO5, 2)
        assert (agent.choose(GO5.new_states(2), np.arange(2)) < 26).all()


class Says:
    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        return np.zeros((len(observations), 26), np.float32), np.full(
            len(observations), self.value, np.float32
        )


def test_a_leaf_is_worth_the_mixture(run: Path):
    def win_for_black(states: States, rng: object) -> None:
        full = GO5.from_colors(np.array([1] * 24 + [0], np.int8))
        full["komi2"], full["terminal"] = 0, True
        states[...] = full[0]

    rollouts = RolloutLeaves(GO5, 1, playout=win_for_black)
    states = GO5.new_states(2)
    states["to_play"] = [0, 1]
    observations = GO5.new_observation(2)
    mixed = MixedLeaves(Says(0.5), value=Says(-1.0), value_game=GO5, rollouts=rollouts, share=0.25)
    np.testing.assert_allclose(mixed.evaluate(states, observations)[1], [-0.5, -1.0])
    plain = MixedLeaves(Says(0.5), rollouts=rollouts, share=0.0)
    np.testing.assert_allclose(plain.evaluate(GO5.new_states(2), observations)[1], [0.5, 0.5])


def test_players_by_another_rollout_policy_are_other_players(run: Path, tmp_path: Path):
    from tengen.agents.registry import parse_agent
    from tengen.rundir import checkpoints

    first, *_, last = checkpoints(run).values()
    ids = {content_id(parse_agent(f"mcts?rollout={folder}"), GO5) for folder in (first, last, run)}
    assert len(ids) == 2 - (first == last)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("rollout", "rollout needs a checkpoint"),
        ("rollout:models/go9", "holds no rollout policy"),
        ("mcts:models/go9?lambda=2", "lambda must be a number from 0 to 1"),
        ("mcts:models/go9?rollout=x", "with lambda"),
        ("mcts:models/go9?rollouts=2&lambda=0", "leaves nothing to rollouts"),
        ("mcts?lambda=0.5", "is for mcts with a network"),
        ("mcts?value=models/go9", "is for mcts with a network"),
    ],
)
def test_what_an_agent_string_lacks_is_told(agent: str, words: str):
    with pytest.raises(TengenError, match=words):
        make_agent(agent, GO9)


def test_what_cannot_be_trained_or_loaded_is_told(run: Path, data: Path):
    with pytest.raises(TengenError, match="holds a rollout policy, no network"):
        load_checkpoint(run)
    with pytest.raises(TengenError, match="is a rollout policy for Go, and cannot play checkers"):
        make_agent(f"rollout:{run}", make_game("checkers"))
    recipe = run.parent / "rollout.yaml"
    assert main(["train", str(recipe), "game=checkers"]) == 2
