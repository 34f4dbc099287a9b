"""A picture as text: half blocks in colour, two pixels a character, or plain characters by contrast."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # [H, W, 3]
Colours = Literal["true", "256", "none"]

RAMP = " .:-=+*?%#@"  # from no difference to the greatest
HALF_BLOCK = "▀"
RESET = "\x1b[0m"


def fit(aspect: float, rows: int, columns: int, colours: Colours) -> tuple[int, int]:
    """Height and width in pixels of the largest picture that `rows` x `columns` characters hold.

    aspect: the picture's width over its height as it should look. A character is taken to be twice as high as
    it is wide, so half of one is square; in plain characters a pixel is a whole one.
    """
    tall = 1 if colours == "none" else 2
    shape = aspect * 2 / tall  # columns for each row of pixels
    height = max(tall, min(rows * tall, int(columns / shape)) // tall * tall)
    return height, max(1, min(columns, round(height * shape)))


def lines(image: Image, colours: Colours) -> list[str]:
    """The picture as lines of text: of two pixel rows each in colour, of one each without."""
    if colours == "none":
        return _plain(image)
    if image.shape[0] % 2:
        image = np.concatenate([image, np.zeros_like(image[:1])])
    code = _true if colours == "true" else _indexed
    return [_coloured(code(top), code(bottom)) for top, bottom in zip(image[0::2], image[1::2], strict=True)]


def _plain(image: Image) -> list[str]:
    """The brighter a character, the further its pixel is from the colour that most of the picture has."""
    packed = image.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    colours, counts = np.unique(packed, return_counts=True)
    common = int(colours[counts.argmax()])
    background = np.array([common >> 16, common >> 8 & 255, common & 255])
    distance = np.abs(image.astype(int) - background).max(-1)  # 0 to 255
    steps = np.ceil(distance * ((len(RAMP) - 1) / 255)).astype(int)
    return ["".join(RAMP[step] for step in row).rstrip() for row in steps]


def _true(row: Image) -> list[str]:
    return [f"2;{r};{g};{b}" for r, g, b in row.tolist()]


def _indexed(row: Image) -> list[str]:
    """The nearest of xterm's 256 colours: a cube of six levels a channel, or one of 24 greys."""
    levels = np.array([0, 95, 135, 175, 215, 255])
    nearest = np.abs(row[..., None].astype(int) - levels).argmin(-1)  # [W, 3]
    cube = 16 + nearest @ np.array([36, 6, 1])
    grey = np.clip(np.rint((row.mean(-1) - 8) / 10), 0, 23).astype(int)
    cube_error = np.abs(levels[nearest] - row.astype(int)).sum(-1)
    grey_error = np.abs((8 + 10 * grey)[:, None] - row.astype(int)).sum(-1)
    return [f"5;{index}" for index in np.where(grey_error < cube_error, 232 + grey, cube).tolist()]


def _coloured(top: list[str], bottom: list[str]) -> str:
    """One line; a colour is named only where it changes."""
    out: list[str] = []
    above = below = ""
    for first, second in zip(top, bottom, strict=True):
        codes = []
        if first == second:  # a space shows the background alone, which most of a screen is
            if second != below:
                codes.append(f"48;{second}")
                below = second
            mark = " "
        else:
            if first != above:
                codes.append(f"38;{first}")
                above = first
            if second != below:
                codes.append(f"48;{second}")
                below = second
            mark = HALF_BLOCK
        if codes:
            out.append(f"\x1b[{';'.join(codes)}m")
        out.append(mark)
    return "".join(out) + RESET
