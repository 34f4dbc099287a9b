"""Board and panel as widgets: they paint the lines that changed, and tell which cell the mouse means."""

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tengen.ui.drawing.canvas import Canvas
from tengen.ui.drawing.scene import Board, Scale, Scene


class Painted(Widget):
    """Lines of text, of which only those that differ from the last ones are sent to the terminal."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: list[Strip] = []

    def paint(self, lines: list[Strip]) -> None:
        """Show these lines."""
        before, self._strips = self._strips, lines
        if len(before) != len(lines):
            self.refresh(layout=True)
            return
        changed = [y for y, (one, other) in enumerate(zip(before, lines, strict=True)) if one != other]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        if not 0 <= y < len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[y].adjust_cell_length(self.size.width, self.rich_style)


class PanelWidget(Painted):
    """What is known of the game, beside the board."""

    def show(self, text: Text, height: int) -> None:
        """Show the lines of a text."""
        base = self.rich_style
        lines = list(text.split("\n"))[:height]
        drawn = [Strip(line.render(self.app.console)).apply_style(base) for line in lines]
        self.paint([*drawn, *[Strip([])] * (height - len(drawn))])


class BoardWidget(Painted):
    """Shows the last scene at the scale that was chosen."""

    DEFAULT_CSS = "BoardWidget { width: auto; height: auto; }"

    class Pointed(Message):
        """The mouse is over a cell, or pressed it."""

        def __init__(self, cell: int, pressed: bool, button: int = 1) -> None:
            super().__init__()
            self.cell, self.pressed, self.button = cell, pressed, button

    class Wheel(Message):
        """The wheel was turned over the board; below 0 is up."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self.scale: Scale = board.scales[-1]
        self._flipped = False
        self._over: int | None = None

    def choose(self, scale: Scale) -> None:
        """Draw at a scale from now on."""
        if scale != self.scale or not self._strips:
            self.scale = scale
            self._strips = []
        self.styles.width, self.styles.height = scale.width, scale.height

    def present(self, scene: Scene) -> None:
        """Draw a scene."""
        self._flipped = scene.flipped
        self.paint(strips(self.board.draw(scene, self.scale)))

    def get_content_width(self, container: object, viewport: object) -> int:
        """See Widget."""
        return self.scale.width

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """See Widget."""
        return self.scale.height

    def _cell(self, event: events.MouseEvent) -> int | None:
        return self.board.cell_at(int(event.x), int(event.y), self.scale, self._flipped)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell of the cell under the mouse, once."""
        cell = self._cell(event)
        if cell is not None and cell != self._over:
            self.post_message(self.Pointed(cell, pressed=False))
        self._over = cell

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Tell of a cell that was pressed."""
        cell = self._cell(event)
        if cell is not None:
            self.post_message(self.Pointed(cell, pressed=True, button=event.button))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One turn back."""
        event.stop()
        self.post_message(self.Wheel(-1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One turn forward."""
        event.stop()
        self.post_message(self.Wheel(1))


def strips(canvas: Canvas) -> list[Strip]:
    """A canvas as Textual's lines."""
    out = []
    for row in canvas.cells:
        segments: list[Segment] = []
        text, style = "", None
        for cell in row:
            its = _style(cell.fore, cell.back, cell.bold) if cell.text != " " else _style(0, cell.back, False)
            if its is not style:
                if text:
                    segments.append(Segment(text, style))
                text, style = "", its
            text += cell.text
        segments.append(Segment(text, style))
        out.append(Strip(segments, canvas.width))
    return out


@lru_cache(maxsize=4096)
def _style(fore: int, back: int, bold: bool) -> Style:
    return Style(color=f"#{fore:06x}", bgcolor=f"#{back:06x}", bold=bold)
