"""`tengen play` in a real terminal: tmux types the keys, and shows what a person would see."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from tengen.ui.screens import app

PATIENCE_S = 120.0

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A pane of tmux with a server of its own."""

    def __init__(self, command: str, folder: Path, columns: int = 80, rows: int = 24) -> None:
        self.socket = f"tengen-{uuid.uuid4().hex[:8]}"
        environment = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        for name in ("TMUX", "LINES", "COLUMNS"):  # the last two would be believed before the terminal
            environment.pop(name, None)
        size = ["-x", str(columns), "-y", str(rows)]
        shell = f"{command}; echo ended with $?; exec sleep 600"
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, shell, environment=environment)

    def _tmux(self, *words: str, environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.socket, *words], capture_output=True, text=True, env=environment, timeout=60
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def shows(self, words: str) -> str:
        """Wait until the screen holds these words; the screen."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            screen = self._tmux("capture-pane", "-p")
            if words in screen:
                return screen
            time.sleep(0.1)  # between two looks at a program that runs by itself
        raise AssertionError(f"'{words}' was never to be seen:\n{screen}")

    def close(self) -> None:
        """End the server and what runs in it."""
        self._tmux("kill-server")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[type[Terminal]]:
    """Terminals that are closed after the test."""
    opened: list[Terminal] = []

    class Opened(Terminal):
        def __init__(self, command: str, **size: int) -> None:
            super().__init__(f"{sys.executable} -m tengen {command}", tmp_path, **size)
            opened.append(self)

    yield Opened
    for one in opened:
        one.close()


def test_a_game_is_played_key_by_key_to_its_end(terminal, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    screen = terminal(f"play connect4 --opponent human --save {tmp_path}/game.txt")
    screen.shows("turn 1: X to move")
    for number, column in enumerate("121212", 2):
        screen.keys(column)
        screen.shows(f"turn {number}: ")
    screen.keys("U")
    screen.shows("turn 6: O to move")
    screen.keys("y")
    screen.shows("turn 7: X to move")
    screen.keys("Left")  # the cursor, which hangs over column 4, shows itself
    screen.keys("Left")
    screen.keys("Left")
    screen.keys("Left")
    screen.keys("Enter")
    screen.shows("X wins")
    screen.keys("?")
    screen.shows("cursor to the left")
    screen.keys("Escape")
    screen.shows("X wins")
    screen.keys("Q")
    ended = screen.shows("ended with 0")
    assert "result: X wins" in ended and "saved to" in ended
    assert (tmp_path / "game.txt").read_text().endswith("1 2 1 2 1 2 1\n")
    (record,) = (tmp_path / "tengen" / "games").glob("connect4-*")
    assert record.suffix == ".txt"  # a finished game leaves nothing to go on with


def test_a_terminal_that_dies_loses_no_move(terminal) -> None:  # type: ignore[no-untyped-def]
    screen = terminal("play connect4 --level beginner")
    screen.shows("turn 1: X to move")
    screen.keys("4")
    screen.shows("turn 3: X to move")
    screen.close()
    again = terminal("play connect4 --level beginner")
    again.shows("A game was left unfinished")
    again.keys("Enter")
    assert "1 4" in again.shows("turn 3: X to move")
    again.keys("Q")
    assert "the game is in" in again.shows("ended with 0")


def test_a_window_too_small_for_nineteen_lines_says_what_it_needs(terminal) -> None:  # type: ignore[no-untyped-def]
    screen = terminal("play go19 --opponent human", columns=60, rows=18)
    screen.shows("go19 needs a window of")
    screen.keys("Q")
    screen.shows("ended with 0")


def test_a_program_whose_terminal_is_gone_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual may wait for ever until the terminal has taken what was drawn last."""
    left: Queue[int] = Queue()
    monkeypatch.setattr(app, "GRACE_S", 0.01)
    monkeypatch.setattr(os, "_exit", left.put)
    stuck: Any = SimpleNamespace(exit=lambda code: None)
    app.TengenApp._end(stuck, 129)
    assert left.get(timeout=60) == 129
