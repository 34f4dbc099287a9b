"""What every action of a game screen may use: the table, the cursor, and ways to ask."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError
from tengen.ui.model.setup import Setup
from tengen.ui.screens.dialogs import Choice

if TYPE_CHECKING:
    from textual.app import App

    from tengen.ui.model.keys import Keys
    from tengen.ui.thinking.table import Table


class CommandBase:
    """A game screen as its actions see it."""

    table: "Table"
    keymap: "Keys"
    cursor: int
    pointing: bool
    picked: list[int]
    flipped: bool
    setup: Setup | None
    typed: str
    app: "App[Any]"
    update: Callable[[], None]
    do: Callable[[str], None]
    drawing_flip: Callable[[], None]
    picture: Callable[[], str]

    def ask(self, screen: Any, then: Callable[[Any], object]) -> None:
        """Show a dialog; its answer, if there is one, goes to `then`, and faults to the status line."""

        def answered(answer: Any) -> None:
            if answer is None:
                return
            try:
                then(answer)
            except TengenError as error:
                self.table.say(str(error), fault=True)
            self.update()

        self.app.push_screen(screen, answered)

    def confirm(self, question: str, then: Callable[[], object]) -> None:
        """Ask before something that cannot be taken back easily."""
        self.ask(Choice(question, ["yes", "no"]), lambda index: then() if index == 0 else None)
