"""Games as data sets: what is kept of a file, what is left out and why, and that positions come back."""

import json
from pathlib import Path

import numpy as np
import pytest

from tengen.agents.engines.uci_wire import value_of_centipawns
from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.cli.records_generate import finished_rounds
from tengen.envs.chess.pgn import evals_of, iter_pgn
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.chess_openings import deck_openings
from tengen.selfplay.generate import GenerateOptions, generate, opening_of
from tengen.selfplay.records import Dataset, DatasetWriter, Recorded, game_key, split_of

GAME = make_game("chess")
PGN = """[White "a"]
[Black "b"]
[Result "1-0"]

1. e4 { [%eval 0.30] } 1... e5 (1... c5 { [%eval 9] }) 2. Bc4 Nc6 { a word, [%eval 0.50] [%clk 0:01] }
3. Qh5 Nf6 { [%eval #1] } 4. Qxf7# 1-0

[White "the same again"]
[Result "1-0"]

1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6 4. Qxf7# 1-0

[White "unfinished"]
[Result "*"]

1. e4 e5 *

[White "wrong"]
[Result "0-1"]

1. e4 e5 2. Ke3 0-1

[White "short"]
[Result "0-1"]

1. e4 0-1

[White "from elsewhere"]
[FEN "4k3/8/8/8/8/8/4P3/4K3 w - - 0 1"]
[Result "1/2-1/2"]

1. e4 Kd7 2. e5 Ke6 1/2-1/2

[White "played on after a third occurrence"]
[Result "0-1"]

1. Nf3 Nf6 2. Ng1 Ng8 3. Nf3 Nf6 4. Ng1 Ng8 5. Nf3 Nf6 0-1
"""


def imported(tmp_path: Path, *more: str) -> Dataset:
    file = tmp_path / "games.pgn"
    file.write_text(PGN)
    assert (
        main(["records", "import", str(file), "--out", str(tmp_path / "set"), "--shortest", "3", *more]) == 0
    )
    return Dataset(tmp_path / "set")


def test_what_is_kept_and_what_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = imported(tmp_path, "--json")
    (source,) = json.loads(capsys.readouterr().out.splitlines()[-1])["sources"]
    assert (source["games"], source["kept"], source["doubles"], source["left_out"]) == (7, 2, 1, 4)
    assert source["reasons"] == {
        "no result": 1,
        "faulty": 1,
        "too short": 1,
        "other start or rules": 1,
    }
    dataset.verify()
    games = {split: dataset.manifest["parts"][split]["games"] for split in ("train", "test")}
    assert sum(games.values()) == 2
    part = dataset.part("train")
    assert sorted(part.lengths.tolist()) == [7, 8]  # the last one ends where our rules end it


def test_values_are_the_movers_and_variations_are_not_heard(tmp_path: Path) -> None:
    part = imported(tmp_path).part("train")
    game = part.lengths.tolist().index(7)
    begin = int(part.starts[game])
    values = part.values[begin : begin + 7].astype(float)
    expected = [value_of_centipawns(30), np.nan, np.nan, -value_of_centipawns(50), np.nan, -1, np.nan]
    np.testing.assert_allclose(values, expected, atol=1e-3)
    (first, *_) = iter_pgn((tmp_path / "games.pgn").open("rb"))
    assert evals_of(first) == {1: 30, 4: 50, 6: float("inf")}


def test_positions_come_back_as_they_were_played(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    writer = DatasetWriter(tmp_path / "set", GAME, test=0.0, shard_games=7)
    games = []
    for outcome in (1, 0, -1) * 7:
        position = Position(GAME)
        for _ in range(int(rng.integers(5, 40))):
            if not position.is_terminal:
                position.apply(int(rng.choice(position.legal_actions())))
        games.append(position)
        writer.add(Recorded(tuple(position.actions), outcome, tuple([0.5] * len(position.actions))))
    writer.close()
    dataset = Dataset(tmp_path / "set")
    assert len(list(dataset.shards("train"))) == 3
    part = dataset.part("train")
    plies = rng.integers(len(part), size=50)
    samples = part.at(GAME, plies)
    expected = GAME.new_observation(1)
    for i, ply in enumerate(plies):
        number = int(part.game_of[ply])
        count = int(ply - part.starts[number])
        position = Position(GAME)
        for action in games[number].actions[:count]:
            position.apply(action)
        GAME.observe(position.state, expected)
        assert (samples.observations[i] == expected[0]).all()
        assert samples.actions[i] == games[number].actions[count]
        assert samples.outcomes[i] == (1, 0, -1)[number % 3] * (1 - 2 * position.to_play)
    later = part.sample(GAME, 200, rng, skip=20)
    assert len(later.actions) == 200 and later.values.max() == 0.5
    with pytest.raises(TengenError, match="no game of the data set has more than 500 plies"):
        part.sample(GAME, 1, rng, skip=500)


def test_a_game_is_always_on_the_same_side_of_the_split() -> None:
    keys = [game_key("chess", [n, n + 1]) for n in range(2000)]
    assert keys == [game_key("chess", (n, n + 1)) for n in range(2000)] and len(set(keys)) == 2000
    assert game_key("go9", [0, 1]) != keys[0]
    tested = {key for key in keys if split_of(key, 0.1) == "test"}
    assert 120 < len(tested) < 280
    assert {key for key in keys if split_of(key, 0.05) == "test"} < tested


def test_a_damaged_set_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = imported(tmp_path)
    assert main(["records", "stats", str(tmp_path / "set"), str(tmp_path / "games.pgn"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["stats"]
    assert found[0]["checksum"] == dataset.manifest["checksum"]
    assert (found[1]["games"], found[1]["unknown"], found[1]["valued"]) == (7, 1, 1)
    shard = tmp_path / "set" / dataset.manifest["shards"][0]["file"]
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    assert main(["records", "stats", str(tmp_path / "set")]) == 2
    assert "is not what the manifest says" in capsys.readouterr().err
    assert main(["records", "import", str(tmp_path / "games.pgn"), "--out", str(tmp_path / "set")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["records", "stats", str(tmp_path)]) == 2
    assert main(["records", "import", str(tmp_path / "games.pgn"), "--game", "go9", "--out", "x"]) == 2
    assert not list(tmp_path.parent.glob(".x.partial"))


def test_generated_games_depend_on_their_numbers_alone() -> None:
    openings = deck_openings(GAME)  # type: ignore[arg-type]
    options = GenerateOptions(random_plies=4, resign=0.9, max_plies=60)

    def play(numbers: list[int], slots: int) -> dict[int, tuple[int, ...]]:
        agent = make_agent("minimax?depth=1&eval=hand", GAME, seed=1)
        games = generate(GAME, agent, iter(numbers), openings, options, slots=slots, seed=3)
        found = {}
        for game in games:
            assert set(game.values) == set(range(game.opening_plies, len(game.actions)))
            assert abs(game.values[game.opening_plies]) <= options.balance
            found[game.number] = game.actions
        return found

    together = play([0, 1, 2, 3, 4], 3)
    assert play([3], 1)[3] == together[3] and len(set(together.values())) == 5
    actions, state, _ = opening_of(GAME, [], 7, 1, 0)
    assert actions == [] and state["ply"][0] == 0


def test_generating_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    file = tmp_path / "games.pgn"
    command = ["records", "generate", "--out", str(file), "--agent", "minimax?depth=1&eval=hand"]
    assert main([*command, "--games", "3", "--side-by-side", "2"]) == 0
    whole = file.read_bytes()
    assert finished_rounds(file) == {0, 1, 2}
    with file.open("ab") as out:
        out.write(b'[Event "self-play"]\n[Round "9"]\n\n1. e4 { [%eval 0.1')  # killed in the middle
    assert finished_rounds(file) == {0, 1, 2} and file.read_bytes() == whole
    assert main([*command, "--games", "4"]) == 0
    assert file.read_bytes().startswith(whole) and finished_rounds(file) == {0, 1, 2, 3}
    assert main(["records", "check", str(file)]) == 0
    other = tmp_path / "other.pgn"
    other.write_text("a letter")
    with pytest.raises(TengenError, match="not made by this command"):
        finished_rounds(other)
    assert other.read_text() == "a letter"
