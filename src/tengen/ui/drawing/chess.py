"""The chess board: squares with ranks and files beside them, pieces as tokens with their Unicode signs."""

from tengen.ui.drawing.canvas import Canvas, Colour, mix
from tengen.ui.drawing.scene import Label, Scale, Scene
from tengen.ui.drawing.squares import SIZES, SquareBoard

LIGHT: Colour = 0xE3D3B0
DARK: Colour = 0x9C7A52
FRAME: Colour = 0x2E241A
NUMBER: Colour = 0xCBB68F
WHITE: Colour = 0xFBF8F0
BLACK: Colour = 0x1B1B1F
SIGNS = dict(zip("KQRBNP", "♚♛♜♝♞♟", strict=True))  # the full ones for both: colours tell the sides apart
BLUE: Colour = 0x2F7FE0
TARGET: Colour = 0xF2C230
TRAIL: Colour = 0xE2902B
LAST: Colour = 0xB9B04A
CHECK: Colour = 0xD93025


class ChessBoard(SquareBoard):
    """Eight by eight squares, the ranks on the left, the files below."""

    left, top = 2, 0
    scales = tuple(Scale(w, h, 8 * w + 2, 8 * h + 1) for w, h in SIZES)

    def draw(self, scene: Scene, scale: Scale) -> Canvas:
        canvas = Canvas(scale.width, scale.height, FRAME)
        for cell in range(64):
            self._square(canvas, scene, cell, scale)
        for i in range(8):
            shown = 7 - i if scene.flipped else i
            canvas.put(0, i * scale.high + scale.high // 2, str(8 - shown), NUMBER)
            canvas.put(
                2 + i * scale.wide + (scale.wide - 1) // 2, scale.height - 1, "abcdefgh"[shown], NUMBER
            )
        for cell, label in scene.labels.items():
            self._label(canvas, cell, label, scale, scene.flipped)
        for cell, _, number in scene.line:
            x, y = self.corner(cell, scale, scene.flipped)
            middle = y + (scale.high - 1) // 2
            canvas.put(x + (scale.wide - 3) // 2, middle, f"{number:^3}"[:3], 0xFFFFFF, BLUE, bold=True)
        if scene.cursor is not None:
            x, y = self.corner(scene.cursor, scale, scene.flipped)
            for row in range(scale.high):
                canvas.put(x, y + row, "▌", BLUE)
                canvas.put(x + scale.wide - 1, y + row, "▐", BLUE)
        return canvas

    def _square(self, canvas: Canvas, scene: Scene, cell: int, scale: Scale) -> None:
        row, column = divmod(cell, 8)
        x, y = self.corner(cell, scale, scene.flipped)
        ground = DARK if (row + column) % 2 else LIGHT
        if cell in scene.last:
            ground = mix(ground, LAST, 0.7)
        if cell in scene.trail:
            ground = mix(ground, TRAIL, 0.75)
        if cell in scene.glow:
            ground = mix(ground, CHECK, 0.75)
        if cell == scene.chosen:
            ground = mix(ground, BLUE, 0.7)
        if scene.heat is not None and scene.heat[cell] > 0.01:
            ground = mix(ground, 0xE0401C, 0.85 * float(scene.heat[cell]) ** 0.5)
        canvas.fill(x, y, scale.wide, scale.high, ground)
        piece = scene.pieces[cell]
        center = x + scale.wide / 2, y + scale.high / 2
        radius = 2.0 if scale.high == 2 else min(scale.wide / 2, scale.high) - 0.6
        if piece == ".":
            if cell in scene.targets:
                canvas.disc(*center, max(1.2, radius * 0.5), TARGET)
            return
        own, other = (WHITE, BLACK) if piece.isupper() else (BLACK, WHITE)
        if cell in scene.targets:  # what may be taken stands in a ring
            canvas.disc(*center, radius + 0.6, TARGET)
        canvas.disc(*center, radius, own)
        sign = piece if self.letters else SIGNS[piece.upper()]
        canvas.put(x + (scale.wide - 1) // 2, y + (scale.high - 1) // 2, sign, other, own, bold=True)

    def _label(self, canvas: Canvas, cell: int, label: Label, scale: Scale, flipped: bool) -> None:
        x, y = self.corner(cell, scale, flipped)
        colour = BLUE if label.is_best else mix(0xB4552D, 0x2E9F53, label.strength)
        middle = y + (scale.high - 1) // 2
        canvas.put(x + (scale.wide - 3) // 2, middle, f"{label.text:^3}"[:3], 0xFFFFFF, colour, bold=True)
