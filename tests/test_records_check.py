"""`tengen records check` on good, bad and hostile collections."""

import gzip
import json
import os
import tarfile
import tracemalloc
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tengen.cli import main
from tengen.envs import Position, make_game
from tengen.errors import TengenError
from tengen.league.records import Tally, check_file

PDN = """[Event "Good"]
[Result "1-0"]
1. 11-15 23-19 2. 8-11 22-17 3. 11-16 24-20 1-0

"""
DATA = Path(os.environ.get("TENGEN_TEST_DATA", "nowhere"))  # large collections, on machines that hold them


def check(capsys: pytest.CaptureFixture[str], *files: Path | str) -> tuple[int, dict[str, object], str]:
    """Exit code, JSON object and error text."""
    code = main(["records", "check", *map(str, files), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]) if out else {}, err.splitlines()[-1] if err else ""


def test_good_and_bad_pdn_games_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "games.pdn"
    late = PDN.replace("3. 11-16 24-20", "3. 11-16 24-19")  # White's own man stands there
    file.write_text(PDN + late + PDN.replace("22-17", "22-zz") + PDN)
    code, result, _ = check(capsys, file)
    faults = result.pop("faults")
    assert code == 0 and result == {"files": 1, "games": 4, "parsed": 3, "legal": 2}
    illegal, unreadable = faults  # type: ignore[misc]
    assert (illegal["file"], illegal["game"], illegal["move"]) == (str(file), 2, 6)
    assert illegal["reason"].startswith("24-19 is illegal:")
    assert unreadable["game"] == 3 and "22-zz" in unreadable["reason"]


def test_without_json_each_fault_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("games.pdn")
    file.write_text(PDN + PDN.replace("11-15", "11-18"))
    assert main(["records", "check", str(file)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{file}: game 2, move 1: 11-18 is illegal:")
    assert out[-1].split()[-3:] == ["2", "2", "1"]


def test_gzip_is_seen_by_content_and_damage_keeps_what_came_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut = tmp_path / "games.pdn.gz", tmp_path / "cut"
    data = gzip.compress((PDN * 50_000).encode(), 1)
    whole.write_bytes(data)
    cut.write_bytes(data[: len(data) // 100])
    part = Tally()
    with pytest.raises(Exception, match="cut: the gzip compression is damaged"):
        for checked in check_file(cut):
            part.add(checked)
    assert 100 < part.games < 1000 and part.legal == part.games
    code, result, err = check(capsys, cut)
    assert code == 2 and result["games"] == part.games and "damaged" in err
    assert result["faults"][-1]["game"] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    "game",
    [f'[Event "Long"]\n{{{"x" * 20_000}}} 1. 11-15 *\n', f"(;SZ[9]C[{'x' * 20_000}];B[ee])"],
    ids=["pdn", "sgf"],
)
def test_memory_stays_flat_over_many_games(tmp_path: Path, game: str) -> None:
    """Twenty megabytes of games are read in less than half as much."""

    def peak(games: int) -> int:
        file = tmp_path / f"{games}.gz"
        file.write_bytes(gzip.compress((game * games).encode(), 1))
        tracemalloc.start()
        assert sum(1 for _ in check_file(file)) == games
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)  # imports and compiles
    assert peak(1000) < 9_000_000


HOSTILE = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\n", "the file is empty"),
    "junk": (bytes(range(256)) * 20, "not game records"),
    "prose": (b"Dear Sir, the games are lost.", "not game records"),
    "utf-16": ("(;GM[1]SZ[9];B[aa])".encode("utf-16"), "not game records"),
    "tar": (b"games.sgf".ljust(257, b"\0") + b"ustar\x0000".ljust(600, b"\0"), "a tar archive"),
    "damaged.gz": (b"\x1f\x8b\x08\0junk", "the gzip compression is damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("suffix", [".sgf", ".pdn", ""])
def test_what_is_no_record_at_all_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, suffix: str
) -> None:
    content, reason = HOSTILE[kind]
    bad, good = tmp_path / f"bad{suffix}", tmp_path / "good.pdn"
    bad.write_bytes(content)
    good.write_text(PDN)
    code, result, err = check(capsys, bad, good)
    assert code == 2 and f"{bad}: {reason}" in err
    assert (result["files"], result["games"], result["legal"]) == (
        2,
        1,
        1,
    )  # the good file counts all the same
    assert [fault["game"] for fault in result["faults"]] == [0]  # type: ignore[attr-defined]


ODD_PDN = {
    "nested variations": (PDN.replace("8-11", "(" * 20_000 + "1-1" + ")" * 20_000 + " 8-11"), 1, ""),
    "variation never closed": (
        PDN.replace("8-11", "((8-11"),
        0,
        "variation opened on line 3 is never closed",
    ),
    "comment never closed": (PDN.replace("8-11", "{8-11"), 0, "comment opened on line 3 is never closed"),
    "cut in a move": (PDN[:60], 0, "is neither a move nor a result"),
    "cut between moves": (PDN[:53], 0, "the file ends before the game has a result"),
    "cut in a tag": (PDN + '[Event "Go', 1, "is not a tag"),
    "mis-encoded name": (PDN.replace("Good", "Señor é").encode("latin-1"), 1, ""),
    "only a result": ('[Event "Forfeit"]\n1-0\n', 1, ""),
    "another variant": (PDN.replace("[Result", '[GameType "20"]\n[Result'), 0, "GameType 20"),
    "a position that cannot be": (PDN.replace("[Result", '[FEN "B:W99"]\n[Result'), 0, "tag FEN"),
}


@pytest.mark.parametrize("kind", ODD_PDN)
def test_odd_pdn_is_read_or_named(tmp_path: Path, kind: str) -> None:
    content, legal, reason = ODD_PDN[kind]
    file = tmp_path / "odd.pdn"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    checked = list(check_file(file))
    assert sum(game.fault is None for game in checked) == legal
    assert reason in "".join(game.fault.reason for game in checked if game.fault)


SGF = "(;GM[1]FF[4]SZ[9]KM[7]RU[Chinese]RE[B+R];B[ee];W[cc];B[gg])"
ODD_SGF = {
    "comment with brackets": (SGF.replace(";W", "C[(;\\]) ((]" + ";W"), 1, ""),
    "deeply nested": (SGF[:-1] + "(;B[aa]" * 3000 + ")" * 3001, 0, "the point is occupied"),
    "every move one level deeper": ("(;SZ[9]" + "(;B[aa](;W[bb](;B[cc]))))", 1, ""),
    "cut off": (SGF[:-8], 0, "cut off"),
    "cut off in a value": (SGF[:-3], 0, "cut off"),
    "mis-encoded": (SGF.replace("RE[", "PB[Señor]RE[").encode("latin-1"), 1, ""),
    "unknown encoding": (SGF.replace("GM[1]", "GM[1]CA[klingon]"), 0, "CA[klingon] is not an encoding"),
    "another game": (SGF.replace("GM[1]", "GM[2]"), 0, "GM[2] is not Go"),
    "no such board": (SGF.replace("SZ[9]", "SZ[9:13]"), 0, "SZ[9:13] is not supported"),
    "off the board": (SGF.replace("B[gg]", "B[zz]"), 0, "not a point of a 9x9 board"),
    "occupied": (SGF.replace("B[gg]", "B[cc]"), 0, "the point is occupied"),
    "stones without liberties": (SGF.replace(";B[ee]", "AB[aa]AW[ab][ba];B[ee]"), 0, "without liberties"),
    "no moves": ("(;GM[1]SZ[9])", 1, ""),
    "garbage between games": (f"\n{SGF}\nhello\n{SGF}", 2, ""),
}


@pytest.mark.parametrize("kind", ODD_SGF)
def test_odd_sgf_is_read_or_named(tmp_path: Path, kind: str) -> None:
    content, legal, reason = ODD_SGF[kind]
    file = tmp_path / "odd.sgf"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    checked = list(check_file(file))
    assert sum(game.fault is None for game in checked) == legal
    assert reason in "".join(game.fault.reason for game in checked if game.fault)


def test_an_illegal_move_of_go_is_named_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "games.sgf"
    file.write_text(SGF + SGF.replace("B[gg]", "B[cc]"))
    code, result, _ = check(capsys, file)
    fault = {"file": str(file), "game": 2, "move": 3, "reason": "C7 is illegal: the point is occupied"}
    assert (code, result) == (0, {"files": 1, "games": 2, "parsed": 2, "legal": 1, "faults": [fault]})


def game_that_repeats_a_position() -> str:
    """The moves of a game of Go that simple ko allows and superko does not."""
    game, strict = make_game("go:size=3,rules=simple"), make_game("go:size=3")
    rng = np.random.default_rng(1)
    while True:
        loose, tight = Position(game), Position(strict)
        moves: list[str] = []
        while not loose.is_terminal:
            stones = [action for action in loose.legal_actions() if action != 9]
            if not stones:
                break
            action = int(rng.choice(stones))
            moves.append(f";{'BW'[loose.to_play]}[{'abc'[action % 3]}{'abc'[action // 3]}]")
            loose.apply(action)
            if not tight.legal_mask()[action]:
                return "".join(moves)
            tight.apply(action)


def test_repetition_is_judged_by_the_records_own_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moves = game_that_repeats_a_position()
    file = tmp_path / "games.sgf"
    file.write_text("".join(f"(;SZ[3]{rules}{moves})" for rules in ("", "RU[Japanese]", "RU[Tromp-Taylor]")))
    _, result, _ = check(capsys, file)
    assert [fault["game"] for fault in result["faults"]] == [1, 3]  # type: ignore[attr-defined]
    assert "superko" in result["faults"][0]["reason"]  # type: ignore[index]
    main(["records", "check", str(file), "--json", "--rules", "simple"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["legal"] == 3


CUT_OFF = {
    "cut off": (b"(;GM[1]SZ[9];B[aa];W[bb", "cut off"),
    "othello": (b"(;GM[2]SZ[8];B[aa])", "GM[2] is not Go"),
    "nested without end": (b"(;SZ[9]" + b"(;B[aa]" * 50_000, "cut off"),
    "unclosed comment": (b"1. 11-15 {and then", "never closed"),
}


@pytest.mark.parametrize("kind", CUT_OFF)
def test_a_file_without_one_game_that_can_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    content, reason = CUT_OFF[kind]
    file = tmp_path / "games"
    file.write_bytes(content)
    code, result, err = check(capsys, file)
    assert code == 2 and reason in err
    assert (result["games"], result["parsed"], len(result["faults"])) == (1, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "message"), [("none.pdn", "does not exist"), ("", "is a folder")])
def test_a_missing_file_stops_the_check_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    code, result, err = check(capsys, tmp_path / name)
    assert (code, result) == (2, {}) and message in err


@pytest.mark.skipif(not DATA.exists(), reason="the collections are not on this machine")
def test_games_of_the_american_checker_federation_are_legal() -> None:
    tally = Tally()
    for checked, _ in zip(check_file(DATA / "checkers" / "acf.pdn.gz"), range(300), strict=False):
        tally.add(checked)
    assert tally == Tally(300, 300, 300)


@pytest.mark.skipif(not DATA.exists(), reason="the collections are not on this machine")
def test_games_of_strong_players_on_kgs_are_legal(tmp_path: Path) -> None:
    tally = Tally()
    with tarfile.open(DATA / "go" / "kgs-6d" / "KGS-2017_01-19-733-.tar.gz") as archive:
        for member in [member for member in archive if member.isfile()][:60]:
            file = archive.extractfile(member)
            assert file is not None
            (tmp_path / "game.sgf").write_bytes(file.read())
            for checked in check_file(tmp_path / "game.sgf"):
                tally.add(checked)
    assert tally == Tally(60, 60, 60)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(
    st.sampled_from([PDN.encode(), SGF.encode(), gzip.compress(SGF.encode(), mtime=0)]),
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 20), st.binary(max_size=6)), min_size=1, max_size=4
    ),
)
def test_no_damage_breaks_the_check(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, wounds: list[tuple[int, int, bytes]]
) -> None:
    for place, cut, insert in wounds:
        place %= len(data) + 1
        data = data[:place] + insert + data[place + cut :]
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(data)
    try:
        for checked in check_file(file):
            assert checked.fault is None or checked.fault.reason
    except TengenError as error:
        assert str(error).startswith(str(file))
