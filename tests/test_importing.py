"""Games of other people's files in a store: by our rules, each once, and what is left out is said."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tengen.cli import main
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.exchange import export
from tengen.league.importing import import_games
from tengen.league.ratings import Result
from tengen.league.store import Store, StoredGame


def sgf(
    moves: str, result: str = "B+R", *, black: str = "Shusaku", white: str = "Gennan", more: str = ""
) -> str:
    """A game on 9x9, of moves such as "ee cc", "-" a pass."""
    nodes = "".join(f";{'BW'[i % 2]}[{move.strip('-')}]" for i, move in enumerate(moves.split()))
    return f"(;GM[1]FF[4]SZ[9]KM[7]PB[{black}]PW[{white}]RE[{result}]{more}{nodes})"


def pdn(moves: str, result: str, *, more: str = "") -> str:
    return f'[Black "Tinsley"]\n[White "Chinook"]\n[GameType "21"]\n{more}\n{moves} {result}\n\n'


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Store.open(tmp_path / "s") as store:
        yield store


def test_a_collection_of_go_games(store: Store, tmp_path: Path) -> None:
    games = [
        sgf("ee cc gc"),
        sgf("ee gg", "W+2.5", black="Gennan", white="Shusaku"),
        sgf("ee - -", "Draw"),
        sgf("ee - - -", "0"),  # the same once more: a third pass adds nothing
        sgf("ee ee", "B+R"),
        sgf("ee cc", "Void"),
        sgf("ee cc", black=""),
        sgf("ee cc", "W+T", more="AB[aa]"),
        "(;GM[2]RE[B+R])",
    ]
    (tmp_path / "games.sgf").write_text("\n".join(games))
    found = import_games(store, [tmp_path / "games.sgf"])
    assert (found.new, found.repeated, found.ignored, found.illegal) == (3, 1, 2, 3)
    assert [line.partition(": ")[2].partition(":")[0] for line in found.faults] == [
        *("game 5", "game 6", "game 7", "game 8", "game 9")
    ]
    assert "move 2: E5 is illegal: the point is occupied" in found.faults[0]
    assert "result 'Void'" in found.faults[1] and "lacks the name of Black" in found.faults[2]
    stored = list(store.games())
    assert [(g.first, g.second, g.outcome, g.result, g.reason) for g in stored] == [
        ("Shusaku", "Gennan", 1, "B+R", "imported"),
        ("Gennan", "Shusaku", -1, "W+2.5", "imported"),
        ("Shusaku", "Gennan", 0, "Draw", "rules"),
    ]
    assert {game.game for game in stored} == {"go9"} and stored[0].actions == (40, 20, 24)
    results = {Result("Gennan", "Shusaku", 0, 0, 1), Result("Shusaku", "Gennan", 1, 1, 0)}
    assert set(store.results()) == results


def test_no_game_is_counted_twice(store: Store, tmp_path: Path) -> None:
    """Not from the same file, nor from another with the same game in it, nor one that was played here."""
    (tmp_path / "one.sgf").write_text(sgf("ee cc"))
    (tmp_path / "two.sgf.gz").write_bytes(gzip.compress((sgf("ee cc") + sgf("ee dd")).encode()))
    here = "go9", "Shusaku", "Gennan", "ida", "idb", 1, "B+R", "resignation", 0, (40, 31, 41)
    store.add(StoredGame("k", "e", *here))
    (tmp_path / "three.sgf").write_text(sgf("ee ed fe"))
    files = [tmp_path / name for name in ("one.sgf", "two.sgf.gz", "three.sgf")]
    assert [(found.new, found.repeated) for found in (import_games(store, [file]) for file in files)] == [
        *((1, 0), (1, 1), (0, 1))
    ]
    again = import_games(store, files)
    assert (again.new, again.repeated, len(store)) == (0, 4, 3)
    assert {game.first_id for game in store.games()} == {"ida"}, "players of the store are known by name"


def test_games_that_go_on_where_our_rules_end_them_keep_their_result(store: Store, tmp_path: Path) -> None:
    (tmp_path / "dispute.sgf").write_text(sgf("ee - - cc", "W+0.5"))
    for new in (1, 0):
        assert import_games(store, [tmp_path / "dispute.sgf"]).new == new
    (game,) = store.games()
    assert (game.actions, game.outcome) == (None, -1)


@pytest.mark.parametrize(
    ("more", "moves", "name"),
    [
        ("", "ee", "go9"),
        ("RU[Tromp-Taylor]", "ee", "go:size=9,suicide=true"),
        ("RU[AGA]", "ee", "go:size=9,rules=situational"),
        ("RU[Japanese]", "ee", "go9"),
    ],
)
def test_the_rules_of_a_record(store: Store, tmp_path: Path, more: str, moves: str, name: str) -> None:
    (tmp_path / "g.sgf").write_text(sgf(moves, more=more))
    assert import_games(store, [tmp_path / "g.sgf"]).new == 1
    assert next(store.games()).game == name


def test_a_handicap_is_part_of_the_game(store: Store, tmp_path: Path) -> None:
    (tmp_path / "g.sgf").write_text("(;SZ[9]KM[0.5]HA[2]AB[cg][gc]PB[a]PW[b]RE[W+R];W[ee];B[cc])")
    found = import_games(store, [tmp_path / "g.sgf"])
    assert found.new == 1, found
    (game,) = store.games()
    position = Position(make_game(game.game))
    for action in game.actions or ():
        position.apply(action)
    assert position.game.name == "go:size=9,komi=0.5,handicap=2"
    assert np.bincount(position.game.colors(position.state).reshape(-1)).tolist() == [77, 3, 1]  # type: ignore[attr-defined]


def test_a_handicap_in_other_corners_is_the_same_game_turned(store: Store, tmp_path: Path) -> None:
    """Two stones at the top left and bottom right are the usual two in a mirror, and so are the moves."""
    (tmp_path / "g.sgf").write_text("(;SZ[9]KM[7]HA[2]AB[cc][gg]PB[a]PW[b]RE[W+R];W[ca])")
    assert import_games(store, [tmp_path / "g.sgf"]).new == 1
    (game,) = store.games()
    rules = make_game(game.game)
    position = Position(rules)
    position.apply((game.actions or (0,))[0])
    stone, (first, second) = game.actions[0], np.flatnonzero(rules.colors(position.start) == 1)  # type: ignore
    away = [max(abs(stone // 9 - p // 9), abs(stone % 9 - p % 9)) for p in (first, second)]
    assert rules.name == "go:size=9,handicap=2" and sorted(away) == [2, 6], (
        "two from the one, six from the other"
    )


def test_a_collection_of_checkers_games(store: Store, tmp_path: Path) -> None:
    """Black moves first, and 1-0 is Black's."""
    games = [
        pdn("1. 11-15 23-19 2. 8-11", "1-0"),
        pdn("1. 11-15 22-18 2. 15x22", "0-1"),
        pdn("1. 11-15 22-17", "1-1"),
        pdn("1. 11-15 22-18 2. 9-13", "1-0"),  # has to jump
        pdn("1. 11-15 23-19", "*"),
        pdn("1. 11-15", "1-0", more='[FEN "W:W31:B2"]\n[SetUp "1"]'),
        pdn("1. 11-15 23-19 2. 8-11", "1-0"),
    ]
    (tmp_path / "games.pdn").write_text("".join(games))
    found = import_games(store, [tmp_path / "games.pdn"])
    assert (found.new, found.repeated, found.ignored, found.illegal) == (3, 1, 1, 2)
    assert [(g.first, g.second, g.outcome, len(g.actions or ())) for g in store.games()] == [
        ("Tinsley", "Chinook", 1, 3),
        ("Tinsley", "Chinook", -1, 3),
        ("Tinsley", "Chinook", 0, 2),
    ]
    assert "game 4: turn 3 (move 2)" in found.faults[0]


@pytest.mark.parametrize("name", ["go5", "checkers"])
def test_what_we_write_we_read(store: Store, tmp_path: Path, name: str) -> None:
    """Random games out of one store and into another are the same games."""
    game, rng = make_game(name), np.random.default_rng(3)
    for number in range(6):
        position = Position(game)
        while not position.is_terminal:
            position.apply(int(rng.choice(position.legal_actions())))
        outcome, result = int(position.returns[0]), game.describe_result(position.state)
        names = ("one", "other")[:: 1 - 2 * (number % 2)]
        store.add(
            StoredGame(
                *(str(number), "e", name, *names, *names, outcome, result),
                actions=tuple(position.actions),
            )
        )
    export(store, "sgf" if name == "go5" else "pdn", tmp_path / "out")
    with Store.open(tmp_path / "t") as other:
        assert import_games(other, [tmp_path / "out"]).new == 6
        for ours, theirs in zip(store.games(), other.games(), strict=True):
            assert (ours.game, ours.first, ours.second) == (theirs.game, theirs.first, theirs.second)
            assert (ours.outcome, ours.actions) == (theirs.outcome, theirs.actions)
    assert import_games(store, [tmp_path / "out"]).new == 0


def test_a_folder_with_a_bad_file_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "games"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "good.SGF").write_text(sgf("ee cc"))
    (folder / "bad.sgf").write_text("no game at all")
    (folder / "results.pgn").write_text('[White "a"]\n[Black "b"]\n[Result "1-0"]\n\n1-0\n')
    (folder / "notes.txt").write_text("(;not looked at")
    assert main(["league", "import", str(tmp_path / "s"), str(folder), "--json"]) == 0
    *lines, last = capsys.readouterr().out.strip().splitlines()
    found = json.loads(last)
    assert {key: found[key] for key in ("new", "repeated", "ignored", "illegal")} == {
        "new": 2,
        "repeated": 0,
        "ignored": 0,
        "illegal": 1,
    }
    assert "bad.sgf" in lines[0] and lines[-1] == "2 new games, 1 that cannot be played left out"
    assert main(["league", "import", str(tmp_path / "s"), str(folder / "bad.sgf")]) == 2
    assert main(["league", "import", str(tmp_path / "s"), str(tmp_path / "none.sgf")]) == 2
    with Store.open(tmp_path / "s") as store, pytest.raises(TengenError, match="no games in this folder"):
        (tmp_path / "empty").mkdir()
        import_games(store, [tmp_path / "empty"])
