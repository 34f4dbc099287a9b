"""Tournaments: every game once whatever happens, faults scored as the rule says, an end once decided."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tengen.agents.base import RESIGN, Agent
from tengen.agents.engines.faults import EngineFault
from tengen.agents.registry import AGENT_KINDS, AgentKind, AgentSpec
from tengen.cli import main
from tengen.envs.game import Bools, Game, Ints, States
from tengen.envs.position import Position
from tengen.errors import MachineError, TengenError
from tengen.league.entrants import content_id, entrants
from tengen.league.live import Live
from tengen.league.store import Store
from tengen.league.tournament import Tournament
from tengen.league.tournament_config import (
    AdjudicationConfig,
    OpeningsConfig,
    PlayerConfig,
    SprtConfig,
    TimeConfig,
    TournamentConfig,
)
from tengen.networks.paths import find_checkpoint

BAD_ENGINE = Path(__file__).with_name("bad_engine.py")


class Fault(MachineError):
    kind = "crash"


class Scripted(Agent):
    """Plays by a function of the legal moves; may fail, and says a value."""

    def __init__(self, game: Game, choice: Callable[[Bools], int], value: float = 0.0) -> None:
        self.name, self.game, self.choice, self.value = "scripted", game, choice, value

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        mask = self.game.new_mask(len(states))
        self.game.legal_mask(states, mask)
        self.last_values = np.full(len(states), self.value)
        return np.array([self.choice(row) for row in mask], np.int32)


def first_legal(legal: Bools) -> int:
    return int(np.flatnonzero(legal)[0])


def last_legal(legal: Bools) -> int:
    return int(np.flatnonzero(legal)[-1])


def crash(legal: Bools) -> int:
    if legal.sum() < 7:  # a column of Connect Four is full
        raise Fault("engine 'bad' ended by signal 11; its last lines were: oops")
    return first_legal(legal)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents of kind `scripted:NAME`, beside the real ones."""
    choices: dict[str, tuple[Callable[[Bools], int], float]] = {
        "first": (first_legal, 0.0),
        "last": (last_legal, 0.0),
        "crash": (crash, 0.0),
        "illegal": (lambda legal: 99, 0.0),
        "resigns": (lambda legal: RESIGN, 0.0),
        "sure": (first_legal, 0.99),
        "lost": (last_legal, -0.99),
    }

    def make(spec: AgentSpec, game: Game, seed: int) -> Agent:
        return Scripted(game, *choices[spec.target])

    kind = AgentKind("scripted", "", "", (), {}, make)
    monkeypatch.setitem(AGENT_KINDS, "scripted", kind)


def config(*players: str | PlayerConfig, **more: object) -> TournamentConfig:
    values = {"game": "connect4", "games": 6, "concurrency": 1}
    return TournamentConfig(players=list(players), **(values | more))  # type: ignore[arg-type]


def played(path: Path, given: TournamentConfig) -> Tournament:
    """The tournament, played to its end."""
    with Store.open(path / "s") as store:
        tournament = Tournament(given, store)
        assert tournament.play()
        return tournament


def games(path: Path) -> list:
    with Store.open(path / "s", create=False) as store:
        return list(store.games())


# --- every game once --------------------------------------------------------------------------------------


def test_every_pair_plays_from_both_sides_of_each_opening(tmp_path: Path) -> None:
    tournament = played(tmp_path, config("random", "random", "scripted:first", games=8))
    found = games(tmp_path)
    assert len(found) == tournament.done == tournament.total == 24
    sides = Counter((game.first, game.second) for game in found)
    assert len(sides) == 6 and set(sides.values()) == {4}
    for game in found:
        position = Position(tournament.game)
        for action in game.actions:
            position.apply(action)
        assert position.is_terminal and position.returns[0] == game.outcome
        assert len(game.seconds) == len(game.actions) and game.opening_plies == 2
        assert game.details["versions"]["tengen"]
    starts = Counter((frozenset((g.first, g.second)), g.actions[:2]) for g in found)
    assert set(starts.values()) == {2}, "each opening once with either side to move"
    assert sum(r.wins + r.draws + r.losses for r in tournament.tally.results()) == 24


def test_a_stopped_tournament_goes_on_where_it_was(tmp_path: Path) -> None:
    given = config("random", "random", "random", games=40, parallel=4)
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(given, store)
        assert not tournament.play(stop=lambda: tournament.done >= 10)
        before = {row.key for row in store.outcomes(tournament.event)}
        assert 10 <= len(before) < 120
        again = Tournament(given, store)
        assert again.play()
        assert again.new_games == 120 - len(before) and again.done == 120
        assert {row.key for row in store.outcomes(tournament.event)} > before
        assert Tournament(given, store).play(stop=lambda: pytest.fail("there is nothing left to play"))


def test_more_games_and_more_players_keep_what_was_played(tmp_path: Path) -> None:
    assert played(tmp_path, config("random", "scripted:first")).new_games == 6
    assert played(tmp_path, config("scripted:first", "random", games=10)).new_games == 4
    longer = played(tmp_path, config("scripted:first", "random", "scripted:last", games=10))
    assert longer.new_games == 20 and longer.done == 30


def test_other_settings_are_another_event(tmp_path: Path) -> None:
    played(tmp_path, config("random", "scripted:first"))
    other = played(tmp_path, config("random", "scripted:first", seed=2))
    assert other.new_games == other.done == 6
    assert played(tmp_path, config("random", "scripted:first", parallel=3, concurrency=2)).new_games == 0


def test_an_openings_file_with_other_contents_is_another_event(tmp_path: Path) -> None:
    file = tmp_path / "openings.txt"
    given = config("random", "scripted:first", games=2, openings=OpeningsConfig(kind="file", file=str(file)))
    for text, new in (("4 5\n", 2), ("4 5\n", 0), ("1 2\n", 2)):
        file.write_text(text)
        assert played(tmp_path, given).new_games == new


def test_a_repeated_game_is_not_counted_again(tmp_path: Path) -> None:
    """Two players without chance from one opening: two games, and the error stays honest."""
    given = config("scripted:first", "scripted:last", games=50, openings=OpeningsConfig(kind="none"))
    tournament = played(tmp_path, given)
    assert tournament.done == 50 and tournament.tally.repeats == 48
    found = tournament.tally.ratings()
    assert found is not None and {rating.games for rating in found.ratings} == {2}
    assert min(rating.error for rating in found.ratings) > 100


@pytest.mark.parametrize("form", ["swiss", "knockout", "ladder", "gauntlet"])
def test_every_form_comes_to_its_end_also_after_a_stop(tmp_path: Path, form: str) -> None:
    given = config(*["random"] * 5, format=form, games=4)
    with Store.open(tmp_path / "s") as store:
        tournament = Tournament(given, store)
        tournament.play(stop=lambda: tournament.done >= 6)
        again = Tournament(given, store)
        assert again.play()
        assert again.done == again.total == len(store)
        straight = Tournament(given, store)
        assert straight.play() and straight.new_games == 0
        assert [one.scores for one in straight.rounds] == [one.scores for one in again.rounds]


# --- ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "reason"), [("crash", "fault: crash"), ("illegal", "fault: illegal"), ("resigns", "resignation")]
)
def test_who_fails_or_gives_up_loses_and_the_others_play_on(tmp_path: Path, bad: str, reason: str) -> None:
    tournament = played(tmp_path, config(f"scripted:{bad}", "random", "scripted:last", games=10))
    ends = Counter()
    for game in games(tmp_path):
        if f"scripted:{bad}" not in (game.first, game.second):
            assert game.reason == "rules"
        elif game.reason != "rules":
            ends[game.reason] += 1
            assert game.outcome == (-1 if game.first == f"scripted:{bad}" else 1)
            assert game.result == ("O wins" if game.outcome == -1 else "X wins")
    assert set(ends) == {reason}
    assert tournament.tally.faults.total() == (0 if bad == "resigns" else ends[reason])
    if bad == "crash":
        fault = next(game for game in games(tmp_path) if game.reason == reason)
        assert "its last lines were: oops" in fault.details["said"]


def test_faults_can_be_void(tmp_path: Path) -> None:
    tournament = played(tmp_path, config("scripted:illegal", "random", faults="void"))
    assert tournament.tally.void == 6 and tournament.tally.ratings() is None
    assert {game.outcome for game in games(tmp_path)} == {None}


def test_a_program_that_crashes_loses_and_comes_back(tmp_path: Path) -> None:
    """It takes its second move of every process for the end; the other player wins each game."""
    engine = f"gtp:{sys.executable} -I -S {BAD_ENGINE} tournament crashes"
    tournament = played(tmp_path, config(engine, "random", game="go9", games=4, concurrency=2))
    assert tournament.tally.faults == {"crash": 4}
    for game in games(tmp_path):
        assert game.outcome == (-1 if game.first == engine else 1)
        assert game.result == ("W+F" if game.outcome == -1 else "B+F")
        assert "SIGSEGV" in game.details["said"]


def test_dead_stones_are_taken_off_before_the_score(tmp_path: Path) -> None:
    """Both pass at once; Black's one stone is called dead, which costs it the game."""
    referee = f"gtp:{sys.executable} -I -S {BAD_ENGINE} referee none D4"
    path = tmp_path / "opening"
    path.write_text("D4\n")
    given = config(
        *("scripted:last", "scripted:last"),  # the last legal move is to pass
        game="go:size=9,komi=0.5",
        games=2,
        adjudication=AdjudicationConfig(referee=referee),
        openings=OpeningsConfig(kind="file", file=str(path)),
    )
    tournament = played(tmp_path, given)
    for game in games(tmp_path):
        assert (game.result, game.details["raw_result"], game.details["dead"]) == ("W+0.5", "B+80.5", "D4")
    assert tournament.tally.disagreements == 2


def test_a_referee_that_does_not_start_is_told_before_the_night(tmp_path: Path) -> None:
    referee = f"gtp:{sys.executable} -I -S {BAD_ENGINE} referee stillborn"
    given = config("random", "random", game="go5", adjudication=AdjudicationConfig(referee=referee))
    with pytest.raises(EngineFault, match="referee"):
        played(tmp_path, given)


def test_games_that_the_referee_failed_at_are_counted(tmp_path: Path) -> None:
    referee = f"gtp:{sys.executable} -I -S {BAD_ENGINE} referee none E5"  # where no stone stands
    path = tmp_path / "opening"
    path.write_text("D4\n")
    given = config(
        *("scripted:last", "scripted:last"),
        game="go9",
        games=2,
        adjudication=AdjudicationConfig(referee=referee),
        openings=OpeningsConfig(kind="file", file=str(path)),
    )
    assert played(tmp_path, given).tally.referee_faults == 2


def test_overstepping_the_time_loses_beyond_the_margin(tmp_path: Path) -> None:
    """Nobody can move in no time at all; the margin forgives it."""
    strict = TimeConfig(kind="move", move_s=0, margin_s=0)
    played(tmp_path, config("random", "random", time=strict))
    assert {(game.reason, game.outcome, len(game.actions)) for game in games(tmp_path)} == {("time", -1, 2)}
    (tmp_path / "lenient").mkdir()
    clock = TimeConfig(kind="clock", base_s=0, increment_s=0.001, margin_s=1000)
    played(tmp_path / "lenient", config("random", "random", time=clock))
    assert {game.reason for game in games(tmp_path / "lenient")} == {"rules"}


def test_a_game_ends_when_both_are_sure(tmp_path: Path) -> None:
    adjudication = AdjudicationConfig(resign=0.95, resign_plies=3)
    played(tmp_path, config("scripted:sure", "scripted:lost", adjudication=adjudication))
    for game in games(tmp_path):
        assert game.reason == "agreed" and len(game.actions) == 2 + 4  # both have said it 3 plies in a row
        assert game.outcome == (1 if game.first == "scripted:sure" else -1)
    (tmp_path / "one").mkdir()
    played(tmp_path / "one", config("scripted:sure", "random", adjudication=adjudication))
    assert {game.reason for game in games(tmp_path / "one")} == {"rules"}, "one alone is not enough"


def test_a_long_game_of_go_is_scored_as_it_stands(tmp_path: Path) -> None:
    """By area and komi, in the words of a finished game."""
    adjudication = AdjudicationConfig(max_plies=6)
    given = config(
        *("scripted:first", "random"),
        game="go:size=5,komi=3.5",
        adjudication=adjudication,
        openings=OpeningsConfig(kind="none"),
    )
    tournament = played(tmp_path, given)
    for game in games(tmp_path):
        assert game.reason == "ply cap" and len(game.actions) == 6
        position = Position(tournament.game)
        for action in game.actions:
            position.apply(action)
        points = np.zeros(1, np.float32)
        tournament.game.score(position.state, points)
        assert game.outcome == np.sign(points[0])
        assert game.result == f"{'B' if points[0] > 0 else 'W'}+{abs(points[0]):g}"


def test_a_test_stops_when_it_is_decided(tmp_path: Path) -> None:
    sprt = SprtConfig(elo0=0, elo1=100)
    given = config("scripted:resigns", "random", games=1000, parallel=4, sprt=sprt)
    tournament = played(tmp_path, given)
    [match] = tournament.matches
    assert match.decided == "H0" and 4 <= tournament.done < 200
    assert played(tmp_path, given).new_games == 0


# --- who plays --------------------------------------------------------------------------------------------


def test_players_are_known_by_what_they_are(tmp_path: Path) -> None:
    """A checkpoint that is copied is the same player; one with other weights is not."""
    shutil.copytree(find_checkpoint("models/go9"), tmp_path / "copy")
    shutil.copytree(find_checkpoint("models/go9"), tmp_path / "other")
    weights = tmp_path / "other" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    names = ["models/go9", f"{tmp_path}/copy", f"{tmp_path}/other"]
    given = config(*(f"policy:{name}" for name in names), game="go9")
    from tengen.agents.registry import parse_agent
    from tengen.envs.registry import make_game

    original, copy, other = (content_id(parse_agent(f"policy:{n}"), make_game("go9")) for n in names)
    assert original == copy != other
    assert len({player.id for player in entrants(given, make_game("go9"))}) == 3, "twins are two players"


def test_engines_are_known_by_command_options_and_version(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Whatever it is called; a program that reports another version is another player."""
    from tengen.agents.engines import identity
    from tengen.agents.registry import parse_agent
    from tengen.envs.registry import make_game

    (tmp_path / "version").write_text("1.0")
    command = [sys.executable, "-I", "-S", str(BAD_ENGINE), "identity", "versioned", str(tmp_path)]
    again = [*command, "--more"]
    entries = {"one": {"command": command}, "alias": {"command": command, "memory_mb": 1000}}
    entries |= {"more": {"command": again}, "threads": {"command": command, "environment": {"THREADS": "2"}}}
    file = tmp_path / "engines.yaml"
    file.write_text(json.dumps({"engines": {name: {"protocol": "gtp"} | e for name, e in entries.items()}}))
    monkeypatch.setenv("TENGEN_ENGINES", str(file))

    def id_of(text: str) -> str:
        return content_id(parse_agent(text), make_game("go9"))

    first = id_of("gtp:one")
    assert first == id_of("gtp:alias?processes=2&patience=9") == id_of(f"gtp:{' '.join(command)}")
    others = [id_of(text) for text in ("gtp:more", "gtp:threads", "gtp:one?time=1")]
    assert len({first, *others}) == 4
    (tmp_path / "version").write_text("1.1")
    monkeypatch.setattr(identity, "_versions", {})
    assert id_of("gtp:one") not in (first, *others)
    cap = AdjudicationConfig(max_plies=8)
    given = config("gtp:one", "random", game="go9", games=2, adjudication=cap)
    played(tmp_path, given)
    for game in games(tmp_path):
        assert game.details["versions"]["gtp:one"] == "Script 1.1"
        assert id_of("gtp:one") in (game.first_id, game.second_id)


def test_a_network_that_an_engine_is_given_is_part_of_it(tmp_path: Path) -> None:
    from tengen.agents.registry import parse_agent
    from tengen.envs.registry import make_game

    weights = tmp_path / "weights.bin"
    spec = parse_agent(f"gtp:{sys.executable} -I -S {BAD_ENGINE} network none {weights}")
    found = set()
    for content in ("good", "better"):
        weights.write_text(content)
        found.add(content_id(spec, make_game("go9")))
    assert len(found) == 2


def test_names_and_known_ratings_stand_in_the_list(tmp_path: Path) -> None:
    known = PlayerConfig(agent="scripted:first", name="First", rating=1800.0)
    tournament = played(tmp_path, config(known, "random", "random"))
    found = tournament.tally.ratings()
    assert found is not None
    assert {rating.name: rating.error for rating in found.ratings}["First"] == 0
    assert {rating.name for rating in found.ratings} == {"First", "random", "random (2)"}
    assert next(rating.elo for rating in found.ratings if rating.name == "First") == pytest.approx(1800)


def test_in_a_pipe_a_tournament_tells_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    with Store.open(tmp_path / "s") as store, Live(out, interval_s=0) as live:
        Tournament(config("random", "scripted:resigns", games=20, parallel=2), store).play(told=live.show)
    lines = out.getvalue().splitlines()
    assert all(line.startswith("roundrobin of connect4: ") for line in lines)
    assert "20/20 games" in lines[-1] and "first random" in lines[-1]


# --- the command ------------------------------------------------------------------------------------------

AGENTS = ("--game", "connect4", "--agents", "random,random")


def command(store: Path, games: int) -> list[str]:
    arguments = ["tournament", *AGENTS, "--games", str(games), "--store", str(store), "--json", "parallel=8"]
    return [sys.executable, "-m", "tengen", *arguments]


def begin(store: Path, games: int, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(store, games), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )  # type: ignore[call-overload]


def wait_for_games(store: Path, count: int) -> None:
    """Until a runner has put so many games into a store; a minute at most."""
    for _ in range(6000):
        if store.exists() and store.stat().st_size:
            try:
                with Store.open(store, create=False, check=False) as found:
                    if len(found) >= count:
                        return
            except TengenError:  # its tables are just being made
                pass
        time.sleep(0.01)
    pytest.fail("the runner plays no games")


def last_json(text: str) -> dict:
    return json.loads(text.splitlines()[-1])


def test_killed_twice_and_shared_by_two_it_still_has_every_game_once(tmp_path: Path) -> None:
    store = tmp_path / "runs" / "league.sqlite"
    for games_by_then in (50, 400):
        process = begin(store, 4000)
        wait_for_games(store, games_by_then)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    both = [begin(store, 4000), begin(store, 4000)]
    found = [last_json(process.communicate()[0]) for process in both]
    assert all(one["complete"] and one["games"] == 4000 for one in found)
    assert [process.returncode for process in both] == [0, 0]
    with Store.open(store) as known:
        keys = [row.key for row in known.outcomes(next(known.games()).event)]
        assert len(keys) == len(set(keys)) == len(known) == 4000
        assert sum(one["new_games"] for one in found) < 4000 - 400


def test_ctrl_c_prints_the_table_and_the_same_command_goes_on(tmp_path: Path) -> None:
    process = begin(tmp_path / "s", 100_000)
    wait_for_games(tmp_path / "s", 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err and "the same command goes on" in out and "player" in out
    found = last_json(out)
    with Store.open(tmp_path / "s") as store:
        assert found["games"] == len(store) >= 20 and not found["complete"]


def test_a_full_disk_ends_it_in_one_sentence_and_costs_no_game(tmp_path: Path) -> None:
    import resource

    limit = (400_000, 400_000)
    process = begin(tmp_path / "s", 3000, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    _, err = process.communicate()
    assert process.returncode == 1
    assert "the disk is full or faulty; the games finished so far are kept" in err.splitlines()[-1]
    with Store.open(tmp_path / "s") as store:
        assert len(store) > 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "tournament needs a configuration"),
        (["--game", "connect4"], "tournament needs a configuration"),
        (["--game", "connect4", "--agents", "random"], "needs two agents or more"),
        ([*AGENTS, "--games", "0"], "--games 0 is out of range"),
        ([*AGENTS, "--store", " "], "--store is empty"),
        ([*AGENTS, "gamez=3"], "gamez: unknown key; did you mean game?"),
        (["configs/tournament-go9.yaml", *AGENTS], "leave them out"),
        (["configs/pqn.yaml"], "kind: 'pqn' is no kind of tournament; a recipe is for 'tengen train"),
        (["--game", "connect4", "--agents", "random,rnd"], "unknown agent 'rnd'; did you mean random?"),
        ([*AGENTS, "adjudication.referee=gtp:gnugo"], "a referee of dead stones is for Go, not for connect4"),
        ([*AGENTS, "format=gauntlet", "challengers=2"], "leave nobody to play against"),
        ([*AGENTS, "openings.kind=book"], "a book needs a searcher"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tournament", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_a_tournament_is_no_recipe(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "configs/tournament-go9.yaml"]) == 2
    assert "play it with 'tengen tournament configs/tournament-go9.yaml'" in capsys.readouterr().err
    assert main(["config", "show", "configs/tournament-go9.yaml"]) == 0
    assert not os.listdir(tmp_path)


def test_the_command_plays_exports_and_rates(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["tournament", "--game", "go5", "--agents", "random,scripted:resigns", "--games", "6", "--json"]
    assert main(command) == 0
    out = capsys.readouterr().out
    found = last_json(out)
    assert found["store"] == "runs/tournament-go5/league.sqlite" and found["new_games"] == 6
    assert [rating["name"] for rating in found["ratings"]] == ["random", "scripted:resigns"]
    assert "random" in out.splitlines()[2]
    assert main(["league", "export", "runs/tournament-go5", "--format", "sgf", "--out", "games"]) == 0
    records = [file.read_text() for file in sorted(Path("games").iterdir())]
    assert len(records) == 6 and sum("RE[B+R]" in record for record in records) == 3
    assert main(["records", "check", *map(str, Path("games").iterdir())]) == 0
    assert main(["league", "export", "runs/tournament-go5", "--format", "pgn", "--out", "games"]) == 0
    assert main(["league", "import", "copy.sqlite", "games/games.pgn"]) == 0
    capsys.readouterr()
    ratings = []
    for store in ("runs/tournament-go5", "copy.sqlite"):
        assert main(["ratings", store, "--json"]) == 0
        ratings.append(last_json(capsys.readouterr().out)["ratings"])
    assert ratings[0] == ratings[1]


def test_a_misspelt_key_of_a_player_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("kind: tournament\ngame: connect4\nplayers: [{agent: random, raiting: 3}, random]\n")
    assert main(["tournament", str(path)]) == 2
    assert "players.0.raiting: unknown key; did you mean players.0.rating?" in capsys.readouterr().err
