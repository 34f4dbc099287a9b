"""Games of Go as SGF: read, refused, written, and checked against the rules."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sgfmill.sgf import Sgf_game

from tengen.envs.go import Go
from tengen.envs.go.sgf import GoRecord, read_sgf, record_position, split_sgf_collection, write_sgf
from tengen.envs.position import Position
from tengen.errors import TengenError

KGS = Path(__file__).parents[2] / "shared" / "data" / "go" / "kgs-6d" / "KGS-2017_03-19-717-.tar.gz"


def moves_in_words(record: GoRecord) -> list[str]:
    game = Go(record.size)
    state = game.new_states(1)
    return [f"{'BW'[player]} {game.format_action(state, action)}" for player, action in record.moves]


def test_the_main_line_is_read() -> None:
    record = read_sgf(
        rb"""(;GM[1]FF[4]SZ[9]KM[6.5]RE[W+R]RU[Chinese]PB[Ann [7d\]]PW[Bo\\b]
        ;B[ee]C[the middle; of (all)];W[gc](;B[cg](;W[cc])(;W[])) (;B[aa];W[bb]))"""
    )
    assert moves_in_words(record) == ["B E5", "W G7", "B C3", "W C7"]
    assert (record.size, record.komi, record.result, record.rules) == (9, 6.5, "W+R", "Chinese")
    assert (record.black, record.white) == ("Ann [7d]", "Bo\\b")
    assert record.comments == {1: "the middle; of (all)"}
    assert record.fault() is None


def test_handicap_stones_lists_of_points_and_passes_are_read() -> None:
    record = read_sgf(b"(;SZ[9]HA[2]AB[cc][gg]AW[aa:bb]AE[bb]PL[W];W[tt];B[])")
    board = Go(9).board(record.start(record.game())).splitlines()
    assert board[1] == " 9 O O . . . . . . . 9" and board[2] == " 8 O . . . . . . . . 8"
    assert board[3].count("X") == board[7].count("X") == 1
    assert record.first_player == 1 and record.handicap == 2
    assert moves_in_words(record) == ["W pass", "B pass"]


def test_a_side_that_moves_twice_lets_the_other_pass_in_between() -> None:
    record = read_sgf(b"(;SZ[5];B[aa];B[bb];W[cc])")
    assert record.actions == [0, 25, 6, 12]
    assert record.fault() is None
    assert read_sgf(b"(;SZ[5];B[aa];B[bb];W[cc];W[bb])").fault() == (
        3,
        "B4 is illegal: the point is occupied",
    )


def test_variations_a_thousand_levels_deep_are_read() -> None:
    depth = 5000
    points = [f"{'abcdefghi'[i // 9 % 9]}{'abcdefghi'[i % 9]}" for i in range(depth)]
    data = "(;SZ[9]" + "".join(f"(;{'BW'[i % 2]}[{p}]" for i, p in enumerate(points)) + ")" * (depth + 1)
    assert len(read_sgf(data.encode()).moves) == depth


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the game is empty"),
        (b" \n", "the game is empty"),
        (b"hello", "no game; expected '(;', found 'hello'"),
        (b"(;SZ[9];B[ee];W[", "cut off"),
        (b"(;SZ[9];B[ee]", "cut off"),
        ("(;SZ[9];B[ee])".encode("utf-16"), "UTF-16 or binary"),
        (b"(;CA[klingon]SZ[9])", "CA[klingon] is not an encoding"),
        (b"(;GM[2]SZ[8])", "GM[2] is not Go"),
        (b"(;SZ[37])", "SZ[37] is not supported; square boards of 2 to 19"),
        (b"(;SZ[9:13])", "SZ[9:13] is not supported"),
        (b"(;SZ[x])", "SZ[x] is not supported"),
        (b"(;KM[seven])", "KM[seven] is not a number"),
        (b"(;SZ[9];B[ee];W[zz])", "move 2: [zz] is not a point of a 9x9 board"),
        (b"(;SZ[9];B[E5])", "[E5] is not a point"),
        (b"(;SZ[9]AB[])", "AB[] is not a point of the board"),
        (b"(;SZ[9];B[ee];AW[aa])", "AW changes the board after move 1"),
        (b"(;[ee])", "a value without a property"),
        (b"(;SZ[9]%;B[ee])", "unexpected text '%"),
    ],
)
def test_what_is_no_game_of_go_is_refused_in_a_sentence(data: bytes, message: str) -> None:
    with pytest.raises(TengenError) as caught:
        read_sgf(data)
    assert message in str(caught.value) and str(caught.value).startswith("SGF")


def test_names_that_the_encoding_cannot_read_lose_no_game() -> None:
    record = read_sgf(b"(;CA[UTF-8]SZ[9]PB[\xff\xfe];B[ee])")
    assert record.black == "\ufffd\ufffd" and len(record.moves) == 1
    assert read_sgf("(;CA[GB2312]PW[聂卫平])".encode("gb2312")).white == "聂卫平"


class Drip(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7)


def test_a_collection_is_read_game_by_game() -> None:
    games = [b"(;C[a ) in \\] text])", b"(;SZ[9](;B[aa])(;B[bb]))", b"(\n;KM[0])"]
    data = b"mail header (not a game)\n" + b"\n\n".join(games) + b" trailing"
    assert list(split_sgf_collection(io.BytesIO(data))) == games
    assert list(split_sgf_collection(Drip(data))) == games
    assert list(split_sgf_collection(Drip(data[: data.index(b" trailing") - 1]))) == [
        *games[:2],
        games[2][:-1],
    ]
    assert list(split_sgf_collection(io.BytesIO(b"no game"))) == [b"no game"]
    assert list(split_sgf_collection(io.BytesIO(b""))) == [b""]


def test_a_written_game_reads_the_same_here_and_in_sgfmill() -> None:
    game = Go(7, komi=-0.5, cap=60)
    rng = np.random.default_rng(1)
    for to_play in (0, 1):
        position = Position(game, game.from_text(f"7/7/2X1O2/7/7/7/O6 {'bw'[to_play]} - -0.5 0 0"))
        while not position.is_terminal:
            position.apply(int(rng.choice(position.legal_actions())))
        record = record_position(position, "mcts?sims=[100]", "Ö\\")
        record.comments = {0: "start", 5: "win ] 61 %"}
        data = write_sgf(record)
        again = read_sgf(data)
        assert again.setup.tolist() == record.setup.tolist()
        for name in (
            "size",
            "komi",
            "first_player",
            "moves",
            "result",
            "black",
            "white",
            "rules",
            "comments",
        ):
            assert getattr(again, name) == getattr(record, name), name
        assert again.fault() is None
        other = Sgf_game.from_bytes(data)
        assert other.get_size() == 7 and other.get_komi() == -0.5
        theirs = [node.get_move() for node in other.get_main_sequence()[1:]]
        ours = [("bw"[p], None if a == 49 else (6 - a // 7, a % 7)) for p, a in record.moves]
        assert theirs == ours


@pytest.mark.parametrize(
    ("rules", "suicide", "name"),
    [
        ("positional", False, "Chinese"),
        ("positional", True, "Tromp-Taylor"),
        ("situational", False, "AGA"),
        ("situational", True, "New Zealand"),
        ("simple", False, "Chinese"),
    ],
)
def test_a_record_names_the_rules_as_people_do(rules: str, suicide: bool, name: str) -> None:
    position = Position(Go(5, rules=rules, suicide=suicide))
    assert f"RU[{name}]".encode() in write_sgf(record_position(position, "", ""))


@pytest.mark.skipif(not KGS.exists(), reason="the game collection is not here")
def test_strong_players_games_are_legal_and_read_as_sgfmill_reads_them() -> None:
    with tarfile.open(KGS) as archive:
        members = [member for member in archive if member.isfile()][:150]
        games = [archive.extractfile(member).read() for member in members]  # type: ignore[union-attr]
    for data in games:
        record = read_sgf(data)
        assert record.fault() is None
        other = Sgf_game.from_bytes(data)
        assert record.komi == other.get_komi() and record.handicap == (other.get_handicap() or 0)
        theirs = [node.get_move() for node in other.get_main_sequence() if node.get_move()[0]]
        ours = [("bw"[p], None if a == 361 else (18 - a // 19, a % 19)) for p, a in record.moves]
        assert theirs == ours
