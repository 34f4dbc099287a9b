"""Games of people as data sets of Go: from archives, what is left out and why, positions made again."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tengen.cli import main
from tengen.envs.go.sgf import read_sgf
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league import archives, record_import
from tengen.league.archives import members
from tengen.league.go_import import LONGEST_LINE, read_go
from tengen.league.record_filters import Filters, LeftOut, rank_of
from tengen.league.record_import import import_file, pieces
from tengen.selfplay.records import NO_KOMI, NO_RESULT, Dataset, DatasetWriter, Recorded, Source

GO5 = make_game("go5")
GOOD = b"(;GM[1]SZ[5]KM[2.5]RE[B+R]BR[7d]WR[6d?]DT[2015-04-03];B[cc];W[bb];B[cb];W[bc];B[bd];W[dd];B[])"
OTHER = b"(;SZ[5]RE[W+T]DT[2017];B[bb](;W[cc](;B[dd];W[cd])(;B[dc]))(;W[dd]))"  # a level deeper every move


def read(data: bytes, filters: Filters | None = None) -> Recorded:
    return read_go("sgf", data, GO5, filters or Filters())


def why(data: bytes, filters: Filters | None = None) -> str:
    with pytest.raises(LeftOut) as error:
        read(data, filters)
    return error.value.reason


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def take(tmp_path: Path, data: bytes, name: str = "games", filters: Filters | None = None) -> Source:
    file = tmp_path / name
    file.write_bytes(data)
    writer = DatasetWriter(tmp_path / "set", GO5, test=0.0)
    for _ in import_file(writer, file, filters):
        pass
    writer.discard()
    return writer.sources[0]


# --- one game ---------------------------------------------------------------------------------------------


def test_a_game_with_all_that_is_known_of_it():
    game = read(GOOD)
    assert game.actions == (12, 6, 7, 11, 16, 18, 25)
    assert (game.outcome, game.komi2, game.ranks, game.first, game.setup) == (1, 5, (7, 6), 0, ())
    assert read(OTHER).actions == (6, 12, 18, 17)


def test_handicap_is_the_same_as_stones_of_the_start_and_as_first_moves():
    as_stones = read(b"(;SZ[5]HA[2]AB[bb][dd]RE[W+1.5]KM[375];W[cc];B[cb];W[bc])")
    as_moves = read(b"(;SZ[5]HA[2]RE[W+1.5]KM[375];B[bb];B[dd];W[cc];B[cb];W[bc])")
    assert as_stones == as_moves
    assert as_stones.setup == (12, 36)
    assert (as_stones.first, as_stones.komi2) == (1, NO_KOMI)
    assert why(b"(;SZ[5]AB[bb][dd]RE[W+R];W[cc];B[cb])", Filters(most_handicap=1)) == "handicap"


def test_two_passes_end_a_game_and_a_move_too_many_in_a_row_is_a_pass_between():
    assert read(b"(;SZ[5]RE[0];B[cc];W[];B[tt];W[aa];B[bb])").actions == (12, 25, 25)
    assert read(b"(;SZ[5]RE[0];B[cc];W[cb];W[bb])").actions == (12, 7, 25, 6)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"(;SZ[9]RE[B+R];B[cc])", "another size"),
        (b"(;SZ[5]RE[?];B[cc])", "no result"),
        (b"(;SZ[5]RE[Void];B[cc])", "no result"),
        (b"(;SZ[5];B[cc])", "no result"),
        (b"(;SZ[5]RE[B+R];B[cc];W[bb];B[cc])", "illegal"),  # in the last move
        (b"(;SZ[5]RE[B+R]AB[aa]AW[ab][ba];B[cc])", "illegal"),  # stones that cannot stand
        (b"(;SZ[5]RE[B+R];B[cc];W[xx])", "unreadable"),
        (b"(;SZ[5]RE[B+R];B[cc];W[bb]", "unreadable"),
        (b"(;GM[2]RE[B+R];B[cc])", "unreadable"),
        (b"(;SZ[5]RE[B+R])", "too short"),
    ],
)
def test_why_a_game_is_left_out(data: bytes, reason: str):
    assert why(data) == reason


def test_the_reason_of_an_illegal_move_names_it():
    with pytest.raises(LeftOut, match="move 3: C3 is illegal: the point is occupied"):
        read(b"(;SZ[5]RE[B+R];B[cc];W[bb];B[cc])")


def test_filters_by_rank_date_length_and_result():
    assert why(GOOD, Filters(least_rank=7)) == "rank too low"
    assert why(OTHER, Filters(least_rank=1)) == "rank unknown"
    assert why(GOOD, Filters(since="2015-05")) == "date out of range"
    assert why(GOOD, Filters(until="2014")) == "date out of range"
    assert why(GOOD.replace(b"DT[2015-04-03]", b""), Filters(since="2000")) == "date unknown"
    assert why(GOOD, Filters(shortest=8)) == "too short"
    assert why(GOOD, Filters(longest=6)) == "too long"
    assert read(GOOD, Filters(least_rank=6, since="2015-04-03", until="2015", longest=7)).ranks == (7, 6)
    assert read(b"(;SZ[5]RE[Void];B[cc])", Filters(any_result=True)).outcome == NO_RESULT


def test_ranks_grow_with_strength():
    words = ["30k", "2k?", "1 kyu", "1d", "9 dan", "1p", "9p"]
    ranks = [rank_of(word) for word in words]
    assert ranks == sorted(set(ranks))
    assert rank_of("-") == rank_of("d7") == rank_of("") == -128


def test_lines_of_tom():
    line = b"28694098\t;B[cc];W[bb];B[cb];W[]"
    game = read_go("tom", line, GO5, Filters(any_result=True))
    assert (game.actions, game.outcome, game.komi2) == ((12, 6, 7, 25), NO_RESULT, NO_KOMI)
    with pytest.raises(LeftOut, match="pp"):
        read_go("tom", b"1\t;B[pp]", GO5, Filters(any_result=True))


# --- files and archives -----------------------------------------------------------------------------------

FILES = {"a.sgf": GOOD, "deep/b.sgf": OTHER, "README.md": b"about these games", "c.sgf": b"no game"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.sgf", GOOD + b"\n" + OTHER),
        ("wrong.zip", GOOD + b"\n" + OTHER),
        ("games.sgf.gz", gzip.compress(GOOD + OTHER)),
        ("games.zst", zstandard.compress(GOOD + OTHER)),
        ("games.tar", tarred(FILES)),
        ("games.tgz", tarred(FILES, "w:gz")),
        ("games.tar.gz", tarred({"a.sgf.gz": gzip.compress(GOOD), "b.sgf": OTHER}, "w:gz")),
        ("games.tar.zst", zstandard.compress(tarred(FILES))),
        ("games.zip", zipped(FILES)),
        ("games.dat", zipped({"a.sgf": GOOD, "b.sgf.zst": zstandard.compress(OTHER)})),
    ],
)
def test_games_come_out_of_any_archive_whatever_its_name(tmp_path: Path, name: str, data: bytes):
    source = take(tmp_path, data, name)
    assert source.kept == 2
    has_broken_file = data in (tarred(FILES), zipped(FILES)) or source.left_out
    assert source.left_out == int(bool(has_broken_file)) == source.other_files
    if source.left_out:
        assert source.examples == [
            "c.sgf: not game records; expected SGF, which begins with '(;', PDN or PGN"
        ]


def test_the_same_game_from_two_sources_is_kept_once(tmp_path: Path):
    writer = DatasetWriter(tmp_path / "set", GO5, test=0.0)
    for name in ("one.sgf", "two.sgf"):
        (tmp_path / name).write_bytes(GOOD.replace(b"7d", name.encode()))
        list(import_file(writer, tmp_path / name))
    assert [source.doubles for source in writer.sources] == [0, 1]
    stones = b"(;SZ[5]RE[B+R]AB[aa]PL[B];B[cc])", b"(;SZ[5]RE[B+R]AB[ee]PL[B];B[cc])"
    assert all(writer.add(read(data)) for data in stones)  # the same move from another start is another game
    writer.discard()


def test_encodings_that_are_not_what_they_say(tmp_path: Path):
    for odd in (b"CA[gb2312]PB[\xba\xfa\xff]", b"PB[\xff\xfe\x80]", "PB[小林]".encode("shift-jis")):
        assert read(GOOD.replace(b"GM[1]", odd)).actions == read(GOOD).actions


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda d: tarred({"x.sgf": d}, "w:gz")])
def test_an_archive_that_unfolds_to_more_than_is_sane(tmp_path: Path, monkeypatch, pack):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 16)
    file = tmp_path / "bomb"
    file.write_bytes(pack(GOOD + b" " * (4 << 20)))
    with pytest.raises(TengenError, match=r"bomb: unfolds to more than .* 250 times its size"):
        for _, stream in members(file):
            while stream.read():
                pass


def test_what_is_no_archive_of_games(tmp_path: Path):
    for data, words in (
        (b"", "empty"),
        (zipped({}), "holds no game"),
        (tarred({"README": b"words"}), "holds no game"),
        (gzip.compress(GOOD * 99)[:-30], "damaged"),
        (tarred(FILES, "w:gz")[:-30], "damaged"),
        (zstandard.compress(bytes(range(256)) * 999)[:50], "damaged.*cut off"),
        (zipped(FILES)[:-30], "damaged"),
        (b'[Event "x"]\n[Result "1-0"]\n\n1. 11-15 23-19 1-0\n', "holds checkers"),
    ):
        with pytest.raises(TengenError, match=words):
            take(tmp_path, data)


def test_a_game_without_end_and_a_line_without_end_cost_one_game(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(record_import, "MOST_GAME", 1 << 20)
    endless = b"(;SZ[5]C[" + b"x" * (5 << 19)
    source = take(tmp_path, zipped({"a.sgf": GOOD, "b.sgf": endless, "c.sgf": OTHER}))
    assert (source.kept, source.reasons) == (2, {"unreadable": 1})
    tom = b"1\t;B[aa]\n2\t" + b";B[cc];W[dd]" * (LONGEST_LINE // 4) + b"\n3\t;B[bb];W[cc]\n"
    source = take(tmp_path, tom, "lines", Filters(any_result=True))
    assert (source.kept, source.reasons) == (2, {"unreadable": 1})


def test_games_read_in_processes_are_the_same(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(record_import, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(record_import, "TOGETHER", 2)
    file = tmp_path / "many.tar"
    file.write_bytes(tarred({f"{i}.sgf": GOOD[:-3] + b"[%c%c])" % (97 + i, 101) for i in range(5)} | FILES))
    written = []
    for processes in (1, 2):
        writer = DatasetWriter(tmp_path / f"set{processes}", GO5, test=0.3)
        last = list(import_file(writer, file, processes=processes))[-1]
        written.append((writer.close()["checksum"], last))
    assert written[0] == written[1]
    assert written[0][1].kept == 7


def test_positions_of_go_come_back_with_stones_komi_and_colours(tmp_path: Path):
    games = [
        GOOD,
        OTHER,
        b"(;SZ[5]AB[ba][dd]AW[aa]KM[0.5]RE[W+1.5];W[cc];B[ab];W[cb];B[bc])",  # Black takes A5
    ]
    writer = DatasetWriter(tmp_path / "set", GO5, test=0.0)
    for data in games:
        writer.add(read(data))
    writer.close()
    dataset = Dataset(tmp_path / "set")
    dataset.verify()
    part = dataset.part("train")
    assert part.go is not None
    states = part.states(GO5, np.arange(len(part)))
    samples = part.at(GO5, np.arange(len(part)))
    for number, data in enumerate(games):
        record = read_sgf(data)
        state = record.start(GO5)
        state["komi2"] = round(2 * record.komi) if record.komi is not None else round(2 * GO5.komi)
        for ply in range(part.lengths[number]):
            at = int(part.starts[number]) + ply
            expected = GO5.new_observation(1)
            GO5.observe(state, expected)
            np.testing.assert_array_equal(samples.observations[at], expected[0])
            assert states["hash"][at] == state["hash"][0]
            assert samples.outcomes[at] == part.outcomes[number] * (1 - 2 * int(state["to_play"][0]))
            GO5.step(state, part.actions[at : at + 1].astype(np.int32))


# --- the command ------------------------------------------------------------------------------------------


def test_import_and_stats_of_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "games.tar.gz"
    file.write_bytes(tarred(FILES, "w:gz"))
    out = str(tmp_path / "set")
    words = ["records", "import", str(file), "--out", out, "--game", "go5", "--shortest", "1", "--json"]
    assert main([*words, "--min-rank", "5d", "--since", "2015"]) == 0
    (source,) = json.loads(capsys.readouterr().out.splitlines()[-1])["sources"]
    assert source["kept"] == 1
    assert source["reasons"] == {"rank unknown": 1, "unreadable": 1}
    assert main(["records", "stats", out, str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["stats"]
    assert (found[1]["games"], found[1]["faulty"], found[1]["turns"]) == (3, 1, 11)


@pytest.mark.parametrize("words", [["--min-rank", "strong"], ["--since", "May"], ["--longest", "3"]])
def test_options_that_mean_nothing(tmp_path: Path, words: list[str]):
    (tmp_path / "a.sgf").write_bytes(GOOD)
    assert main(["records", "import", str(tmp_path / "a.sgf"), "--out", str(tmp_path / "s"), *words]) == 2
    assert not (tmp_path / "s").exists()


def test_pieces_say_where_they_stand(tmp_path: Path):
    (tmp_path / "x.tar").write_bytes(tarred({"a.sgf": GOOD + OTHER}))
    found = [piece.where for piece in pieces(tmp_path / "x.tar", "go", Source("x"))]
    assert found == ["a.sgf: game 1", "a.sgf: game 2"]
