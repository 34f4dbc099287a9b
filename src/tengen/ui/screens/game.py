"""The screen of a game: board, panel, status line; what the keys and the mouse do."""

from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from tengen.errors import TengenError
from tengen.ui.drawing.compose import board_of, scene_of
from tengen.ui.drawing.panel import panel
from tengen.ui.drawing.scene import Scene
from tengen.ui.drawing.svg import svg
from tengen.ui.model.keys import ACTIONS, Keys
from tengen.ui.model.setup import Setup
from tengen.ui.screens.board import BoardWidget, PanelWidget
from tengen.ui.screens.commands import Commands
from tengen.ui.thinking.table import Table

PANEL = 26  # characters that the panel needs; without them the board stands alone
WIDEST_PANEL = 64
TICK_S = 0.2
WHERE = {"pass": ("go",), "draw": ("checkers", "chess")}  # actions that are offered at some games only
STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


class Deliver(Message):
    """A job from another thread."""

    def __init__(self, job: Callable[[], None]) -> None:
        super().__init__()
        self.job = job


class GameScreen(Commands, Screen[None]):
    """Board at the left, what is known of the game at the right, one line of status and one of keys below."""

    DEFAULT_CSS = """
    GameScreen { layout: vertical; }
    GameScreen #middle { height: 1fr; }
    GameScreen #panel { width: 1fr; height: 1fr; padding: 0 1; }
    GameScreen #status { height: 1; padding: 0 1; }
    GameScreen #status.fault { color: $text-error; text-style: bold; height: auto; max-height: 3; }
    GameScreen #keys { height: 1; padding: 0 1; color: $text-muted; }
    GameScreen #small { display: none; width: 1fr; height: 1fr; content-align: center middle; }
    """

    def __init__(self, table: Table, keys: Keys, *, letters: bool = False) -> None:
        super().__init__()
        self.table, self.keymap = table, keys
        self.drawing = board_of(table.game)
        self.drawing.letters = letters
        self.cursor = table.face.start_cell()
        self.pointing = False  # whether the cursor is shown
        self.picked: list[int] = []
        self.typed = ""
        self.flipped = False
        self.setup: Setup | None = None
        self._before_typing: tuple[int, bool] | None = None
        self._scene: Scene | None = None

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Static(id="small", markup=False)
        with Horizontal(id="middle"):
            yield BoardWidget(self.drawing)
            yield PanelWidget(id="panel")
        yield Static(id="status", markup=False)
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin the game once the board is there."""
        self.drawing_flip()
        self.set_interval(TICK_S, self._tick)
        self.call_after_refresh(self.greet)

    def drawing_flip(self) -> None:
        """A person's men stand below."""
        above = {"checkers": 0, "chess": 1}.get(self.table.game.family)  # whose men stand above else
        self.flipped = above is not None and self.table.session.human_side == above

    def on_resize(self, event: events.Resize) -> None:
        """Choose the scale that the window holds."""
        self._fit(event.size.width, event.size.height)

    def _fit(self, width: int, height: int) -> None:
        board, small, middle = (
            self.query_one(BoardWidget),
            self.query_one("#small", Static),
            self.query_one("#middle"),
        )
        side = self.query_one(PanelWidget)
        scale = self.drawing.scale_for(width - PANEL - 10, height - 2) or self.drawing.scale_for(
            width - PANEL, height - 2
        )
        side.display = scale is not None
        scale = scale or self.drawing.scale_for(width, height - 2)
        middle.display, small.display = scale is not None, scale is None
        if scale is None:
            need = self.drawing.scales[-1]
            small.update(
                f"{self.table.game.name} needs a window of {need.width} x {need.height + 2}, and "
                f"{need.width + PANEL} x {need.height + 2} with the list of moves; this one is "
                f"{width} x {height}. The game goes on."
            )
            return
        board.choose(scale)
        self.update()

    # --- what is seen --------------------------------------------------------------------------------------

    def update(self) -> None:
        """Draw what has changed."""
        if not self.is_mounted:
            return
        board = self.query_one(BoardWidget)
        if self.setup is not None:
            scene = Scene(
                pieces=self.setup.pieces, to_play=self.setup.to_play, cursor=self.cursor, flipped=self.flipped
            )
        else:
            scene = scene_of(self.table, self.cursor if self.pointing else None, self.picked, self.flipped)
        self._scene = scene
        board.present(scene)
        self._update_words()

    def _update_words(self) -> None:
        side = self.query_one(PanelWidget)
        status, keys = self.query_one("#status", Static), self.query_one("#keys", Static)
        width = min(WIDEST_PANEL, self.size.width - self.query_one(BoardWidget).scale.width - 2)
        height = self.size.height - 2
        if side.display and width > 8:
            side.show(self.setup_panel(width) if self.setup else panel(self.table, width, height), height)
        status.update(self._status())
        status.set_class(self.table.fault and not self.typed, "fault")
        keys.update(self._keys_line())

    def _status(self) -> str:
        if self.typed:
            return f"> {self.typed}_"
        if self.table.session.marks_dead and not self.table.fault and self.setup is None:
            mark = self.keymap.shown("dead")
            return (
                f"{self.table.session.result}: click dead stones to mark them; {mark} marks what looks dead"
            )
        if self.table.message:
            return self.table.message
        if self.table.paused and not self.table.session.is_over:
            shown = self.keymap.shown
            return f"paused; {shown('pause')} goes on, {shown('opponent')} chooses another opponent"
        insight = self.table.insight
        if insight is not None and self.table.shown.ownership and insight.score is not None:
            lead = insight.score
            return f"estimate: {'Black' if lead > 0 else 'White'} is ahead by {abs(lead):.1f}"
        return ""

    def _keys_line(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        names = {"help": "keys", "undo": "undo", "hint": "hint", "analysis": "analysis", "pass": "pass"}
        names |= {"draw": "draw", "resign": "resign", "new": "new", "save": "save", "quit": "quit"}
        if self.setup is not None:
            text.append("Space changes a square   T turn   C clear   Enter done   Esc drop it")
            return text
        for action, word in names.items():
            if self.table.game.family not in WHERE.get(action, self.table.game.family):
                continue
            text.append(self.keymap.shown(action), "bold")
            text.append(f" {word}  ")
        return text

    def picture(self) -> str:
        """The screen as it stands, as SVG."""
        lines = [list(strip) for strip in self._compositor.render_strips()]
        back = self.styles.background.rgb
        return svg(lines, self.size.width, self.size.height, "#{:02x}{:02x}{:02x}".format(*back))

    def _tick(self) -> None:
        table = self.table
        table.tick()
        if table.session.clock is not None or table.thinking is not None:
            self._update_words()

    def on_deliver(self, message: Deliver) -> None:
        """Do a job that a thread sent."""
        message.job()

    # --- keys and mouse ------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key: part of a move that is typed, or an action."""
        event.stop()
        event.prevent_default()
        if self.setup is not None:
            self.setup_key(event.key)
            return
        if self._type(event):
            self._update_words()
            return
        action = self.keymap.of_key.get(event.key)
        if action is None and event.character:
            action = self.keymap.of_key.get(event.character)
        if action is None:
            return
        self._before_typing = (self.cursor, self.pointing)
        self.typed = ""
        self.do(action)

    def do(self, action: str) -> None:
        """Do an action by its name; a fault is told in the status line."""
        if action not in ACTIONS:
            return
        if action not in STEPS and action != "select":
            self.table.say("")
        try:
            if action in STEPS:
                self._move_cursor(*STEPS[action])
            else:
                getattr(self, f"do_{action}")()
        except TengenError as error:
            self.table.say(str(error), fault=True)
        self.update()

    def _type(self, event: events.Key) -> bool:
        """Take a key as a letter of a move; whether it is one."""
        letter = (event.character or "").lower()
        if self.typed:
            if event.key == "escape":
                self.typed = ""
                return True
            if event.key == "backspace":
                self.typed = self.typed[:-1]
                return True
            if event.key == "enter":
                self._play_typed()
                return True
        if not letter or not letter.isprintable() or (event.character or "").isupper():
            return False
        state = self.table.session.tree.current.state
        verdict = self.table.face.typed(self.typed + letter, state)
        if verdict is False and self._before_typing is not None and letter.isdigit():
            # h, j, k and l move the cursor, and they are columns too: h4 is a move once the 4 is there.
            verdict = self._column_before(letter)
        if verdict is False or (not self.typed and self.keymap.of_key.get(event.key) in STEPS):
            self._last_letter = letter
            return False
        self._last_letter = ""
        self.typed += letter
        if verdict is True:
            self._play_typed()
        return True

    _last_letter = ""

    def _column_before(self, digit: str) -> bool | None:
        """The last key was a letter that moved the cursor: take it as a column, and the move back."""
        letter = self._last_letter
        if not letter or self.typed or self._before_typing is None:
            return False
        verdict = self.table.face.typed(letter + digit, self.table.session.tree.current.state)
        if verdict is not False:
            self.cursor, self.pointing = self._before_typing
            self.typed = letter
        return verdict

    def _play_typed(self) -> None:
        text, self.typed = self.typed, ""
        self.picked = []
        try:
            self.table.play_words(self.table.face.meant(text, self.table.session.tree.current.state))
        except TengenError as error:
            self.table.say(str(error), fault=True)
        self.update()

    def _move_cursor(self, down: int, right: int) -> None:
        face = self.table.face
        if self.flipped:
            down, right = -down, -right
        row, column = divmod(self.cursor, face.columns)
        if self.pointing or self.setup is not None:
            if face.dark_only and right:
                right *= 2  # from dark square to dark square
            row = min(face.rows - 1, max(0, row + down))
            column = column + right
            if face.dark_only and down and not 0 <= row - down < 0:
                column += (
                    1 if (row + column) % 2 == 0 and column < 7 else -1 if (row + column) % 2 == 0 else 0
                )
            column = min(face.columns - 1, max(0, column))
            if face.dark_only and (row + column) % 2 == 0:
                column += 1 if column < 7 else -1
        self.cursor = row * face.columns + column
        self.pointing = True

    def on_board_widget_pointed(self, message: BoardWidget.Pointed) -> None:
        """The mouse moves the cursor; a press plays."""
        self.cursor = message.cell
        self.pointing = True
        if message.pressed and message.button == 1:
            if self.setup is not None:
                self.setup_cycle()
            else:
                self.do("select")
                return
        self.update()

    def on_board_widget_wheel(self, message: BoardWidget.Wheel) -> None:
        """The wheel goes through the game."""
        if self.setup is None:
            self.do("back" if message.step < 0 else "forward")
