"""A list of the moves that cost most, as a search finds them."""

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.widgets import OptionList

from tengen.ui.model.review import Mistake
from tengen.ui.model.tree import Node
from tengen.ui.screens.dialogs import Choice
from tengen.ui.thinking.reviewer import Reviewer
from tengen.ui.thinking.table import Table

MOST = 20


class ReviewScreen(Choice):
    """Fills while the search goes through the game; choosing a move shows the position before it."""

    DEFAULT_CSS = "ReviewScreen { align: center middle; }"
    BINDINGS = [Binding("enter", "choose", show=False, priority=True)]  # noqa: RUF012

    def __init__(self, table: Table, line: list[Node]) -> None:
        super().__init__(
            "looking through the game ...", [], "Enter: look at the position before it   Esc: back"
        )
        self._table = table
        self._found: list[Mistake] = []
        self.reviewer = Reviewer(table.analyst, line, self._progress)

    def on_mount(self) -> None:
        """Begin."""
        super().on_mount()
        self.query_one(OptionList).styles.width = 72
        self.reviewer.start()

    def _progress(self, reviewer: Reviewer) -> None:
        if not self.is_mounted:
            return
        self._found = reviewer.mistakes[:MOST]
        looked = f"{len(reviewer.findings)} of {reviewer.total} positions"
        title = reviewer.fault or (
            f"{'the moves that cost most' if self._found else 'no move cost much'} ({looked})"
            if reviewer.done
            else f"looking through the game: {looked}"
        )
        self.add([_words(self._table, mistake) for mistake in self._found], title)
        self._table.changed()

    def action_choose(self) -> None:
        """Take the line that is marked; leave where there is none."""
        if self._found:
            self.query_one(OptionList).action_select()
        else:
            self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the position before the move."""
        event.stop()
        node = self._found[event.option_index].node
        self.reviewer.stop()
        self.dismiss(node.parent)  # type: ignore[arg-type]

    def on_unmount(self, event: events.Unmount) -> None:
        """Look no further."""
        self.reviewer.stop()


def _words(table: Table, mistake: Mistake) -> Text:
    node = mistake.node
    side = table.session.sides[node.mover]
    return Text.assemble(
        (f"{node.number:>4} {side:<6}{node.words:<8}", "bold"),
        (f"-{mistake.cost:>4.0%} ", "#d9822b" if mistake.cost < 0.2 else "#d9402b"),
        f"{mistake.before:.0%} to {mistake.after:.0%}; better {' '.join(mistake.line[:5]) or mistake.best}",
    )
