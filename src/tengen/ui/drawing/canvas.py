"""A grid of coloured characters, and round things drawn on it in quarters of a character."""

from dataclasses import dataclass, field

Colour = int  # 0xRRGGBB

#: Which quarters of a character are filled: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
QUARTERS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


@dataclass
class Cell:
    """One character."""

    text: str = " "
    fore: Colour = 0
    back: Colour = 0
    bold: bool = False


@dataclass
class Canvas:
    """Characters [height][width]; what is drawn beyond the edge is lost."""

    width: int
    height: int
    back: Colour
    cells: list[list[Cell]] = field(init=False)

    def __post_init__(self) -> None:
        self.cells = [[Cell(back=self.back) for _ in range(self.width)] for _ in range(self.height)]

    def at(self, x: int, y: int) -> Cell | None:
        """The character there, None beyond the edge."""
        return self.cells[y][x] if 0 <= x < self.width and 0 <= y < self.height else None

    def put(
        self, x: int, y: int, text: str, fore: Colour, back: Colour | None = None, bold: bool = False
    ) -> None:
        """Write text from (x, y) on, over the colour that is there unless another is given."""
        for i, letter in enumerate(text):
            cell = self.at(x + i, y)
            if cell is not None:
                cell.text, cell.fore, cell.bold = letter, fore, bold
                cell.back = cell.back if back is None else back

    def fill(self, x: int, y: int, width: int, height: int, back: Colour) -> None:
        """Colour a rectangle, and empty it."""
        for row in range(max(0, y), min(self.height, y + height)):
            for column in range(max(0, x), min(self.width, x + width)):
                self.cells[row][column] = Cell(back=back)

    def tint(self, x: int, y: int, width: int, height: int, colour: Colour, share: float) -> None:
        """Mix a colour into the background of a rectangle."""
        for row in range(max(0, y), min(self.height, y + height)):
            for column in range(max(0, x), min(self.width, x + width)):
                cell = self.cells[row][column]
                cell.back = mix(cell.back, colour, share)

    def disc(self, center_x: float, center_y: float, radius: float, colour: Colour) -> None:
        """A filled circle. A character is taken to be twice as high as it is wide; radius in widths.

        Where two circles of different colours meet in a character, each gets a half of it.
        """
        for y in range(int(center_y - radius / 2) - 1, int(center_y + radius / 2) + 2):
            for x in range(int(center_x - radius) - 1, int(center_x + radius) + 2):
                cell = self.at(x, y)
                if cell is None:
                    continue
                covered = 0
                for bit, (dx, dy) in enumerate(((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))):
                    across, down = x + dx - center_x, 2 * (y + dy - center_y)
                    covered |= (across * across + down * down <= radius * radius) << bit
                if covered:
                    _cover(cell, covered, colour)


def _cover(cell: Cell, covered: int, colour: Colour) -> None:
    if covered == 15:
        cell.text, cell.back = " ", colour
        return
    before = QUARTERS.find(cell.text)
    if before > 0 and cell.fore == colour:
        covered |= before
        before = 0
        if covered == 15:
            cell.text, cell.back = " ", colour
            return
    if before & ~covered > 0:  # of a circle that is not covered whole
        upper, lower = (cell.fore, colour) if before & 3 else (colour, cell.fore)
        cell.text, cell.fore, cell.back = "▀", upper, lower
        return
    cell.text, cell.fore = QUARTERS[covered], colour


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two: share 0 is the first, 1 the second."""
    out = 0
    for shift in (16, 8, 0):
        a, b = one >> shift & 255, other >> shift & 255
        out |= round(a + (b - a) * min(1.0, max(0.0, share))) << shift
    return out


def shade_of(colour: Colour) -> float:
    """How bright a colour is, 0 to 1."""
    red, green, blue = colour >> 16 & 255, colour >> 8 & 255, colour & 255
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
