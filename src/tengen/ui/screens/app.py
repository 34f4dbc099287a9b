"""The application: one table, one screen, and the threads' way into it."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

from textual.app import App
from textual.events import Event, InputEvent

from tengen.ui.model.autosave import AutoSave, Kept
from tengen.ui.model.keys import Keys
from tengen.ui.model.session import Session
from tengen.ui.screens.game import Deliver, GameScreen
from tengen.ui.thinking.courtesy import COURTESY
from tengen.ui.thinking.table import Table

GRACE_S = 5.0  # to leave in order once the terminal is gone


class TengenApp(App[int]):
    """A game at a board."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "Tengen"
    BINDINGS = []  # noqa: RUF012 - every key goes through Keys

    def __init__(
        self,
        session: Session,
        *,
        keys: Keys | None = None,
        network: str | None = None,
        autosave: AutoSave | None = None,
        seed: int = 0,
        least_s: float = 0.0,
        light: bool = False,
        notice: str = "",
        left: Sequence[Kept] = (),
    ) -> None:
        """notice: what the status line shows first; left: an unfinished game that may be gone on with."""
        super().__init__()
        self.keys = keys or Keys()
        self.notice, self.left = notice, list(left)
        self.theme = "textual-light" if light else "textual-dark"
        self.letters = bool(os.environ.get("NO_COLOR"))
        self.table = Table(
            session,
            self._deliver,
            self._changed,
            network=network,
            seed=seed,
            autosave=autosave,
            least_s=least_s,
        )
        self._game: GameScreen | None = None

    async def on_event(self, event: Event) -> None:
        """Whatever comes from the keyboard or the mouse has the right of way."""
        if isinstance(event, InputEvent):
            COURTESY.please()
        await super().on_event(event)

    def on_mount(self) -> None:
        """Show the board."""
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self._end, 128 + number)
        self._game = GameScreen(self.table, self.keys, letters=self.letters)
        self.push_screen(self._game)

    def _end(self, code: int) -> None:
        """Leave, even where the terminal is gone and Textual waits for it for ever; moves are saved."""
        late = threading.Timer(GRACE_S, os._exit, (code,))
        late.daemon = True
        late.start()
        self.exit(code)

    def _deliver(self, job: Any) -> None:
        """Bring a job from any thread into this one; what comes when all is over is dropped."""
        screen = self._game
        if screen is not None and self.is_running:
            screen.post_message(Deliver(job))

    def _changed(self) -> None:
        if self._game is not None:
            self._game.update()

    def _fatal_error(self) -> None:
        """Leave the screen without a traceback; `tengen play` tells the sentence."""
        if os.environ.get("TENGEN_DEBUG") == "1":
            super()._fatal_error()
        else:
            self._close_messages_no_wait()

    @property
    def fault(self) -> BaseException | None:
        """What ended the program, if it did not end by itself."""
        return self._exception

    async def action_quit(self) -> None:
        """Leave."""
        self.exit(0)
