"""Learning from recorded games: what is drawn, learned and measured, and a run taken up again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.metrics import read_metrics
from tengen.networks.heads import BoardNetwork, NetworkOutput
from tengen.networks.paths import WEIGHTS
from tengen.rundir import checkpoints
from tengen.selfplay.held_out import HeldOut
from tengen.selfplay.learner import Learner
from tengen.selfplay.records import NO_RESULT, Dataset, DatasetWriter, Recorded
from tengen.selfplay.resume import OPTIMIZER
from tengen.selfplay.supervised_config import SupervisedConfig, SupervisedLearnerConfig
from tengen.selfplay.supervised_data import EpochBatches, as_batch, open_dataset, value_targets

GO5 = make_game("go5")


def spiral(position: Position) -> int:
    """The first legal point from the top left on: moves that are easily foretold."""
    return next(action for action in position.legal_actions())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Games that begin at random and go on by a simple rule; who began won."""
    folder = tmp_path_factory.mktemp("data") / "set"
    rng = np.random.default_rng(5)
    writer = DatasetWriter(folder, GO5, test=0.2)
    for number in range(60):
        position = Position(GO5)
        while len(position.actions) < 14:
            random = len(position.actions) < 4
            position.apply(int(rng.integers(25)) if random and _tries(position, rng) else spiral(position))
        writer.add(Recorded(tuple(position.actions), NO_RESULT if number % 10 == 9 else 1))
    writer.close()
    return folder


def _tries(position: Position, rng: np.random.Generator) -> bool:
    """Whether the next random point is legal; leaves the generator as it was."""
    state = rng.bit_generator.state
    is_legal = bool(position.legal_mask()[int(rng.integers(25))])
    rng.bit_generator.state = state
    return is_legal


def recipe(tmp_path: Path, data: Path, **more: str) -> list[str]:
    file = tmp_path / "moves.yaml"
    file.write_text(
        f"kind: supervised\ngame: go5\ndata: {data}\nseed: 2\n"
        "network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}\n"
        "learner: {batch_size: 32, threads: 1, warmup_steps: 2, average_decay: 0.5}\n"
        "steps_per_update: 7\n"
        "evaluation: {every_minutes: 60, positions: 100}\nstop: {updates: 6}\n"
    )
    return [str(file), *(f"{key}={value}" for key, value in more.items())]


# --- what is drawn ----------------------------------------------------------------------------------------


def test_an_epoch_draws_every_position_once_and_the_next_in_another_order(data: Path):
    part = Dataset(data).part("train")
    batches = EpochBatches(part, GO5, 32, seed=1, symmetries=False)
    seen = []
    for number in range(2 * batches.batches):
        batches.make(number)
        index = number % batches.batches
        seen.append(batches._order[index * 32 : (index + 1) * 32])
    batches.close()
    first, second = np.concatenate(seen[: batches.batches]), np.concatenate(seen[batches.batches :])
    assert len(set(first.tolist())) == len(first) == len(part) // 32 * 32
    assert first.tolist() != second.tolist()


def test_a_batch_is_the_same_whoever_asks_and_when(data: Path):
    part = Dataset(data).part("train")
    one, other = (EpochBatches(part, GO5, 16, seed=3) for _ in range(2))
    for number in range(3):
        one.batch(number)
    for name in ("observations", "policy", "value"):
        np.testing.assert_array_equal(getattr(one.batch(40), name), getattr(other.batch(40), name))
    assert (one.batch(0).observations != one.batch(1).observations).any()
    one.close()
    other.close()


def test_moves_turn_with_the_board(data: Path):
    part = Dataset(data).part("train")
    plies = np.arange(40)
    plain = as_batch(part.at(GO5, plies), GO5)
    turned = as_batch(part.at(GO5, plies), GO5, np.random.default_rng(0))
    chosen = np.random.default_rng(0).integers(8, size=40)
    for i in range(40):
        action = int(plain.policy[i].argmax())
        assert turned.policy[i].argmax() == GO5.action_symmetries[chosen[i], action]
        own, other = plain.observations[i, 0].ravel(), turned.observations[i, 0].ravel()
        np.testing.assert_array_equal(own, other[GO5.point_symmetries[chosen[i]]])


def test_skipped_plies_are_not_learned_from(data: Path):
    part = Dataset(data).part("train")
    batches = EpochBatches(part, GO5, 8, seed=1, skip=10)
    batches.close()
    assert len(batches.plies) == 4 * len(part.lengths)
    with pytest.raises(TengenError, match="less than a batch of 9,999"):
        EpochBatches(part, GO5, 9999, seed=1)


def test_results_that_nobody_knows_cost_nothing():
    outcomes = np.array([1, 0, -1, NO_RESULT], np.int8)
    assert value_targets(outcomes).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


# --- what is measured -------------------------------------------------------------------------------------


class Rule(BoardNetwork):
    """Foretells the rule that the games are played by: the first empty point."""

    def __init__(self, bonus: float) -> None:
        super().__init__()
        self.bonus = bonus

    def forward(self, obs: torch.Tensor) -> NetworkOutput:
        empty = 1 - (obs[:, 0] + obs[:, 1]).flatten(1)  # [B, P]
        logits = -torch.arange(26.0).expand(len(obs), 26) * self.bonus
        logits = torch.cat((logits[:, :25] * empty - 99 * (1 - empty), logits[:, 25:]), 1)
        to_win = obs[:, 13, 0, 0] * 2 - 1  # Black began, and won
        return NetworkOutput(logits, torch.stack((to_win, to_win * 0 - 9, -to_win), 1), None, None)


def test_held_out_moves_are_foretold_by_who_knows_the_rule(data: Path):
    part = Dataset(data).part("test")
    late = HeldOut(part, GO5, 10_000, skip=4)
    assert len(late.plies) == 10 * len(part.lengths)
    found = late.test(Rule(1.0), torch.device("cpu"), 1)
    assert found["test_top1"] > 0.95  # suicide is left to the mask
    assert found["test_value_accuracy"] == 1
    worst = late.test(Rule(-1.0), torch.device("cpu"), 1)
    assert worst["test_top1"] < 0.2 < worst["test_policy_loss"]
    assert found["test_top5"] >= found["test_top1"]


def test_forced_moves_are_counted_apart(tmp_path: Path):
    game = make_game("checkers")
    rng = np.random.default_rng(2)
    writer = DatasetWriter(tmp_path / "set", game, test=0.5)
    forced = 0
    for _ in range(6):
        position = Position(game)
        while not position.is_terminal and len(position.actions) < 60:
            position.apply(int(rng.choice(position.legal_actions())))
        writer.add(Recorded(tuple(position.actions), 0))
    writer.close()
    part = Dataset(tmp_path / "set").part("test")
    for plies in np.split(np.arange(len(part)), np.cumsum(part.lengths)[:-1]):
        position = Position(game)
        for ply in plies:
            forced += len(position.legal_actions()) == 1
            position.apply(int(part.actions[ply]))
    held_out = HeldOut(part, game, 10_000)

    class Uniform(BoardNetwork):
        def forward(self, obs: torch.Tensor) -> NetworkOutput:
            return NetworkOutput(torch.zeros(len(obs), 128), torch.zeros(len(obs), 3), None, None)

    found = held_out.test(Uniform(), torch.device("cpu"), 1)
    assert found["test_positions"] == len(part) - forced
    assert found["test_forced"] == pytest.approx(forced / len(part))
    assert forced > 0


# --- a run ------------------------------------------------------------------------------------------------


def test_a_run_learns_the_rule_and_its_network_plays(tmp_path: Path, data: Path):
    run = tmp_path / "run"
    words = recipe(tmp_path, data, **{"stop.updates": "30", "learner.symmetries": "false"})
    assert main(["train", *words, "learner.learning_rate=0.01", "--run", str(run)]) == 0
    metrics = read_metrics(run)
    last = metrics[-1]
    assert last["test_top1"] > 0.5 > 2 / 22  # of some twenty legal moves
    assert last["positions"] == 30 * 7 * 32
    assert last["policy_loss"] < metrics[0]["policy_loss"] / 2
    agent = make_agent(f"policy:{run}/best", GO5)
    state = GO5.new_states(1)
    assert 0 <= int(agent.choose(state, np.zeros(1, np.int64))[0]) <= 25


def test_a_run_stopped_in_mid_epoch_goes_on_as_if_it_had_not(tmp_path: Path, data: Path):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    words = recipe(tmp_path, data)
    assert main(["train", *words, "--run", str(whole)]) == 0
    # The schedule goes by updates, so that the first half must have the same end in sight.
    constant = [*words, "learner.final_learning_rate=0.001"]
    assert main(["train", *constant, "--run", str(tmp_path / "constant")]) == 0
    assert main(["train", *constant, "stop.updates=3", "--run", str(parted)]) == 0
    assert main(["train", "--resume", str(parted), "stop.updates=6"]) == 0
    for name in (WEIGHTS, OPTIMIZER):
        one, other = (
            load_file(list(checkpoints(run).values())[-1] / name) for run in (tmp_path / "constant", parted)
        )
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_a_papers_network_and_planes_and_an_agent_that_sees_them(tmp_path: Path, data: Path):
    run = tmp_path / "run"
    file = tmp_path / "paper.yaml"
    file.write_text(
        f"kind: supervised\ngame: go5:features=clark-storkey\ndata: {data}\n"
        "network: {architecture: clark-storkey, channels: 4, convolutions: 2, value: true}\n"
        "learner: {batch_size: 16, threads: 1}\nsteps_per_update: 2\nstop: {updates: 2}\n"
    )
    assert main(["train", str(file), "--run", str(run)]) == 0
    agent = make_agent(f"policy:{run}", GO5)  # which is the game with our own planes
    states = GO5.new_states(3)
    legal = GO5.new_mask(3)
    GO5.legal_mask(states, legal)
    searcher = make_agent(f"mcts:{run}?sims=4", GO5)
    for player in (agent, searcher):
        assert legal[np.arange(3), player.choose(states, np.arange(3))].all()
        player.start(GO5, 3)  # as matches do
        assert legal[np.arange(3), player.choose(states, np.arange(3))].all()


def test_a_run_ends_when_it_no_longer_gets_better(tmp_path: Path, data: Path):
    words = recipe(tmp_path, data, **{"evaluation.every_minutes": "1e-9", "evaluation.patience": "2"})
    run = tmp_path / "run"
    assert main(["train", *words, "learner.learning_rate=1e-12", "stop.updates=50", "--run", str(run)]) == 0
    assert 3 <= len(read_metrics(run)) < 50
    state = json.loads((list(checkpoints(run).values())[-1] / "state.json").read_text())["extra"]
    assert state["tests_since_best"] == 2


def test_averaged_networks_keep_their_indices():
    from tengen.networks.spec import spec_for
    from tengen.networks.stack import make_network
    from tengen.networks.stack_config import StackConfig

    game = make_game("go7:features=clark-storkey")
    config = StackConfig(architecture="clark-storkey", channels=4, convolutions=2)
    network = make_network(config, spec_for(game))
    learner = Learner(network, SupervisedLearnerConfig(average_decay=0.999, threads=1).as_learner())
    before = [buffer.clone() for buffer in network.buffers()]
    states = game.new_states(4)
    observations = game.new_observation(4)
    game.observe(states, observations)
    samples = np.zeros(4, np.int32), np.ones(4, np.int8), np.full(4, np.nan, np.float32)
    from tengen.selfplay.recorded_positions import Samples

    for _ in range(3):
        learner.step(as_batch(Samples(observations, *samples), game))
    for one, other in zip(before, learner.acting().buffers(), strict=True):
        assert torch.equal(one, other)


def test_data_of_another_game_and_wrong_keys_are_one_sentence(tmp_path: Path, data: Path, capsys):
    words = recipe(tmp_path, data)
    for more, told in (
        (["game=go7"], "holds games of go5, and the run is of go7"),
        (["data=/nowhere"], "/nowhere"),
        (["game=checkers"], "holds games of go5"),
        (["network.blocsk=3"], "did you mean network.blocks"),
        (["game=go5:features=other"], "features 'other' are unknown"),
    ):
        assert main(["train", *words, *more, "--run", str(tmp_path / "x")]) == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "x").exists()
    with pytest.raises(TengenError, match="holds games of go5"):
        open_dataset(str(data), make_game("go9"))
    assert SupervisedConfig(game="go19", data="x").network.model_dump()["blocks"] == 4
