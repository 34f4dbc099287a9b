"""The files of a table: kept after every move, gone on with, opened, begun anew."""

from collections.abc import Callable

from tengen.envs.game import Game, States
from tengen.ui.model.autosave import AutoSave, Kept, session_from_json, session_json
from tengen.ui.model.records import load_record, record_text
from tengen.ui.model.session import Session
from tengen.ui.thinking.worker import Deliver, Worker, in_words


class Keeping:
    """The part of a table that reads and writes games."""

    session: Session
    autosave: AutoSave | None
    paused: bool
    deliver: Deliver
    now: Callable[[], float]
    refresh: Callable[[], None]
    start: Callable[[], None]
    say: Callable[..., None]
    _cancel: Callable[[], None]
    _saver: Worker

    @property
    def game(self) -> Game:
        """The game that is played."""
        return self.session.game

    def keep(self) -> None:
        """Write the game to disk, beside everything else."""
        if self.autosave is None or not (self.session.tree.root.children or self.session.ending):
            return
        saver, session = self.autosave, self.session
        state, record, over = session_json(session, self.now()), record_text(session), session.is_over

        def job() -> None:
            try:
                saver.write(state, record, over)
            except Exception as error:
                fault = in_words(error)
                self.deliver(lambda: self.say(f"the game is not being kept: {fault}", fault=True))

        self._saver.do(job)

    def resume(self, kept: Kept) -> None:
        """Go on with a game that was left, in its own file. Raises TengenError if it is damaged."""
        session = session_from_json(kept.text, self.game)
        self._cancel()
        self.session = session
        if self.autosave is not None:
            self._saver.do(self.autosave.close)
            self.autosave = AutoSave(self.game, self.autosave.folder, kept.path.stem)
        self.say("the game goes on where it was left")
        self.start()

    def load(self, path: str) -> None:
        """Open a game from a file. Raises TengenError, and then nothing has changed."""
        warning = load_record(self.session, path)
        self._cancel()
        self._new_file()
        self.paused = True  # to be looked at; an agent need not answer at once
        self.say(warning or f"loaded {path}; the game is paused", fault=bool(warning))
        self.refresh()

    def new_game(self, start: States | None = None) -> None:
        """Begin anew. Raises TengenError for a start in which nothing can be played."""
        self.session.new_game(start)
        self._cancel()
        self._new_file()
        self.paused = False
        self.say("a new game")
        self.refresh()

    def _new_file(self) -> None:
        if self.autosave is not None:
            old = self.autosave
            self.autosave = AutoSave(self.game, old.folder)
            self._saver.do(old.close)
