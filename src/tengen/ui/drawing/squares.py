"""What boards of eight by eight squares have in common: where a square is."""

from tengen.ui.drawing.scene import Board, Scale

SIZES = ((10, 5), (8, 4), (6, 3), (5, 2))  # characters of a square, the largest first


class SquareBoard(Board):
    """Squares numbered row by row, after a margin of `left` and `top` characters."""

    left = 1
    top = 1

    def corner(self, cell: int, scale: Scale, flipped: bool) -> tuple[int, int]:
        """The upper left character of a square."""
        row, column = divmod(63 - cell if flipped else cell, 8)
        return self.left + column * scale.wide, self.top + row * scale.high

    def cell_at(self, x: int, y: int, scale: Scale, flipped: bool = False) -> int | None:
        row, column = (y - self.top) // scale.high, (x - self.left) // scale.wide
        if not (0 <= row < 8 and 0 <= column < 8):
            return None
        cell = 8 * row + column
        return 63 - cell if flipped else cell
