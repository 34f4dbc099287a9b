"""The engines as processes: only protocol on their output, and an end when nobody is there any more."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tengen.agents.registry import make_agent
from tengen.engine.stdio import LONGEST_LINE, StandardWire, serve
from tengen.envs.registry import make_game
from tengen.league.match import play_match
from tests.gtp_client import GtpEngine, play_game, winner_and_points

GNUGO = shutil.which("gnugo") or shutil.which("gnugo", path="/usr/games")
TENGEN = [sys.executable, "-m", "tengen"]
PATIENCE_S = 120


def run(arguments: list[str], text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TENGEN, *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_a_script_is_answered_to_its_end() -> None:
    done = run(
        ["gtp", "--agent", "mcts?sims=8"], "1 name\n2 genmove b\n\n# nothing\n3 play w E5\nquit\n4 name\n"
    )
    assert done.returncode == 0 and done.stderr == ""
    parts = done.stdout.split("\n\n")
    assert parts[0] == "=1 Tengen" and parts[1].startswith("=2 ") and parts[2:] == ["=3", "=", ""]


def test_the_last_line_needs_no_end_and_any_line_ends_an_analysis() -> None:
    done = run(["gtp", "--agent", "random"], "lz-analyze 100\nname")
    head, info, *rest = done.stdout.split("\n")
    assert head == "=" and info.startswith("info move ") and rest == ["", "= Tengen", "", ""]


def test_faults_of_the_user_are_one_sentence() -> None:
    for arguments, reason in (
        (["gtp", "--agent", "mctss"], "unknown agent 'mctss'"),
        (["gtp", "--game", "checkers"], "GTP is for Go"),
        (["gtp", "--agent", "mcts:models/go9", "--game", "go13"], "made for boards of 9 lines"),
        (["gtp", "--resign", "2"], "--resign 2 is out of range"),
        (["hub", "--agent", "gtp:gnugo"], "checkers"),
    ):
        done = run(arguments, "")
        assert done.returncode == 2 and done.stdout == "" and reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def engine() -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [*TENGEN, "gtp", "--agent", "mcts?sims=1000000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests in the background lets them ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def read_until(process: "subprocess.Popen[bytes]", mark: bytes) -> bytes:
    assert process.stdout is not None
    seen, until = b"", time.monotonic() + PATIENCE_S
    while mark not in seen:
        assert select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0], seen
        data = os.read(process.stdout.fileno(), 1 << 16)
        assert data, seen
        seen += data
    return seen


def send(process: "subprocess.Popen[bytes]", text: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()


def test_an_analysis_goes_on_until_a_line_comes(engine: "subprocess.Popen[bytes]") -> None:
    send(engine, b"5 kata-analyze 1\n")
    seen = read_until(engine, b"order")
    assert seen.startswith(b"=5\ninfo move ")
    send(engine, b"\n")
    send(engine, b"6 play b E5\n")
    assert (seen + read_until(engine, b"=6\n\n")).endswith(b"\n\n=6\n\n")


def test_the_end_of_input_ends_an_analysis_and_the_process(engine: "subprocess.Popen[bytes]") -> None:
    send(engine, b"lz-analyze 1\n")
    read_until(engine, b"order")
    assert engine.stdin is not None
    engine.stdin.close()
    assert engine.wait(PATIENCE_S) == 0


def test_a_controller_that_is_gone_ends_a_long_search(engine: "subprocess.Popen[bytes]") -> None:
    send(engine, b"name\ngenmove b\n")
    read_until(engine, b"Tengen")
    assert engine.stdin is not None and engine.stdout is not None and engine.stderr is not None
    engine.stdin.close()
    engine.stdout.close()
    assert engine.wait(PATIENCE_S) == 0 and engine.stderr.read() == b""


def test_an_interrupt_is_no_traceback(engine: "subprocess.Popen[bytes]") -> None:
    send(engine, b"name\n")
    read_until(engine, b"\n\n")
    engine.send_signal(signal.SIGINT)
    assert engine.wait(PATIENCE_S) == 130 and engine.stderr is not None
    assert engine.stderr.read().strip() == b"tengen: interrupted"


def test_lines_come_whole_however_they_are_cut() -> None:
    source, to = os.pipe()
    out, sink = os.pipe()
    wire, heard = StandardWire(source, sink), []
    long = b"x" * (LONGEST_LINE + 10)
    os.set_blocking(to, False)
    child = os.fork()
    if child == 0:
        os.set_blocking(to, True)
        os.close(source)
        for part in (b"on", b"e\ntwo\r\n\nthr", b"ee\n", long, b"more\nlast"):
            os.write(to, part)
        os._exit(0)
    os.close(to)
    serve(wire, lambda line: heard.append(line) or "", lambda: False)
    os.waitpid(child, 0)
    for end in (source, out, sink):
        os.close(end)
    assert heard == ["one", "two\r", "", "three", "last"]


@pytest.mark.parametrize(
    ("game", "kind", "command"),
    [("go5", "gtp", "gtp --agent random"), ("checkers", "hub", "hub --agent random")],
)
def test_our_engine_plays_under_our_own_client(game: str, kind: str, command: str, tmp_path: Path) -> None:
    go = make_game(game)
    program = tmp_path / "engine"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -m tengen {command}\n")
    program.chmod(0o755)
    outside = make_agent(f"{kind}:{program}?processes=1&memory=0", go)
    try:
        result = play_match(
            go, outside, make_agent("random", go, seed=3), 2, seed=1, random_plies=0, parallel=1
        )
    finally:
        outside.close()
    assert result.games == 2


def play_against_gnugo(games: int, seed: int = 3) -> None:
    """As many games of the shipped network by the independent controller; scores must agree."""
    ours = GtpEngine([*TENGEN, "gtp", "--agent", "mcts:models/go9?sims=64"])
    theirs = GtpEngine(
        [
            str(GNUGO),
            "--mode",
            "gtp",
            "--chinese-rules",
            "--positional-superko",
            "--level",
            "1",
            "--seed",
            str(seed),
        ]
    )
    try:
        for number in range(games):
            game = play_game((ours, theirs), 9, "6.5", number % 2)
            assert len(game.moves) > 20 and not game.resigned
            assert winner_and_points(game.scores[0]) == winner_and_points(game.scores[1]), game
        ours.quit()
        theirs.quit()
    finally:
        ours.kill()
        theirs.kill()


@pytest.mark.skipif(GNUGO is None, reason="GNU Go is not installed")
def test_two_games_against_gnu_go_end_in_agreement() -> None:
    play_against_gnugo(2)


@pytest.mark.slow
@pytest.mark.skipif(GNUGO is None, reason="GNU Go is not installed")
def test_twenty_games_against_gnu_go_end_in_agreement() -> None:
    with ThreadPoolExecutor(2) as pairs:
        for played in [pairs.submit(play_against_gnugo, 10, seed) for seed in (1, 2)]:
            played.result()
