"""The checkers board: dark squares with their numbers, round men, kings with a crown."""

from tengen.ui.drawing.canvas import Canvas, Colour, mix
from tengen.ui.drawing.scene import Label, Scale, Scene
from tengen.ui.drawing.squares import SIZES, SquareBoard

LIGHT: Colour = 0xE9D9B4
DARK: Colour = 0x5E7D4F
FRAME: Colour = 0x3B2E1E
NUMBER: Colour = 0xC9D8B8
PALE: Colour = 0xF7F1E3
MEN = {"b": 0x18181B, "B": 0x18181B, "w": PALE, "W": PALE}
CROWN: Colour = 0xE8B923
BLUE: Colour = 0x2F7FE0
TARGET: Colour = 0xF2C230
TRAIL: Colour = 0xE2902B
LAST: Colour = 0xA8A03C


class CheckersBoard(SquareBoard):
    """Eight by eight squares in a frame of two characters."""

    scales = tuple(Scale(w, h, 8 * w + 2, 8 * h + 2) for w, h in SIZES)

    def draw(self, scene: Scene, scale: Scale) -> Canvas:
        canvas = Canvas(scale.width, scale.height, FRAME)
        for cell in range(64):
            self._square(canvas, scene, cell, scale)
        for cell, label in scene.labels.items():
            self._label(canvas, cell, label, scale, scene.flipped)
        for cell, _, number in scene.line:
            x, y = self.corner(cell, scale, scene.flipped)
            canvas.put(
                x + scale.wide // 2 - 1, y + scale.high // 2, f"{number:^3}"[:3], 0xFFFFFF, BLUE, bold=True
            )
        if scene.cursor is not None:
            x, y = self.corner(scene.cursor, scale, scene.flipped)
            for row in range(scale.high):
                if row:  # the number stands above
                    canvas.put(x, y + row, "▌", BLUE)
                canvas.put(x + scale.wide - 1, y + row, "▐", BLUE)
        return canvas

    def _square(self, canvas: Canvas, scene: Scene, cell: int, scale: Scale) -> None:
        row, column = divmod(cell, 8)
        x, y = self.corner(cell, scale, scene.flipped)
        dark = (row + column) % 2 == 1
        ground = DARK if dark else LIGHT
        if cell in scene.last:
            ground = mix(ground, LAST, 0.75)
        if cell in scene.trail:
            ground = mix(ground, TRAIL, 0.8)
        if cell == scene.chosen:
            ground = mix(ground, BLUE, 0.7)
        if scene.heat is not None and scene.heat[cell] > 0.01:
            ground = mix(ground, 0xE0401C, 0.85 * float(scene.heat[cell]) ** 0.5)
        canvas.fill(x, y, scale.wide, scale.high, ground)
        if not dark:
            return
        square = 4 * row + column // 2 + 1
        piece = scene.pieces[cell]
        center = x + scale.wide / 2, y + scale.high / 2
        radius = 2.0 if scale.high == 2 else min(scale.wide / 2, scale.high) - 0.6
        if piece != ".":
            colour = MEN[piece]
            canvas.disc(*center, radius, colour)
            if piece in "BW":
                self._crown(canvas, x, y, scale, colour)
        elif cell in scene.targets:
            canvas.disc(*center, max(1.2, radius * 0.5), TARGET)
        self._number(canvas, scene, cell, square, scale)

    def _number(self, canvas: Canvas, scene: Scene, cell: int, square: int, scale: Scale) -> None:
        """The square's number, on the piece where there is no other room; bright if it may move."""
        x, y = self.corner(cell, scale, scene.flipped)
        piece, word = scene.pieces[cell], str(square)
        cell_there = canvas.at(x, y)
        ground = cell_there.back if cell_there else DARK
        if piece == "." or scale.high > 2:
            colour = TARGET if cell in scene.movable else mix(ground, NUMBER, 0.75)
            canvas.put(x, y, word, colour, ground)
        else:
            colour = mix(MEN[piece], CROWN if cell in scene.movable else 0x808080, 0.8)
            canvas.put(x + scale.wide // 2 - len(word) // 2, y + 1, word, colour, MEN[piece])
        if self.letters and piece != ".":
            colour = 0xFFFFFF if piece in "bB" else 0
            canvas.put(x + scale.wide // 2, y + (scale.high - 1) // 2, piece, colour, MEN[piece], bold=True)

    def _crown(self, canvas: Canvas, x: int, y: int, scale: Scale, colour: Colour) -> None:
        middle = y + scale.high // 2 if scale.high > 2 else y
        if scale.high >= 4:
            canvas.disc(x + scale.wide / 2, y + scale.high / 2, scale.wide / 4.5, CROWN)
            canvas.put(x + (scale.wide - 1) // 2, y + (scale.high - 1) // 2, "♛", colour, CROWN, bold=True)
            return
        canvas.put(x + (scale.wide - 1) // 2, middle, "♛", CROWN, colour, bold=True)

    def _label(self, canvas: Canvas, cell: int, label: Label, scale: Scale, flipped: bool) -> None:
        x, y = self.corner(cell, scale, flipped)
        colour = BLUE if label.is_best else mix(0xB4552D, 0x2E9F53, label.strength)
        canvas.put(
            x + (scale.wide - 3) // 2,
            y + scale.high // 2,
            f"{label.text:^3}"[:3],
            0xFFFFFF,
            colour,
            bold=True,
        )
