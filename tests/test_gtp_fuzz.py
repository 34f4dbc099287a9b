"""Whatever is thrown at the GTP engine, it answers in form, and what it refuses changes nothing."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tengen.engine.gtp_session import COMMANDS, GtpSession, SessionOptions
from tengen.engine.player import Player
from tengen.envs.go.game import Go

RESPONSE = re.compile(r"[=?]\d*(?: [^\n]+)?\n(?:[^\n]+\n)*\n")
THINKING = ("analyze", "genmove", "tengen-", "final", "pondering")  # slow ones come less often
COLORS = ("b", "w", "black", "WHITE", "x")
POINTS = ("A1", "b2", "C3", "E5", "J9", "T19", "I5", "Z99", "pass", "resign", "D10", "E0")
NUMBERS = (
    "0",
    "1",
    "2",
    "5",
    "9",
    "13",
    "19",
    "25",
    "-1",
    "7.5",
    "1e9",
    "nan",
    "inf",
    "99999999999999999999",
)
WORDS = (
    "avoid",
    "allow",
    "maxmoves",
    "ownership",
    "true",
    "dead",
    "alive",
    "canadian",
    "chinese",
    "/dev/null",
)
words = st.sampled_from((*COLORS, *POINTS, *NUMBERS, *WORDS)) | st.text(max_size=8)
names = st.sampled_from(
    [name for name in COMMANDS if not any(t in name for t in THINKING) and name != "quit"]
)
lines = st.one_of(
    st.tuples(names, st.lists(words, max_size=4)).map(lambda t: " ".join([t[0], *t[1]])),
    st.tuples(st.sampled_from(COLORS[:4]), st.sampled_from(POINTS)).map(lambda t: f"play {t[0]} {t[1]}"),
    st.sampled_from(sorted(COMMANDS)).flatmap(
        lambda name: st.lists(words, max_size=2).map(lambda more: " ".join([name, *more]))
    ),
    st.text(max_size=40),
    st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


def new_session() -> GtpSession:
    game = Go(9)
    return GtpSession(Player("random", game), game, SessionOptions(visits=8))


def snapshot(engine: GtpSession) -> tuple[object, ...]:
    board = engine.board
    state = board.state
    return (
        board.size,
        board.komi,
        board.game.rules,
        board.colors().tobytes(),
        tuple(board.moves),
        tuple(int(state[name][0]) for name in ("to_play", "passes", "ply", "hash", "komi2")),
        str(engine.control),
    )


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, min_size=40, max_size=40))
def test_any_lines_are_answered_and_refusals_change_nothing(script: list[str]) -> None:
    engine = new_session()
    for text in script:
        for line in text.split("\n"):  # what a reader of lines would make of it
            before = snapshot(engine)
            answer = engine.answer(line)
            assert answer == "" or "analyze" in line or RESPONSE.fullmatch(answer), (line, answer)
            assert "internal error" not in answer and "Traceback" not in answer, (line, answer)
            if answer.startswith("?"):
                assert snapshot(engine) == before, line
    depth = len(engine.board.moves)
    for _ in range(depth):
        assert engine.answer("undo") == "=\n\n"
    assert (engine.board.colors() == engine.board.game.colors(engine.board.start).reshape(-1)).all()


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The record with some bytes changed, pieces doubled, cut out or cut off."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        a, b = sorted((rng.randrange(len(out) + 1), rng.randrange(len(out) + 1)))
        b = min(b, a + 12)
        kind = rng.randrange(6)
        if kind == 0 and len(out) > a:
            out[a] = rng.choice(b"()[];\\:BWAESZabtz019\x00\xff\n ")
        elif kind == 1:
            del out[a:b]
        elif kind == 2:
            out[a:a] = out[a:b] * rng.choice((1, 2, 30))
        elif kind == 3:
            out[a:a] = rng.choice((b"AB[aa]", b"AW[tt]", b"SZ[25]", b"SZ[2]", b"KM[x]", b"(;", b")", b"B[]"))
        elif kind == 4:
            out = out[: max(1, a)] if rng.random() < 0.3 else out
        else:
            out[a:a] = bytes(rng.randrange(256) for _ in range(3))
    return bytes(out)


RECORDS = (
    b"(;GM[1]FF[4]CA[UTF-8]SZ[9]KM[6.5]HA[2]AB[cc][gg]PL[W];W[ee]C[a \\] b];B[cg];W[](;B[gc])(;B[aa];W[bb]))",
    b"(;SZ[19]RU[Chinese]PB[A]PW[B]RE[B+R];B[pd];W[dd];B[pq];W[dq];B[qk];W[nc];B[tt];W[pf])",
    b"(;SZ[5]AB[aa:cc]AW[dd][ee]AE[bb];W[ed];B[ab];W[bb];B[de])",
)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_records_are_loaded_or_refused(seed: int, tmp_path: Path) -> None:
    rng, engine, loaded = random.Random(seed), new_session(), 0
    file = tmp_path / "game.sgf"
    for i in range(2000):
        file.write_bytes(mutated(rng, RECORDS[i % len(RECORDS)]))
        before = snapshot(engine)
        answer = engine.answer(f"loadsgf {file}{rng.choice(('', '', ' 3'))}")
        assert RESPONSE.fullmatch(answer) and "internal error" not in answer, file.read_bytes()
        if answer.startswith("="):
            loaded += 1
            assert np.isin(engine.board.colors(), (0, 1, 2)).all() and 2 <= engine.board.size <= 19
        else:
            assert answer.startswith("? cannot load file: ") and snapshot(engine) == before
    assert 200 < loaded < 1900
