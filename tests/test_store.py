"""The store: what it promises about games that ended, and the one sentence for each way it can break."""

import sqlite3
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.errors import MachineError, TengenError
from tengen.league.exchange import export, import_results
from tengen.league.ratings import Result
from tengen.league.result_files import read_results
from tengen.league.store import Store, StoredGame

#: What each child process begins with.
PROLOGUE = """
import resource, sys
from tengen.league.store import Store, StoredGame

def game(key, moves=()):
    return StoredGame(key, "e", "go9", "a", "b", "ida", "idb", 1, actions=tuple(moves))
"""


def game(key: str, outcome: int | None = 1, moves: tuple[int, ...] = (), **more: object) -> StoredGame:
    """A game between a, who moves first, and b."""
    values = {"event": "e", "game": "go9", "first": "a", "second": "b", "first_id": "ida", "second_id": "idb"}
    return StoredGame(
        key=key, outcome=outcome, actions=(*moves, zlib.crc32(key.encode()) % 2**31), **(values | more)
    )  # type: ignore[arg-type]


def child(body: str, *arguments: object) -> subprocess.Popen[str]:
    code = PROLOGUE + textwrap.dedent(body)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@given(
    st.lists(st.integers(0, 2**31 - 1)),
    st.sampled_from([1, 0, -1, None]),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
def test_a_game_comes_back_as_it_went_in(tmp_path_factory, actions, outcome, name, details) -> None:
    wanted = StoredGame(
        *("key", "event", "go9", name, "b", "x", "y", outcome),
        actions=tuple(actions),
        seconds=(0.25,) * len(actions),
        details=details,
        ended=7.0,
        result="B+R",
        reason="resignation",
    )
    with Store.open(tmp_path_factory.mktemp("store") / "runs" / "league.sqlite") as store:
        store.add(wanted)
        assert list(store.games()) == [wanted]


def test_a_scheduled_game_counts_once(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        assert store.add([game("1"), game("2")]) == 2
        assert store.add([game("2", outcome=-1), game("3")]) == 1
        assert [row.key for row in store.outcomes("e")] == ["1", "2", "3"]
        assert store.results() == [Result("a", "b", 3, 0, 0)]


def test_results_leave_out_void_and_repeated_games(tmp_path: Path) -> None:
    """Deterministic players from few openings would have error bars of nothing otherwise."""
    with Store.open(tmp_path / "s") as store:
        same = {"actions": (1, 2)}
        base = game("1")
        store.add([StoredGame(**(vars(base) | {"key": f"r{k}", **same})) for k in range(5)])
        store.add([game("v", outcome=None), game("d", outcome=0), game("l", outcome=-1)])
        store.add(StoredGame(**(vars(base) | {"key": "swap", "first_id": "idb", "second_id": "ida", **same})))
        crashed = {"reason": "fault: crash", **same}  # moves did not decide these
        store.add([StoredGame(**(vars(base) | {"key": f"c{k}", **crashed})) for k in range(3)])
        found = {(r.first, r.second): (r.wins, r.draws, r.losses) for r in store.results()}
        assert sorted(found.values()) == [(1, 0, 0), (4, 1, 1)]
        assert store.repeats() == 4
        assert len(store) == 12


def test_one_name_for_two_networks_is_two_players(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        store.add(
            [game("1", first_id="aaaaaaaa", first="latest"), game("2", first_id="bbbbbbbb", first="latest")]
        )
        assert {r.first for r in store.results()} == {"latest #aaaaaa", "latest #bbbbbb"}
        store.add(game("3", first_id="bbbbbbbb", first="newest"))
        assert {r.first for r in store.results()} == {"latest", "newest"}


def test_openings_of_an_event_stay_what_they_were(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        store.save_openings("e", [[1, 2], []])
        store.save_openings("e", [[3], [4], [5]])
        assert store.openings("e") == [[1, 2], [], [5]]
        assert store.openings("other") == []


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writer = """
        with Store.open(sys.argv[1]) as store:
            for k in range(60):
                store.add(game(f"{int(sys.argv[2]) * (k % 2)} {k}"))  # half of the games all of them have
    """
    children = [child(writer, tmp_path / "s", number) for number in (1, 2, 3)]
    for process in children:
        assert process.communicate()[1] == ""
    with Store.open(tmp_path / "s") as store:
        assert len(store) == 30 + 3 * 30


def test_a_process_that_is_killed_loses_no_game_that_ended(tmp_path: Path) -> None:
    process = child(
        """
        with Store.open(sys.argv[1]) as store:
            for k in range(100_000):
                store.add(game(str(k), range(400)))
                print(k, flush=True)
        """,
        tmp_path / "s",
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 40:
            break
    process.kill()
    told = [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.communicate()
    with Store.open(tmp_path / "s") as store:
        last = max([40, *told])
        assert [row.key for row in store.outcomes("e")][: last + 1] == [str(k) for k in range(last + 1)]
        assert store.add(game("0")) == 0


def test_a_full_disk_is_one_sentence_and_costs_no_earlier_game(tmp_path: Path) -> None:
    process = child(
        """
        from tengen.errors import MachineError
        with Store.open(sys.argv[1]) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            for k in range(10_000):
                try:
                    store.add(game(str(k), range(400)))
                except MachineError as error:
                    sys.exit(f"{k} {error}")
        """,
        tmp_path / "s",
    )
    kept, _, sentence = process.communicate()[1].partition(" ")
    assert "cannot be written: the disk is full or faulty; the games finished so far are kept" in sentence
    with Store.open(tmp_path / "s") as store:
        assert len(store) == int(kept) > 5
        store.add(game("and on"))


def test_a_locked_store_says_so(tmp_path: Path) -> None:
    Store.open(tmp_path / "s").close()
    other = sqlite3.connect(tmp_path / "s", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with (
        Store.open(tmp_path / "s", wait_s=0.01) as store,
        pytest.raises(MachineError, match=r"s: has been locked by another process for 0.01 s; wait for it"),
    ):
        store.add(game("1"))
    other.close()


def damaged(path: Path) -> None:
    with Store.open(path) as store:
        store.add([game(str(k), moves=tuple(range(300))) for k in range(200)])
        store._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def truncate(path: Path) -> None:
    damaged(path)
    path.write_bytes(path.read_bytes()[: 20 * 4096 + 100])


def scribble(path: Path) -> None:
    damaged(path)
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 30] = b"\xa5" * 4096 * 28
    path.write_bytes(data)


def newer(path: Path) -> None:
    with Store.open(path) as store:
        store._base.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE t (x)")
    base.close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (truncate, "is damaged"),
        (scribble, "is damaged"),
        (newer, "has layout 99 and this Tengen knows 1"),
        (foreign, "is a database of another program"),
        (lambda path: path.write_text("(;GM[1])" * 100), "is not a store of games"),
        (lambda path: path.mkdir(), "is a folder, not a store of games"),
    ],
)
def test_what_is_no_store_or_broken_is_one_sentence(tmp_path: Path, make, sentence: str) -> None:
    make(tmp_path / "s")
    with pytest.raises(TengenError, match=sentence) as caught:
        Store.open(tmp_path / "s").close()
    assert str(caught.value).startswith(str(tmp_path / "s")) and "\n" not in str(caught.value)


def test_a_store_to_read_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(TengenError, match="there is no such store"):
        Store.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_an_empty_file_is_no_store_to_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    path.touch()
    with pytest.raises(TengenError, match="there is no such store"):
        Store.open(path, create=False)
    assert not path.stat().st_size


def test_a_store_is_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a ?#% store.sqlite"
    with Store.open(path) as store:
        store.add([game("one"), game("two", -1)])
    monkeypatch.setattr("tengen.league.store.os.access", lambda *_: False)
    with Store.open(path, create=False) as store:
        assert len(store) == 2
        with pytest.raises(MachineError, match="cannot be opened for writing"):
            store.add(game("three"))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_results_of_more_games_than_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("first,second,wins,draws,losses\na,b,999999999,0,0\n")
    words = r"counts 999,999,999 games, .* the most .* 10,000,000"
    with Store.open(tmp_path / "s") as store, pytest.raises(TengenError, match=words):
        import_results(store, tmp_path / "many.csv")


@pytest.mark.parametrize("form", ["pgn", "csv"])
def test_exported_results_are_the_stores_and_import_again(tmp_path: Path, form: str) -> None:
    with Store.open(tmp_path / "s") as store, Store.open(tmp_path / "t") as other:
        for k, outcome in enumerate([1, 1, 0, -1, None, -1, 1]):
            names = {"first": 'a "b" \\c', "first_id": "q"} if k % 2 else {}
            store.add(game(str(k), outcome, game="", **names))
        games, [path] = export(store, form, tmp_path / "out")
        assert games == 6
        key = lambda result: (result.first, result.second)  # noqa: E731
        assert sorted(read_results(path).results, key=key) == sorted(store.results(), key=key)
        assert import_results(other, path) == (6, 0)
        assert import_results(other, path) == (0, 0), "the same file a second time"
        assert sorted(other.results(), key=key) == sorted(store.results(), key=key)
        assert import_results(store, path) == (0, 0), "games that this very store wrote"
        with pytest.raises(TengenError, match="holds no game of go with its moves"):
            export(store, "sgf", tmp_path / "out")
