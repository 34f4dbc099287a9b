"""`tengen ratings` on stores, PGN, CSV, and on what is none of them."""

import json
import os
import sqlite3
import threading
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tengen.cli import main
from tengen.errors import TengenError
from tengen.league.ratings import Result, rate
from tengen.league.result_files import read_results, write_results
from tengen.league.store import Store, StoredGame

RESULTS = [
    Result("gnugo", "net", 20, 5, 30),
    Result("net", "gnugo", 33, 2, 20),
    Result("net", "random", 40, 0, 0),
]
letters = st.characters(exclude_categories=["C", "Z"]) | st.sampled_from('"\\,[]{}#%; ')
names = st.text(letters, min_size=1, max_size=12).map(lambda name: name.strip() or "?")
some_results = st.lists(
    st.builds(Result, names, names, st.integers(1, 4), st.integers(0, 4), st.integers(0, 4)),
    min_size=1,
    max_size=6,
)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, output, error text."""
    code = main(["ratings", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def pgn(white: str, black: str, result: str, more: str = "") -> str:
    return f'[White "{white}"]\n[Black "{black}"]\n[Result "{result}"]\n{more}\n1. e4 e5 {result}\n\n'


def test_a_file_of_results_is_rated_like_the_results_themselves(tmp_path, capsys):
    for name in ("results.pgn", "results.csv"):
        write_results(tmp_path / name, RESULTS)
        code, out, _ = run(capsys, tmp_path / name, "--json", "--anchor", "gnugo=1800", "--draw-elo", "fit")
        found = json.loads(out.splitlines()[-1])
        expected = rate(RESULTS, draw_elo=None, anchors={"gnugo": 1800})
        assert code == 0
        assert [set(row) for row in found["ratings"]] == [{"name", "elo", "error", "games", "score"}] * 3
        assert [row["name"] for row in found["ratings"]] == ["net", "gnugo", "random"]
        assert [row["elo"] for row in found["ratings"]] == pytest.approx([r.elo for r in expected.ratings])
        assert [row["games"] for row in found["ratings"]] == [150, 110, 40]
        assert found["advantage"] == 32.8 and found["draw_elo"] == pytest.approx(expected.draw_elo)


def test_a_store_and_the_folder_of_its_run_are_rated(tmp_path, capsys):
    ends = [1, 1, 0, -1, 1, None]
    with Store.open(tmp_path / "league.sqlite") as store:
        store.add(
            StoredGame(f"{k}", "cup", "go9", "net", "gnugo", "id-net", "id-gnugo", end)
            for k, end in enumerate(ends)
        )
    expected = rate([Result("net", "gnugo", 3, 1, 1)])
    for path in (tmp_path, tmp_path / "league.sqlite"):
        code, out, _ = run(capsys, path, "--json")
        found = json.loads(out.splitlines()[-1])
        assert code == 0
        assert [(r["name"], r["games"], r["score"]) for r in found["ratings"]] == [
            ("net", 5, 0.7),
            ("gnugo", 5, 0.3),
        ]
        assert found["ratings"][0]["elo"] == pytest.approx(expected.ratings[0].elo)


def test_the_table_tells_the_order_the_errors_and_what_they_rest_on(tmp_path, capsys):
    write_results(tmp_path / "results.csv", RESULTS)
    code, out, _ = run(capsys, tmp_path / "results.csv")
    lines = out.splitlines()
    assert code == 0 and lines[0].split()[:4] == ["rank", "name", "elo", "+-"]
    assert [line.split()[1] for line in lines[2:5]] == ["net", "gnugo", "random"]
    assert "150 games; advantage of the first move 32.8 Elo, draw Elo 97.3" in out


def test_broken_games_are_counted_and_the_others_rated(tmp_path, capsys):
    games = [
        pgn("a", "b", "1-0"),
        pgn("a", "b", "*"),
        '[Event "no names"]\n[Result "1-0"]\n\n1-0\n\n',
        '[White "a"]\n[Black "b"]\n\n1. e4 {no tag, but an end} 0-1\n\n',
        '[White "a"]\n[Black "b"]\n[Result "0-1"]\n[White "b"]\n[Black "a"]\n[Result "1/2-1/2"]\n',
        '[White "a"]\n[Black "b"]\n[Result "1-0" the file ends here',
    ]
    (tmp_path / "games.pgn").write_text("".join(games))
    found = read_results(tmp_path / "games.pgn")
    assert found.results == [Result("a", "b", 1, 0, 2), Result("b", "a", 0, 1, 0)]
    assert (found.games, found.ignored) == (4, 3)
    code, out, _ = run(capsys, tmp_path / "games.pgn", "--json")
    assert code == 0 and "3 games ignored: game 2 has the result '*'" in out
    assert json.loads(out.splitlines()[-1])["ignored"] == 3


def test_in_english_draughts_black_moves_first(tmp_path):
    (tmp_path / "games.pdn").write_text(pgn("w", "b", "1-0", '[GameType "21"]\n'))
    assert read_results(tmp_path / "games.pdn").results == [Result("b", "w", 1, 0, 0)]


@pytest.mark.parametrize("suffix", ["pgn", "csv"])
@given(results=some_results)
@settings(max_examples=40, deadline=None)
def test_results_are_read_as_they_were_written(tmp_path_factory, suffix, results):
    path = tmp_path_factory.getbasetemp() / f"results.{suffix}"
    write_results(path, results)
    sums: dict[tuple[str, str], list[int]] = {}
    for r in results:
        row = sums.setdefault((r.first, r.second), [0, 0, 0])
        row[:] = [row[0] + r.wins, row[1] + r.draws, row[2] + r.losses]
    found = read_results(path)
    assert {(r.first, r.second): [r.wins, r.draws, r.losses] for r in found.results} == sums
    assert found.ignored == 0


def test_names_of_other_alphabets_and_encodings_survive_and_none_moves_the_cursor(tmp_path, capsys):
    text = pgn('Лев \\"x\\" \\\\', "囲碁", "1-0").encode() + pgn("Jos\xe9", "evil\x1b[2J", "1-0").encode(
        "latin-1"
    )
    (tmp_path / "games.pgn").write_bytes(text)
    code, out, _ = run(capsys, tmp_path / "games.pgn", "--json")
    found = {row["name"] for row in json.loads(out.splitlines()[-1])["ratings"]}
    assert code == 0 and found == {'Лев "x" \\', "囲碁", "José", "evil?[2J"}
    assert "\x1b" not in out


def test_results_come_through_a_pipe_too(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[pgn("a", "b", "1-0") * 5000])
    writer.start()
    code, out, _ = run(capsys, tmp_path / "pipe")
    writer.join()
    assert code == 0 and "5,000 games" in out


def test_groups_that_never_met_are_told(tmp_path, capsys):
    write_results(tmp_path / "results.csv", [Result("a", "b", 3, 0, 1), Result("x", "y", 3, 0, 1)])
    code, out, _ = run(capsys, tmp_path / "results.csv", "--json")
    assert code == 0 and "2 groups never met" in out and "a, b; x, y" in out
    assert json.loads(out.splitlines()[-1])["groups"] == [["a", "b"], ["x", "y"]]


def test_csv_of_single_games_with_columns_in_any_order(tmp_path):
    (tmp_path / "games.csv").write_text(
        '\ufeffresult,Second,first,date\n1-0,b,"a, jr",x\n0.5,b,"a, jr",x\n?,b,a,x\n'
    )
    found = read_results(tmp_path / "games.csv")
    assert found.results == [Result("a, jr", "b", 1, 1, 0)] and found.ignored == 1


BAD = {
    "empty.pgn": (b" \n", "the file is empty"),
    "nothing-finished.pgn": (pgn("a", "b", "*").encode(), "no finished game"),
    "one.pgn": (pgn("a", "a", "1-0").encode(), "only 'a' has played"),
    "prose.txt": (b"Dear reader", "neither PGN"),
    "game.sgf": (b"(;GM[1])", "neither PGN"),
    "binary": (bytes(range(256)), "neither results"),
    "columns.csv": (b"frist,second,result\na,b,1-0\n", "did you mean first"),
    "league.sqlite": (b"not a store at all", "not an SQLite store"),
    "truncated.sqlite": (b"SQLite format 3\0" + bytes(100), "truncated.sqlite"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_cannot_be_rated_are_refused_in_a_sentence(tmp_path, capsys, name):
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    code, out, err = run(capsys, tmp_path / name)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert words in err and "unexpected" not in err


def test_other_wrong_paths_are_refused(tmp_path, capsys):
    code, _, err = run(capsys, tmp_path / "missing.pgn")
    assert code == 2 and "missing.pgn: cannot be read" in err
    code, _, err = run(capsys, tmp_path)
    assert code == 2 and "without a store" in err
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE t (x)").connection.close()
    code, _, err = run(capsys, tmp_path / "other.sqlite")
    assert code == 2 and "another program" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--anchor", "gnugoo=1800"], "did you mean gnugo?"),
        (["--anchor", "gnugo"], "is not NAME=ELO"),
        (["--anchor", "gnugo=inf"], "is not NAME=ELO"),
        (["--advantage", "much"], "--advantage much is neither"),
        (["--draw-elo", "-3"], "--draw-elo -3"),
        (["--draw-elo", "nan"], "--draw-elo nan"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, capsys, options, words):
    write_results(tmp_path / "results.csv", RESULTS)
    code, _, err = run(capsys, tmp_path / "results.csv", *options)
    assert code == 2 and words in err


def test_results_are_written_to_known_formats_only(tmp_path: Path):
    with pytest.raises(TengenError, match=r"\.pgn or \.csv"):
        write_results(tmp_path / "results.txt", RESULTS)
