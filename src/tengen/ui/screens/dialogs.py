"""Small screens over the board: a line to type, a list to choose from, the keys."""

from collections.abc import Sequence

from rich.table import Table as Grid
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from tengen.ui.model.keys import ACTIONS, Keys, show_key

BOX = """
    align: center middle;
    & > .box {
        width: auto; max-width: 90%; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    & Input { width: 56; max-width: 100%; border: none; height: 1; background: $boost; padding: 0; }
    & OptionList {
        width: 64; max-width: 100%; height: auto; max-height: 16; border: none; background: $surface;
        &:focus { border: none; }
    }
    & .hint { color: $text-muted; }
"""


class Prompt(ModalScreen[str | None]):
    """Asks for a line; None if nothing is wanted."""

    DEFAULT_CSS = f"Prompt {{ {BOX} }}"
    BINDINGS = [Binding("escape", "leave", show=False)]  # noqa: RUF012

    def __init__(self, title: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical(classes="box"):
            yield Label(self._title, markup=False)
            yield Input(self._value)
            yield Label(self._hint or "Enter: yes   Esc: no", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Put the cursor behind the text."""
        line = self.query_one(Input)
        line.select_on_focus = False
        line.focus()
        line.cursor_position = len(self._value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line is the answer."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """No answer."""
        self.dismiss(None)


class Choice(ModalScreen[int | None]):
    """Asks for one of some lines by its index; None if none is wanted."""

    DEFAULT_CSS = f"Choice {{ {BOX} }}"
    BINDINGS = [  # noqa: RUF012
        Binding("escape,q", "leave", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str | Text], hint: str = "", at: int = 0) -> None:
        super().__init__()
        self._title, self._lines, self._hint, self._at = title, list(lines), hint, at

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical(classes="box"):
            yield Label(self._title, markup=False)
            yield OptionList(*(Option(Text(line) if isinstance(line, str) else line) for line in self._lines))
            yield Label(self._hint or "Enter: choose   Esc: back", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Stand on the line that was asked for."""
        options = self.query_one(OptionList)
        options.focus()
        if self._lines:
            options.highlighted = min(self._at, len(self._lines) - 1)

    def add(self, lines: Sequence[str | Text], title: str) -> None:
        """Show other lines; the place in them stays."""
        options = self.query_one(OptionList)
        at = options.highlighted
        options.clear_options()
        options.add_options([Option(Text(line) if isinstance(line, str) else line) for line in lines])
        if lines:
            options.highlighted = min(at or 0, len(lines) - 1)
        self.query_one(Label).update(title)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """That line it is."""
        self.dismiss(event.option_index)

    def action_move(self, step: int) -> None:
        """As the arrows do."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    def action_leave(self) -> None:
        """None of them."""
        self.dismiss(None)


class Help(ModalScreen[None]):
    """Every key."""

    DEFAULT_CSS = f"Help {{ {BOX} & VerticalScroll {{ width: 76; height: auto; max-height: 68vh; }} }}"
    BINDINGS = [Binding("escape,question_mark,q,f1,enter,space", "leave", show=False)]  # noqa: RUF012

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical(classes="box"):
            with VerticalScroll():
                yield Static(self._table())
            yield Label("Moves are typed: d4, 11-15, a column. Letters that name a column of", classes="hint")
            yield Label("the board are moves; capitals are always commands. Esc closes.", classes="hint")

    def _table(self) -> Grid:
        grid = Grid.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column()
        group = ""
        for name, action in ACTIONS.items():
            if action.group != group:
                group = action.group
                grid.add_row(Text(group, style="bold #d9822b"), "")
            grid.add_row(" ".join(show_key(key) for key in self._keys.of_action[name]), Text(action.words))
        return grid

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        """Back to the board."""
        self.dismiss(None)
