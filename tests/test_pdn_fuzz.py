"""Mutated PDN files are games or faults in words, through the loader that `tengen play --load` uses."""

import random
from pathlib import Path

from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.notation import load_game

FILES = (
    b'[Event "x"]\n[GameType "21"]\n[Result "1-0"]\n1. 11-15 23-19 2. 8-11 22-17 3. 11-16 24x20 16-23 1-0\n',
    b'[FEN "B:W18,24,27-30,K10:B12,16,K22"]\n[Result "*"]\n1. 22x15 {a {b} c} 10x19 (2. 16-20) $3 *\n',
    b'[White "A \\"B\\""]\n1. 9-14 22-18 2. 5-9 24-19; rest 1-0\n% 9-13\n3. 11-15 18x11 4. 8x24 1/2-1/2\n',
)
PIECES = (
    b"{",
    b"}",
    b"(",
    b")",
    b'[FEN "',
    b'"]',
    b"1-0",
    b"*",
    b"99-99",
    b"x",
    b"\xff\xfe",
    b"\x00",
    b"W:W:B:",
)


def mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del out[at : at + rng.randrange(12)]
        elif kind == 2:
            out[at:at] = rng.choice(PIECES)
        else:
            out[at:at] = out[at : at + 20] * rng.choice((1, 3, 40))
    return bytes(out)


def test_ten_thousand_mutated_files_are_games_or_faults_in_words(tmp_path: Path) -> None:
    rng, game, file, loaded = random.Random(1), make_game("checkers"), tmp_path / "game.pdn", 0
    for i in range(10_000):
        file.write_bytes(mutated(rng, FILES[i % len(FILES)]))
        try:
            position = load_game(file, game)
        except TengenError as error:
            assert str(error) and "\n" not in str(error), file.read_bytes()
        else:
            loaded += 1
            assert position.state["ply"][0] >= 0
    assert 500 < loaded < 9_500
