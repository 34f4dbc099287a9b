"""PDN: reading what people wrote, and reporting what cannot be read."""

import gzip
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tengen.envs.checkers import Checkers, PdnGame, iter_pdn, replay, write_pdn
from tengen.envs.checkers.pdn import PdnFault, make_pdn
from tengen.errors import TengenError

game = Checkers()
SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "checkers" / "acf.pdn.gz"

ANNOTATED = """\ufeff[Event "A \\"friendly\\" game"]
[GameType "21"]
[Result "1-0"]

% an escaped line: 9-13 1-0
1. 11-15! {a {strange comment 1-0} 23-19 $2 ; the rest of the line 9-14
2... 8-11 (2. 9-13 22-18 (or 24-20) {with ) in it}) 22 - 17 3. 11-16 ?! 24x20 16-24 1-0
"""


def read(text: str | bytes) -> list[PdnGame]:
    return list(iter_pdn(io.BytesIO(text) if isinstance(text, bytes) else io.StringIO(text)))


def test_what_is_not_a_move_is_skipped():
    (record,) = read(ANNOTATED)
    assert record.fault is None and record.result == "1-0"
    assert record.tags["Event"] == 'A "friendly" game'
    assert record.turns == ["11-15", "23-19", "8-11", "22 - 17", "11-16", "24x20", "16-24"]
    assert read(ANNOTATED.encode()) == [record]


class Dribble(io.StringIO):
    """A stream that gives a few characters at a time."""

    def read(self, size: int | None = -1) -> str:
        return super().read(min(3, size if size and size > 0 else 3))


def test_the_size_of_what_a_read_gives_does_not_matter():
    text = (ANNOTATED.removeprefix("\ufeff") + '\n[Event "2"] 1. 9-13 *\n') * 3
    assert list(iter_pdn(Dribble(text))) == read(text)
    assert [record.number for record in read(text)] == [1, 2, 3, 4, 5, 6]


def test_results_of_draughts():
    results = [record.result for record in read("1-0 0-1 1/2-1/2 * 2-0 0-2 1-1 1-10 *")]
    assert results == ["1-0", "0-1", "1/2-1/2", "*", "1-0", "0-1", "1/2-1/2", "*"]


@pytest.mark.parametrize(
    "text, fault",
    [
        ('[Event "x"]\n1. 11-15 23-19', "the file ends before the game has a result"),
        ("1. 11-15 {never closed", "the comment opened on line 1 is never closed"),
        ("1. 11-15\n(2. 23-19", "the variation opened on line 2 is never closed"),
        ("hello world", "line 1: 'hello' is neither a move nor a result"),
        ("\x00\x01\x02" * 3000, "neither a move nor a result"),
        ("1. 11-15 23-19) *", "')' is neither a move nor a result"),
        ("[Event x]\n1. 11-15 *", "'[Event x]' is not a tag"),
        ('[Event "never closed]\n1. 11-15 *', "is not a tag"),
        ("1. e4 e5 1-0", "'e4' is neither"),
        ("(;GM[1]SZ[9];B[ee])", "the variation opened on line 1 is never closed"),
    ],
)
def test_what_cannot_be_read_is_a_fault(text: str, fault: str):
    records = read(text)
    assert len(records) == 1 and fault in str(records[0].fault)
    with pytest.raises(TengenError) as error:
        replay(records[0])
    assert fault in str(error.value)


def test_a_bad_game_does_not_spoil_its_neighbours():
    moves = ["9-13 *", "9-13 oops 22-18 *", "9-13", "9-14 *"]
    faults = [record.fault for record in read("".join(f'[Event "x"]\n1. {move}\n' for move in moves))]
    assert faults[0] is None and faults[3] is None
    assert "'oops'" in str(faults[1]) and "without a result" in str(faults[2])


def test_nothing_is_no_game():
    assert read("") == read(" \n\n") == read("{only a comment}") == read(b"") == []


def test_bytes_of_another_encoding_are_read_as_latin_1():
    (record,) = read('[White "Jos\xe9 M\xfcller"]\n1. 9-13 *'.encode("latin-1"))
    assert record.tags["White"] == "José Müller" and record.fault is None
    (record,) = read('[White "José"]\n1. 9-13 *'.encode())
    assert record.tags["White"] == "José"
    (record,) = read("1. 9-13 *".encode("utf-16"))
    assert record.fault


def test_replay_names_the_move_and_the_reason():
    (record,) = read("1. 11-15 23-19 2. 8-11 22-17 3. 9-14 17-13 *")
    with pytest.raises(PdnFault, match=r"turn 5 \(move 3\): ") as error:
        replay(PdnGame(turns=["11-15", "22-18", "15-22", "25x18", "18-23"]))
    assert (error.value.ply, error.value.move) == (5, "18-23")
    assert "White's" in error.value.reason
    assert replay(record)["ply"][0] == 6


@pytest.mark.parametrize(
    "tags, reason",
    [
        ({"GameType": "20"}, "GameType 20 is not English draughts"),
        ({"FEN": "nonsense"}, "tag FEN: position 'nonsense'"),
        ({"FEN": "W:W21:B1"}, "turn 1"),
    ],
)
def test_replay_of_another_game(tags: dict[str, str], reason: str):
    with pytest.raises(TengenError) as error:
        replay(PdnGame(tags=tags, turns=["11-15"]))
    assert reason in str(error.value)


def test_replay_goes_on_after_a_draw_nobody_claimed():
    shuffle = ["1-5", "32-28", "5-1", "28-32"] * 25
    state = replay(PdnGame(tags={"FEN": "B:WK32:BK1", "GameType": "21,B,8,4,N,0"}, turns=shuffle))
    assert game.to_text(state).startswith("B:WK32:BK1")
    lost = PdnGame(tags={"FEN": "W:W13:B6,9"}, turns=["13-9"])
    with pytest.raises(PdnFault, match="the game is over"):
        replay(lost)


def random_actions(fen: str, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    state = game.from_text(fen)
    actions, mask = [], game.new_mask(1)
    while not state["terminal"][0]:
        game.legal_mask(state, mask)
        actions.append(int(rng.choice(np.flatnonzero(mask[0]))))
        game.step(state, np.array(actions[-1:]))
    return actions


@pytest.mark.parametrize("fen", ["B:W21-32:B1-12", "W:W21-32:B1-12", "B:W14,22,31,30:B9,18,K2:J18"])
def test_written_games_read_back(fen: str):
    records = []
    start = game.from_text(fen)
    for seed in range(20):
        actions = random_actions(fen, seed)
        records.append(make_pdn(actions, {"Event": 'quoted "name" \\', "Round": "1\n2"}, start))
        assert records[-1].result != "*"
    text = io.StringIO()
    assert write_pdn(text, records) == 20
    assert max(map(len, text.getvalue().splitlines())) < 80
    again = read(text.getvalue())
    assert [r.turns for r in again] == [r.turns for r in records]
    assert [r.result for r in again] == [r.result for r in records]
    assert again[0].tags["Event"] == 'quoted "name" \\' and again[0].tags["Round"] == "1 2"
    for record in again:
        assert record.fault is None
        result = int(replay(record)["result"][0])
        assert record.result == {1: "1-0", -1: "0-1", 0: "1/2-1/2"}[result]


def test_a_game_broken_off_in_mid_jump_keeps_its_last_step():
    start = game.from_text("B:W14,22,32:B9,12")
    record = make_pdn([game.parse_action(start, "9x18")], start=start)
    assert record.turns == ["9x18"] and record.result == "*"


class Endless(io.RawIOBase):
    """Repeats a text without holding it."""

    def __init__(self, text: bytes, times: int) -> None:
        self.text, self.left = text, times

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        return self.text if self.left >= 0 else b""


@pytest.mark.parametrize(
    "text",
    [
        b'[Event "x"]\n[Result "*"]\n' + b"1. 11-15 23-19 8-11 22-17 " * 20 + b"*\n",
        b"{" * 20_000,
        b"x" * 20_000,
        b'[Tag%d "x"]\n' % 7 * 50,
        b"11-15 23-19 " * 80,
    ],
    ids=["games", "comment", "word", "tags", "turns"],
)
def test_memory_stays_flat(text: bytes):
    def peak(times: int) -> int:
        tracemalloc.start()
        for _ in iter_pdn(Endless(text, times)):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(10)
    assert peak(500) < 3_000_000


@pytest.mark.skipif(not SAMPLE.exists(), reason="sample of game records is not here")
def test_games_of_the_federations_archive_are_legal():
    count = 0
    ahead = {"1-0": [0, 0], "0-1": [0, 0], "1/2-1/2": [0, 0]}  # games that end with Black, White a piece up
    with gzip.open(SAMPLE) as stream:
        for record in iter_pdn(stream):
            black, white = (int(pieces).bit_count() for pieces in replay(record)["board"][0, :2])
            ahead[record.result][0] += black > white
            ahead[record.result][1] += white > black
            count += 1
    assert count == 9377
    assert ahead["1-0"][0] > 3 * ahead["1-0"][1] and ahead["0-1"][1] > 3 * ahead["0-1"][0]
