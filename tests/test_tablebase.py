"""The endgame database of checkers: known endgames, its own consistency, its file, and what uses it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tengen.agents.minimax.searcher import Limits, Searcher, default_params
from tengen.agents.random import RandomAgent
from tengen.agents.registry import make_agent
from tengen.cli import main
from tengen.envs.checkers.bitboards import BIT
from tengen.envs.checkers.tablebase import Tablebase, read_tablebase, tablebase_for
from tengen.envs.checkers.tablebase.build import DRAW, HOLE, build
from tengen.envs.checkers.tablebase.indexing import STARTS, first_of, number_of
from tengen.envs.checkers.tablebase.verify import positions, successors, verify
from tengen.envs.game import States
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.ending import Ending, Watch
from tengen.league.ending import Limits as GameLimits
from tengen.league.tablebase_measure import measure
from tengen.league.tournament_config import AdjudicationConfig, TournamentConfig
from tests.selfplay_tools import played, plies_of, small

GAME = make_game("checkers")
SAMPLE = 400

# Placements of 1 to 4 pieces: J. Schaeffer et al., Checkers Is Solved (Science 317, 2007), table of positions
# by pieces.
PLACEMENTS = (120, 6_972, 261_224, 7_092_774)


@pytest.fixture(scope="module")
def tablebase() -> Tablebase:
    return Tablebase(3, build(3))


@pytest.fixture(scope="module")
def file(tablebase: Tablebase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tablebase") / "checkers3.db"
    tablebase.write(path)
    return path


def worth(tablebase: Tablebase, fen: str) -> tuple[int, int]:
    found = tablebase.probe(GAME.from_text(fen))
    assert found.known[0]
    return int(found.values[0]), int(found.distances[0])


def some_positions(pieces: int, seed: int) -> States:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(first_of(pieces), first_of(pieces + 1), size=SAMPLE)
    states, is_position = positions(numbers, rng.integers(2, size=SAMPLE).astype(np.int8))
    return states[is_position]


def test_every_placement_of_up_to_three_pieces_has_a_number(tablebase: Tablebase) -> None:
    of_pieces = dict.fromkeys((1, 2, 3), 0)
    for material, won, drawn, lost, _ in tablebase.counts():
        of_pieces[sum(material)] += won + drawn + lost
    assert tuple(of_pieces.values()) == PLACEMENTS[:3]


def test_a_number_gives_back_its_position_and_another_colour_the_same_number() -> None:
    numbers = np.random.default_rng(1).integers(first_of(4), STARTS[-1], size=SAMPLE)
    for side in (0, 1):
        states, is_position = positions(numbers, np.full(SAMPLE, side, np.int8))
        assert is_position.sum() > 0.9 * SAMPLE
        for number, state in zip(numbers[is_position], states[is_position], strict=True):
            board = state["board"]
            assert number_of(board[side], board[1 - side], board[2], side) == number


def test_every_position_agrees_with_its_successors_by_the_rules(tablebase: Tablebase) -> None:
    assert verify(tablebase) == sum(PLACEMENTS[:3])


def test_the_pass_over_all_positions_finds_a_single_wrong_one(tablebase: Tablebase) -> None:
    depths = tablebase.depths[: first_of(3)].copy()
    drawn = int(np.flatnonzero(depths == DRAW)[7])
    for wrong in (13, 12):  # a win and a loss that are none
        depths[drawn] = wrong
        with pytest.raises(TengenError, match=r"the database calls .* but its successors make it"):
            verify(Tablebase(2, depths))
    depths[drawn] = DRAW
    won = int(np.flatnonzero(depths == 5)[0])
    depths[won] = 7
    with pytest.raises(TengenError, match=r"distance 7.*distance 5|distance 5.*distance 7|distance 8"):
        verify(Tablebase(2, depths))


def test_two_kings_beat_one_that_holds_a_double_corner(tablebase: Tablebase) -> None:
    board = GAME.from_board(
        """
        . . . . . . . .
        . . . . . . . .
        . . . . . . . .
        . . . . . . . .
        . . . . . . . .
        . . . . B . . .
        . . . . . . . .
        B . . . . . W . """,
        to_play=1,
    )
    found = tablebase.probe(board)
    assert found.values[0] == -1  # the lone king shuttles between 28 and 32, and is driven out
    assert 10 < found.distances[0] <= 34
    # One king cannot drive it out.
    assert worth(tablebase, "B:WK32:BK18") == (0, -1)
    assert worth(tablebase, "W:WK32:BK18") == (0, -1)


def test_two_kings_draw_with_one_only_where_one_is_lost_or_locked_into_the_single_corner(
    tablebase: Tablebase,
) -> None:
    numbers = np.flatnonzero(tablebase.depths == DRAW)
    states, _ = positions(numbers, np.zeros(len(numbers), np.int8))
    own, opp, kings = states["board"][:, 0], states["board"][:, 1], states["board"][:, 2]
    two_on_one = (np.bitwise_count(own & kings) == 2) & (np.bitwise_count(opp & kings) == 1)
    states = states[two_on_one]
    assert len(states) == 34
    after, turns_of = successors(GAME, states)  # type: ignore[arg-type]
    then, parents = successors(GAME, after)  # type: ignore[arg-type]
    left = np.bitwise_count(then["board"][:, 0])
    assert set(parents) == set(range(len(after)))
    loses_one = np.array([left[parents == i].min() < 2 for i in range(len(after))])
    in_corner = (states["board"][:, 0] & (BIT[3] | BIT[28])) != 0
    assert all(loses_one[turns_of == i].all() or in_corner[i] for i in range(len(states)))
    assert 20 < sum(loses_one[turns_of == i].all() for i in range(len(states))) < 34
    assert worth(tablebase, "B:WK11:BK4,K12") == (0, -1)  # 4-8 and 12-8 only change places


@pytest.mark.parametrize(
    ("fen", "value", "distance"),
    [
        ("W:WK29:BK22", -1, 2),  # the single corner: 29-25 is taken, and there is no other move
        ("B:WK29:BK22", 0, -1),  # without the move the jailer has to let go
        ("B:W5:B1", 0, -1),  # 1-6 and both go on to crown
        ("B:WK1:B24", 0, -1),
        ("W:W5:BK14", 0, -1),
        ("B:W:BK14", 1, 1),
        ("W:W:BK14", -1, 0),
        ("B:W18:BK14", 1, 1),  # takes the last man
        ("B:W18,11:BK15", 0, -1),  # whichever it takes, the other gets home
    ],
)
def test_small_endgames(tablebase: Tablebase, fen: str, value: int, distance: int) -> None:
    assert worth(tablebase, fen) == (value, distance)


def test_perfect_play_ends_after_as_many_turns_as_foretold(tablebase: Tablebase) -> None:
    states = some_positions(3, seed=2)
    found = tablebase.probe(states)
    chosen = np.flatnonzero(found.distances > 20)[:8]
    assert len(chosen) == 8
    for i in chosen:
        state = GAME.from_text(GAME.to_text(states[i : i + 1]))
        value, distance = int(found.values[i]), int(found.distances[i])
        mover = int(state["to_play"][0])
        for left in range(distance, 0, -1):
            after, _ = successors(GAME, state)  # type: ignore[arg-type]
            then = tablebase.probe(after)
            best = np.flatnonzero(
                (then.values == -tablebase.probe(state).values) & (then.distances == left - 1)
            )
            state = after[best[:1]].copy()
        assert state["terminal"][0]
        returns = np.zeros((1, 2), np.float32)
        GAME.returns(state, returns)
        assert returns[0, mover] == value


def test_a_position_with_too_many_pieces_or_within_a_multi_jump_is_not_known(tablebase: Tablebase) -> None:
    assert not tablebase.probe(GAME.new_states(1)).known[0]
    assert not tablebase.probe(GAME.from_text("B:W18,27:BK14,K1")).known[0]
    assert not tablebase.probe(GAME.from_text("B:W18:BK14,1:J14")).known[0]


def test_a_file_is_read_as_it_was_written_or_not_at_all(
    tablebase: Tablebase, file: Path, tmp_path: Path
) -> None:
    again = read_tablebase(file)
    assert again.pieces == 3 and (again.depths == tablebase.depths).all()
    data = file.read_bytes()
    assert len(data) < 80_000
    bad = tmp_path / "bad.db"
    for at in (60, len(data) // 2, len(data) - 3):
        bad.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        with pytest.raises(TengenError, match="damaged"):
            read_tablebase(bad)
    bad.write_bytes(data[:-100])
    with pytest.raises(TengenError, match="damaged"):
        read_tablebase(bad)
    bad.write_bytes(data[:8] + b"\x09" + data[9:])
    with pytest.raises(TengenError, match="version 9"):
        read_tablebase(bad)
    bad.write_bytes(b"[Event]")
    with pytest.raises(TengenError, match="no endgame database of checkers"):
        read_tablebase(bad)
    with pytest.raises(TengenError, match="cannot be read"):
        read_tablebase(tmp_path / "none.db")


def test_a_tournament_ends_games_that_the_database_decides(file: Path) -> None:
    random = RandomAgent(GAME, seed=1)
    watch = Watch(GameLimits(adjudication=AdjudicationConfig(tablebase=str(file))), (random, random), 4)
    fens = ("B:WK32:BK14,K18", "W:WK32:BK14,K18:H79", "W:WK32:BK18", "B:WK32,K31:BK14,K18")
    endings: dict[int, Ending] = {}
    states = np.concatenate([GAME.from_text(fen) for fen in fens])
    watch.endings(GAME, states, np.arange(4, dtype=np.int32), endings)
    assert {slot: (ending.outcome, ending.reason) for slot, ending in endings.items()} == {
        0: (1, "tablebase"),
        2: (0, "tablebase"),  # in 1 the 80 quiet turns are over before the win
    }
    assert endings[0].result == "Black wins"


def test_events_of_old_keep_their_names_and_other_games_have_no_database(file: Path) -> None:
    config = TournamentConfig(game="checkers", players=["random", "minimax"])
    other = config.model_copy(update={"adjudication": AdjudicationConfig(tablebase=str(file))})
    assert config.event() != other.event()
    with pytest.raises(TengenError, match="is of checkers, not of connect4"):
        tablebase_for(make_game("connect4"), str(file), "adjudication.tablebase")
    with pytest.raises(TengenError, match="is of checkers, not of connect4"):
        make_agent(f"minimax?tablebase={file}", make_game("connect4"), seed=1)


@pytest.mark.parametrize("evaluation", ["material", "hand"])
def test_alpha_beta_with_the_database_never_gives_a_value_away(
    tablebase: Tablebase, file: Path, evaluation: str
) -> None:
    agent = make_agent(f"minimax?depth=2&eval={evaluation}&tablebase={file}", GAME, seed=1)
    found = measure(tablebase, agent, 300, seed=3)
    assert found.all.share == 1 and found.critical.positions > 50
    assert found.won.positions + found.drawn.positions == 300


def test_a_random_player_keeps_about_as_much_as_chance_would(tablebase: Tablebase) -> None:
    found = measure(tablebase, RandomAgent(GAME, seed=1), 1000, seed=3)
    assert abs(found.all.share - found.all.by_chance) < 0.03
    assert found.critical.by_chance < 0.8
    assert found.critical.kept + (found.all.positions - found.critical.positions) == found.all.kept


def test_where_the_database_does_not_reach_a_search_is_what_it_was(tablebase: Tablebase) -> None:
    two = Tablebase(2, tablebase.depths[: first_of(3)])
    params, limits = default_params(GAME, "hand"), Limits(depth=4)
    with_it, without = Searcher(GAME, "hand", tablebase=two), Searcher(GAME, "hand")
    for fen in (GAME.to_text(GAME.new_states(1)), "W:W21,22,K30:B5,6,K9", "B:WK1,K2:BK31,K32"):
        state = GAME.from_text(fen)
        assert with_it.find(state, params, limits) == without.find(state, params, limits)
    assert int(two.as_floats().view(np.uint8)[-1]) in (HOLE, int(two.depths[-1]))


def test_self_play_ends_with_the_truth_as_soon_as_it_is_known(tablebase: Tablebase, file: Path) -> None:
    rollouts = {"tablebase": str(file), "max_plies": 120}
    games = played(small("checkers", rollouts=rollouts), positions=700)
    by_truth = 0
    for number in range(len(games)):
        plies = plies_of(games, number)
        state = GAME.new_states(1)
        for action in games.actions[plies]:
            assert not tablebase.results(state)[0][0]
            GAME.step(state, np.array([action], np.int32))
        decided, outcome = tablebase.results(state)
        if decided[0]:
            by_truth += 1
            assert games.results[number] == outcome[0]
            assert not games.is_scored[number]
        else:
            assert state["terminal"][0] or plies.stop - plies.start == 120
    assert by_truth


def test_the_command_solves_checks_probes_and_measures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def last() -> dict:
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    path = str(tmp_path / "two.db")
    assert main(["tablebase", "checkers", "--pieces", "2", "--out", path, "--verify", "--json"]) == 0
    solved = last()
    assert solved["positions"] == solved["verified"] == 120 + 6972
    assert main(["tablebase", "verify", path, "--json"]) == 0
    assert last()["verified"] == 120 + 6972
    assert main(["tablebase", "probe", path, "--position", "W:WK29:BK22", "--json"]) == 0
    probed = last()
    assert (probed["value"], probed["distance"]) == (-1, 2)
    assert probed["turns"] == [{"turn": "29-25", "value": -1, "distance": 2}]
    assert main(["tablebase", "measure", path, "--agent", "random", "--positions", "20", "--json"]) == 0
    assert last()["all"]["positions"] == 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["checkers", "--pieces", "5", "--out", "x.db"], "pieces 5: must be from 2 to 4"),
        (["checkers"], "--out FILE keeps it"),
        (["probe", "FILE", "--position", "B:W21-32:B1-12"], "which holds those of up to 3 pieces"),
        (["measure", "FILE", "--agent", "random", "--positions", "0"], "out of range"),
        (["measure", "FILE", "--agent", "random", "--seed", "-1"], "seed -1 is negative"),
    ],
)
def test_faults_of_the_command_are_one_sentence(
    file: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [str(file) if argument == "FILE" else argument for argument in arguments]
    assert main(["tablebase", *filled]) == 2
    assert words in capsys.readouterr().err
