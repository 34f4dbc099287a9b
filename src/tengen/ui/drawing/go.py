"""Go boards: wood, lines, round stones."""

from tengen.envs.go.text import COLUMNS
from tengen.ui.drawing.canvas import Canvas, Colour, mix
from tengen.ui.drawing.scene import Board, Label, Scale, Scene

WOOD: Colour = 0xDDB267
LINE: Colour = 0x8A6426
COORDINATE: Colour = 0x5A3F14
BLACK: Colour = 0x16181C
WHITE: Colour = 0xFAF8F2
STONES = (BLACK, WHITE)
LAST: Colour = 0xE2402B
BLUE: Colour = 0x1D6FD6
BEST: Colour = 0x2E9F53
GOOD: Colour = 0xD9A514
POOR: Colour = 0xB4552D
HEAT: Colour = 0xE0401C

MARGIN = 3  # characters left and right of the first and last line


class GoBoard(Board):
    """A board of any size. Large scales draw stones as discs, the smallest as one character."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.scales = tuple(self._scale(wide, high) for wide, high in ((12, 6), (8, 4), (4, 2), (2, 1)))
        odd = size % 2 == 1
        middle, edge = size // 2, 3 if size >= 12 else 2
        far = size - 1 - edge
        self.stars: set[int] = set()
        if size >= 7:
            self.stars = {r * size + c for r in (edge, far) for c in (edge, far)}
            if odd:
                self.stars.add(middle * size + middle)
            if odd and size >= 15:
                self.stars |= {
                    r * size + c for r, c in ((edge, middle), (far, middle), (middle, edge), (middle, far))
                }

    def _scale(self, wide: int, high: int) -> Scale:
        pad = high // 2  # rows that stones of the first and last line need
        return Scale(
            wide,
            high,
            (self.size - 1) * wide + 1 + 2 * (MARGIN + wide // 2),
            (self.size - 1) * high + 2 + 2 * pad,
        )

    def center(self, cell: int, scale: Scale) -> tuple[int, int]:
        """The character in the middle of a point."""
        row, column = divmod(cell, self.size)
        return MARGIN + scale.wide // 2 + column * scale.wide, 1 + scale.high // 2 + row * scale.high

    def cell_at(self, x: int, y: int, scale: Scale, flipped: bool = False) -> int | None:
        column = (x - MARGIN) // scale.wide
        row = (y - 1) // scale.high
        if scale.high == 1:
            column = (x - MARGIN) // scale.wide
        inside = 0 <= row < self.size and 0 <= column < self.size and x >= MARGIN and y >= 1
        return row * self.size + column if inside else None

    def draw(self, scene: Scene, scale: Scale) -> Canvas:
        canvas = Canvas(scale.width, scale.height, WOOD)
        self._coordinates(canvas, scale)
        self._grounds(canvas, scene, scale)
        self._lines(canvas, scale)
        for cell, piece in enumerate(scene.pieces):
            if piece != ".":
                colour = STONES["XO".index(piece)]
                if cell in scene.dead:
                    colour = mix(colour, WOOD, 0.55)
                self._stone(canvas, cell, colour, scale)
        self._marks(canvas, scene, scale)
        return canvas

    def _coordinates(self, canvas: Canvas, scale: Scale) -> None:
        for i in range(self.size):
            x, y = self.center(i * self.size + i, scale)
            canvas.put(x, 0, COLUMNS[i], COORDINATE)
            canvas.put(0, y, f"{self.size - i:>2}", COORDINATE)
            canvas.put(canvas.width - 2, y, f"{self.size - i:<2}", COORDINATE)

    def _block(self, cell: int, scale: Scale) -> tuple[int, int, int, int]:
        """The rectangle of characters around a point: x, y, width, height."""
        x, y = self.center(cell, scale)
        if scale.high == 1:
            return x, y, 1, 1
        return x - scale.wide // 2 + 1, y - scale.high // 2 + 1, scale.wide - 1, max(1, scale.high - 1)

    def _grounds(self, canvas: Canvas, scene: Scene, scale: Scale) -> None:
        for cell in range(self.size**2):
            x, y = self.center(cell, scale)
            left, top = x - scale.wide // 2, y - scale.high // 2
            wide, high = scale.wide, scale.high
            if scene.shade is not None and abs(scene.shade[cell]) > 0.08:
                owner = BLACK if scene.shade[cell] > 0 else WHITE
                canvas.tint(
                    left, top, wide, high, owner, 0.62 * min(1.0, abs(float(scene.shade[cell]))) ** 1.3
                )
            if scene.heat is not None and scene.heat[cell] > 0.01:
                canvas.tint(left, top, wide, high, HEAT, 0.85 * float(scene.heat[cell]) ** 0.5)

    def _lines(self, canvas: Canvas, scale: Scale) -> None:
        last = self.size - 1
        for row in range(self.size):
            for column in range(self.size):
                x, y = self.center(row * self.size + column, scale)
                corner = {(0, 0): "┌", (0, last): "┐", (last, 0): "└", (last, last): "┘"}.get((row, column))
                sides = (
                    "┬"
                    if row == 0
                    else "┴"
                    if row == last
                    else "├"
                    if column == 0
                    else "┤"
                    if column == last
                    else "┼"
                )
                star = row * self.size + column in self.stars
                canvas.put(x, y, "•" if star else corner or sides, mix(LINE, 0, 0.45) if star else LINE)
                if column < last:
                    canvas.put(x + 1, y, "─" * (scale.wide - 1), LINE)
                if row < last:
                    for k in range(1, scale.high):
                        canvas.put(x, y + k, "│", LINE)

    def _stone(self, canvas: Canvas, cell: int, colour: Colour, scale: Scale) -> None:
        x, y = self.center(cell, scale)
        if scale.high == 1:
            sign = "●" if not self.letters or colour == BLACK else "○"
            canvas.put(x, y, sign, colour)
            return
        canvas.disc(x + 0.5, y + 0.5, _radius(scale), colour)
        if self.letters:
            canvas.put(x, y, "X" if colour == BLACK else "O", WHITE if colour == BLACK else BLACK)

    def _marks(self, canvas: Canvas, scene: Scene, scale: Scale) -> None:
        for cell in scene.last[-1:]:
            x, y = self.center(cell, scale)
            if scale.high == 1 or self.letters:
                canvas.put(x - 1, y, "(", LAST, bold=True)
                canvas.put(x + 1, y, ")", LAST, bold=True)
            elif scale.high >= 4:
                canvas.disc(x + 0.5, y + 0.5, scale.wide / 8 + 0.2, LAST)
            else:
                canvas.put(x, y, "●", LAST)
        if scene.ko is not None:
            canvas.put(*self.center(scene.ko, scale), "□", LAST, bold=True)
        for cell in scene.dead:
            canvas.put(*self.center(cell, scale), "×", LAST, bold=True)
        for cell, label in scene.labels.items():
            self._label(canvas, cell, label, scale)
        for cell, player, number in scene.line:
            stone = mix(STONES[player], BLUE, 0.12)
            self._stone(canvas, cell, stone, scale)
            x, y = self.center(cell, scale)
            fore, back = (WHITE if player == 0 else BLACK, stone) if scale.high > 1 else (WHITE, BLUE)
            canvas.put(x - (len(number) > 2), y, number[-2:], fore, back)
        if scene.cursor is not None:
            self._cursor(canvas, scene, scene.cursor, scale)

    def _label(self, canvas: Canvas, cell: int, label: Label, scale: Scale) -> None:
        colour = (
            BLUE
            if label.is_best
            else mix(POOR, mix(GOOD, BEST, max(0.0, 2 * label.strength - 1)), label.strength)
        )
        x, y = self.center(cell, scale)
        if scale.high == 1:
            canvas.put(x, y, label.text[:2], WHITE, colour, bold=True)
            return
        canvas.disc(x + 0.5, y + 0.5, _radius(scale), colour)
        canvas.put(x - 1, y, f"{label.text:^3}"[:3], WHITE, colour, bold=True)
        if scale.high >= 4 and label.below:
            canvas.put(x - len(label.below) // 2, y + 1, label.below, WHITE, colour)

    def _cursor(self, canvas: Canvas, scene: Scene, cell: int, scale: Scale) -> None:
        x, y = self.center(cell, scale)
        free = scene.pieces[cell] == "." and cell not in scene.labels
        if scene.ghost and free and not any(cell == shown for shown, _, _ in scene.line):
            self._stone(canvas, cell, mix(STONES[scene.to_play], WOOD, 0.45), scale)
        if scale.high == 1:
            canvas.put(x - 1, y, "[", BLUE, bold=True)
            canvas.put(x + 1, y, "]", BLUE, bold=True)
            return
        half = scale.wide // 2
        for side, sign in ((-half, "["), (half, "]")):
            canvas.put(x + side, y, sign, BLUE, bold=True)


def _radius(scale: Scale) -> float:
    """Of a stone, so that neighbours do not touch from side to side."""
    return scale.wide / 2 - 0.5 if scale.wide > 4 else 1.73
