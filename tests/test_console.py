"""What a user sees, on a terminal and in a pipe."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tengen.console import Progress, duration, emit_json, is_terminal, number, plain_table, table
from tengen.interrupt import GracefulInterrupt


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(program: str, **environment: str) -> str:
    """What a Python program writes to a real terminal of 60 columns."""
    primary, secondary = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "60", **environment}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdin=secondary, stdout=secondary, stderr=secondary, env=env) as process:
        os.close(secondary)
        shown = b""
        try:
            while chunk := os.read(primary, 65536):
                shown += chunk
        except OSError:  # how Linux says that the other side has closed
            pass
        os.close(primary)
    assert process.returncode == 0, shown.decode()
    return shown.decode()


def test_json_is_one_line_whatever_the_values(capsys):
    emit_json({"rate": float("nan"), "visits": np.arange(3), "who": "Gō", "pair": (1, np.float32(0.5))})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"rate": None, "visits": [0, 1, 2], "who": "Gō", "pair": [1, 0.5]}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (42.4, "0:42"), (725, "12:05"), (3599.9, "1:00:00"), (11220, "3:07:00")],
)
def test_durations_read_as_on_a_clock(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (1234567, "1,234,567"),
        (95123.4, "95,123"),
        (35.26, "35.3"),
        (0.91234, "0.912"),
        (True, "True"),
    ],
)
def test_figures_are_short(value, text):
    assert number(value) == text


def test_a_table_in_a_pipe_is_aligned_text(capsys):
    table(["game", "actions"], [["go9", 82], ["checkers", 1024]], title="Games")
    assert capsys.readouterr().out == textwrap.dedent(
        """\
        Games
        game      actions
        --------  -------
        go9            82
        checkers    1,024
        """
    )


def test_a_wide_table_wraps_into_eighty_columns():
    text = plain_table(["kind", "what"], [["mcts", "a search that " * 20]], [False, False])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(line[6:].strip() for line in lines[2:]).split() == ("a search that " * 20).split()


def test_a_table_without_rows_is_its_heading():
    assert plain_table(["a", "bc"], [], [False, False]) == "a  bc\n-  --"


def test_a_table_on_a_terminal_fits_it_and_shows_brackets():
    program = """
        from tengen.console import table
        table(["name", "what"], [["[bold]go[/bold]", "long words " * 20]])
    """
    shown = on_a_terminal(program)
    assert "[bold]go[/bold]" in shown
    assert all(len(line) <= 60 for line in shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())


def test_progress_in_a_pipe_is_lines_now_and_then():
    pipe = io.StringIO()
    with Progress("self-play", total=1000, unit="games", interval_s=3600, stream=pipe) as progress:
        for _ in progress.track(range(1000)):
            progress.note = "loss 1.32"
    (line,) = pipe.getvalue().splitlines()
    assert line.startswith("self-play: 1,000/1,000 games, ")
    assert line.endswith(", loss 1.32")
    assert "/s, took 0:00" in line


def test_progress_in_a_pipe_says_rate_and_time_left():
    pipe = io.StringIO()
    with Progress("learning", total=100, unit="steps", done=40, interval_s=0, stream=pipe) as progress:
        progress.advance(10)
        progress.say("checkpoint written")
    first, second = pipe.getvalue().splitlines()
    assert first.startswith("learning: 50/100 steps, ")
    assert " left" in first
    assert second == "checkpoint written"


def test_time_left_goes_by_the_share_of_the_work_where_that_is_told(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tengen.console.time.monotonic", lambda: now[0])
    pipe = io.StringIO()
    with Progress("learning", total=10_000, unit="steps", done=10, stream=pipe, share=0.2) as progress:
        now[0] = 60.0
        progress.update(50, "loss 1", share=0.4)  # a fifth of it in a minute, and three more to come
        now[0] = 240.0
        progress.update(90, share=1.0)
    assert pipe.getvalue().splitlines() == [
        "learning: 50/10,000 steps, 0.667/s, 3:00 left, loss 1",
        "learning: 90/10,000 steps, 0.333/s, took 4:00, loss 1",
    ]


def test_progress_on_a_terminal_is_a_bar():
    program = """
        from tengen.console import Progress
        with Progress("self-play", total=40, unit="games") as progress:
            for _ in progress.track(range(40)):
                pass
            progress.say("[done]")
    """
    shown = on_a_terminal(program)
    assert "━" in shown
    assert "40/40 games" in shown
    assert "[done]" in shown
    colour = re.compile(r"\x1b\[[39]\dm")
    assert colour.search(shown)
    assert not colour.search(on_a_terminal(program, NO_COLOR="1"))
    dumb = on_a_terminal(program, TERM="dumb")
    assert "\x1b" not in dumb
    assert "self-play: 40/40 games" in dumb


def test_a_dumb_terminal_is_treated_as_a_pipe(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert is_terminal(Terminal())
    assert not is_terminal(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(Terminal())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_asks_to_stop_and_the_second_aborts(number, capfd):
    before = signal.getsignal(number)
    with GracefulInterrupt() as interrupt:
        assert not interrupt.stop_requested
        os.kill(os.getpid(), number)
        assert interrupt.stop_requested
        assert capfd.readouterr().err == "finishing the step, press Ctrl-C again to abort\n"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
