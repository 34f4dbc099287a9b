"""The Connect Four board: a blue wall with holes, yellow and red stones."""

from tengen.ui.drawing.canvas import Canvas, Colour, mix
from tengen.ui.drawing.scene import Board, Scale, Scene

WALL: Colour = 0x1F4FA8
HOLE: Colour = 0x0E1A33
YELLOW: Colour = 0xF4C61E
RED: Colour = 0xD93025
STONES = (YELLOW, RED)
NUMBER: Colour = 0xFFFFFF
ROOM: Colour = 0x0B1020  # above the wall, where a stone hangs before it falls
BEST: Colour = 0x2E9F53


class Connect4Board(Board):
    """Six rows of seven, with room for the stone that is about to fall above them."""

    scales = tuple(Scale(w, h, 7 * w, 7 * h + 1) for w, h in ((10, 5), (8, 4), (6, 3), (5, 2), (4, 2)))

    def cell_at(self, x: int, y: int, scale: Scale, flipped: bool = False) -> int | None:
        column, row = x // scale.wide, (y - scale.high) // scale.high
        if not (0 <= column < 7 and 0 <= y < scale.height):
            return None
        return min(5, max(0, row)) * 7 + column

    def draw(self, scene: Scene, scale: Scale) -> Canvas:
        canvas = Canvas(scale.width, scale.height, WALL)
        canvas.fill(0, 0, scale.width, scale.high, ROOM)
        for cell, piece in enumerate(scene.pieces):
            row, column = divmod(cell, 7)
            if scene.heat is not None and row == 0:
                height = 6 * scale.high
                canvas.tint(
                    column * scale.wide,
                    scale.high,
                    scale.wide,
                    height,
                    0xE0401C,
                    0.8 * float(scene.heat[column]) ** 0.5,
                )
            colour = HOLE if piece == "." else STONES["XO".index(piece)]
            if scene.glow and piece != "." and cell not in scene.glow:
                colour = mix(colour, WALL, 0.55)
            self._disc(canvas, column, (row + 1) * scale.high, scale, colour)
            x, y = column * scale.wide, (row + 1) * scale.high
            middle = x + scale.wide // 2 - (scale.wide % 2 == 0), y + scale.high // 2
            if self.letters and piece != ".":
                canvas.put(*middle, piece, 0, colour)
            if cell in scene.last[-1:] and not scene.glow:
                canvas.put(
                    middle[0],
                    middle[1],
                    "●●" if scale.wide % 2 == 0 else "●",
                    mix(colour, 0x000000, 0.55),
                    colour,
                )
        for cell, player, number in scene.line:
            row, column = divmod(cell, 7)
            colour = mix(STONES[player], HOLE, 0.25)
            self._disc(canvas, column, (row + 1) * scale.high, scale, colour)
            canvas.put(
                column * scale.wide + scale.wide // 2 - 1,
                (row + 1) * scale.high + scale.high // 2,
                f"{number:>2}",
                0,
                colour,
                bold=True,
            )
        for cell, label in scene.labels.items():
            row, column = divmod(cell, 7)
            back = BEST if label.is_best else mix(0x8A3A1A, 0xC9A214, label.strength)
            self._disc(canvas, column, (row + 1) * scale.high, scale, back)
            x, y = column * scale.wide + (scale.wide - 2) // 2, (row + 1) * scale.high + scale.high // 2
            canvas.put(x, y, label.text[:3], 0xFFFFFF, back, bold=True)
        for column in range(7):
            canvas.put(
                column * scale.wide + scale.wide // 2 - (scale.wide % 2 == 0),
                scale.height - 1,
                str(column + 1),
                NUMBER,
                bold=True,
            )
        if scene.cursor is not None:
            column = scene.cursor % 7
            if scene.ghost:
                self._disc(canvas, column, 0, scale, STONES[scene.to_play])
            canvas.put(
                column * scale.wide + scale.wide // 2 - 1,
                scale.height - 1,
                f"▸{column + 1}",
                YELLOW,
                bold=True,
            )
        return canvas

    def _disc(self, canvas: Canvas, column: int, top: int, scale: Scale, colour: Colour) -> None:
        radius = min(scale.wide / 2, scale.high) - 0.6
        canvas.disc(column * scale.wide + scale.wide / 2, top + scale.high / 2, max(radius, 1.6), colour)
