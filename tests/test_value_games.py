"""Value networks from self-play positions, one of each game: who plays when, what is kept, a whole run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tengen.cli import main
from tengen.envs.game import Floats, Game
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.metrics import read_metrics
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.heads import BoardNetwork, NetworkOutput
from tengen.networks.spec import NetworkConfig, spec_for
from tengen.networks.stack import make_network
from tengen.selfplay.held_out import HeldOut
from tengen.selfplay.policy_games import Actor
from tengen.selfplay.records import Dataset, DatasetWriter, Recorded
from tengen.selfplay.supervised_data import plies_of
from tengen.selfplay.value_config import ValueGamesConfig
from tengen.selfplay.value_games import NO_POSITION, latest_ply, play_portion, write_dataset

SHORT = "go:size=4,komi=0.5,cap=16"
GO4, GO5 = make_game(SHORT), make_game("go5")
SMALL = NetworkConfig(blocks=1, channels=8, head_channels=4, value_hidden=8)


class Ordered:
    """A network that wants the points in order, or against it."""

    def __init__(self, sign: float) -> None:
        self.sign = sign

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        logits = np.tile(100 * self.sign * -np.arange(26, dtype=np.float32), (len(observations), 1))
        return logits, np.zeros(len(observations), np.float32)


def test_one_policy_opens_chance_makes_one_move_and_another_policy_ends_the_game():
    actors = [Actor(GO5, Ordered(1.0)), Actor(GO5), Actor(GO5, Ordered(-1.0))]
    settings = ValueGamesConfig(policy="-", latest_ply=10)
    arrays = play_portion(settings, GO5, actors, 40, np.random.default_rng(2))
    assert (arrays["chosen"] >= 1).all() and set(arrays["chosen"]) == set(range(1, 11))
    begins = np.cumsum(arrays["lengths"]) - arrays["lengths"]
    surprises = 0
    for begin, length, chosen in zip(begins, arrays["lengths"], arrays["chosen"], strict=True):
        actions = arrays["actions"][begin : begin + length]
        position = Position(GO5)
        for ply, action in enumerate(actions[: chosen + 1]):
            legal = np.flatnonzero(position.legal_mask()[:25])
            if ply < chosen - 1:
                assert action == legal[0]
            elif ply == chosen:
                assert action == legal[-1]
            else:
                surprises += action not in (legal[0], legal[-1])
            position.apply(int(action))
    assert surprises > 25


def test_games_that_end_before_their_position_give_none():
    settings = ValueGamesConfig(policy="-", latest_ply=200)
    actors = [Actor(GO5), Actor(GO5), Actor(GO5)]
    arrays = play_portion(settings, GO5, actors, 30, np.random.default_rng(2))
    late = arrays["chosen"] == NO_POSITION
    assert 0 < late.sum() < 30
    assert latest_ply(ValueGamesConfig(policy="-"), GO5) == 31
    assert latest_ply(ValueGamesConfig(policy="-"), make_game("go19")) == 451


def test_the_data_set_marks_each_games_position_with_the_movers_result(tmp_path: Path):
    from safetensors.numpy import save

    arrays = play_portion(
        ValueGamesConfig(policy="-", latest_ply=12), GO5, [Actor(GO5)] * 3, 20, np.random.default_rng(3)
    )
    (tmp_path / "p").write_bytes(save(dict(arrays)))
    write_dataset(GO5, [tmp_path / "p"], tmp_path / "set", test=0.3)
    for split in ("train", "test"):
        part = Dataset(tmp_path / "set").part(split)
        plies = plies_of(part, 0, "valued", 0)
        assert len(plies) == len(part.lengths)
        samples = part.at(GO5, plies)
        np.testing.assert_array_equal(samples.values, samples.outcomes)
        assert set((plies - part.starts[part.game_of[plies]]).tolist()) <= set(arrays["chosen"].tolist())


def test_one_position_of_each_game_is_drawn_by_the_seed(tmp_path: Path):
    writer = DatasetWriter(tmp_path / "set", GO5, test=0.0)
    for number in range(12):
        writer.add(Recorded((number, *(p for p in range(12, 20))), 1))
    writer.close()
    part = Dataset(tmp_path / "set").part("train")
    one, again, other = (plies_of(part, 2, "one", seed) for seed in (1, 1, 2))
    assert part.game_of[one].tolist() == list(range(12))
    assert one.tolist() == again.tolist() != other.tolist()
    assert (one - part.starts[part.game_of[one]] >= 2).all()


class SaysBlackWins(BoardNetwork):
    """A network of a fixed opinion: 3 to 1 that the side to move wins."""

    def forward(self, obs: torch.Tensor) -> NetworkOutput:
        value = torch.log(torch.tensor([0.75, 1e-9, 0.25])).expand(len(obs), 3)
        return NetworkOutput(torch.zeros(len(obs), 26), value, None, None)


def test_error_and_calibration_of_a_fixed_opinion(tmp_path: Path):
    writer = DatasetWriter(tmp_path / "set", GO5, test=1.0)
    for number in range(
        10
    ):  # Black, who is to move at every even ply, wins all; one ply of each is looked at
        writer.add(Recorded((number, 12 if number != 12 else 13), 1, (1.0,)))
    writer.close()
    held_out = HeldOut(Dataset(tmp_path / "set").part("test"), GO5, 100, kind="valued")
    found = held_out.test(SaysBlackWins(), torch.device("cpu"), 1)
    assert found["test_value_accuracy"] == 1.0
    assert found["test_value_mse"] == pytest.approx((1 - 0.5) ** 2)
    assert found["test_value_calibration"] == pytest.approx(0.25)


# --- a run ------------------------------------------------------------------------------------------------


def saved(folder: Path, game: Game, seed: int) -> Path:
    torch.manual_seed(seed)
    save_checkpoint(folder, make_network(SMALL, spec_for(game)), game=game)
    return folder


def recipe(tmp_path: Path, **more: str) -> list[str]:
    seen = make_game(f"{SHORT},features=clark-storkey")
    first, second = saved(tmp_path / "first", seen, 1), saved(tmp_path / "second", GO4, 2)
    file = tmp_path / "value.yaml"
    file.write_text(
        f"kind: value\ngame: '{SHORT},features=alphago49'\nseed: 3\n"
        f"games: {{policy: {second}, opening: {first}, threads: 1, count: 400, at_once: 100,"
        " latest_ply: 15, test: 0.2}\n"
        "network: {architecture: alphago-value, channels: 8, convolutions: 2}\n"
        "learner: {batch_size: 32, threads: 1, warmup_steps: 2, average_decay: 0.8, learning_rate: 0.01}\n"
        "steps_per_update: 20\nevaluation: {every_minutes: 60}\nstop: {updates: 5}\n"
    )
    return ["train", str(file), "--run", str(tmp_path / "run"), *(f"{k}={v}" for k, v in more.items())]


def test_a_run_plays_learns_and_foretells_winners(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(recipe(tmp_path)) == 0
    last = read_metrics(tmp_path / "run")[-1]
    assert last["test_value_accuracy"] > 0.6 and last["test_value_mse"] < 0.95
    network, meta = load_checkpoint(tmp_path / "run" / "best")
    assert meta.planes == make_game("go:size=4,features=alphago49").planes
    assert network.config.architecture == "alphago-value"
    assert not (tmp_path / "run" / "portions").exists()
    assert "mean squared error" in capsys.readouterr().err
    assert main(["train", "--resume", str(tmp_path / "run"), "stop.updates=6"]) == 0
    assert read_metrics(tmp_path / "run")[-1]["step"] == 6


def test_games_that_are_there_are_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from tengen.selfplay import value_games

    words = recipe(tmp_path, **{"stop.updates": "1"})
    portions: list[int] = []
    play = value_games.play_portion

    def noted(*rest: object) -> object:
        portions.append(1)
        if len(portions) == 3:
            raise KeyboardInterrupt
        return play(*rest)  # type: ignore[arg-type]

    monkeypatch.setattr(value_games, "play_portion", noted)
    assert main(words) == 130
    assert len(list((tmp_path / "run" / "portions").iterdir())) == 2
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    assert len(portions) == 3 + 2  # 4 portions in all, of which two were there
    assert Dataset(tmp_path / "run" / "value-games").part("train").lengths.sum() > 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"games.policy": "runs/none"}, "there is no such checkpoint"),
        ({"games.opening": "models/pong"}, "holds action values"),
        ({"network": "{architecture: maddison, channels: 8, convolutions: 2}"}, "has no value head"),
        ({"games.count": "0"}, "games.count: 0 is out of range"),
        ({"game": "checkers"}, "cannot play checkers"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, str], words: str
):
    if "network" in more or "game" in more:
        more = {**more, "network.architecture": "maddison" if "network" in more else "alphago-value"}
        more.pop("network", None)
    assert main(recipe(tmp_path, **more)) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
