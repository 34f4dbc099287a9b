"""Drawings of a few kinds of shapes, written as SVG or, by Pillow, as PNG."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

Colour = int  # 0xRRGGBB

DETAIL, FINER = 2, 2  # pixels of a PNG for each unit, and how many times finer it is drawn before
LARGEST = 40_000_000  # pixels of a drawing; a larger one is drawn less fine


class Rect(NamedTuple):
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: Colour


class Disc(NamedTuple):
    """A circle, filled or not, with a rim or without."""

    x: float
    y: float
    radius: float
    fill: Colour | None
    stroke: Colour | None = None
    rim: float = 1.0


class Line(NamedTuple):
    """A line."""

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: Colour
    thick: float = 1.0


class Text(NamedTuple):
    """Words; x is where they begin, or their middle; y their base line."""

    x: float
    y: float
    words: str
    size: float
    fill: Colour
    is_centred: bool = False


class Raster(NamedTuple):
    """A picture of pixels [H, W, 3], stretched, each pixel a rectangle."""

    x: float
    y: float
    width: float
    height: float
    pixels: NDArray[np.uint8]

    @property
    def is_colourful(self) -> bool:
        """Whether it is more than greys."""
        return bool((self.pixels[..., :2] != self.pixels[..., 1:]).any())


Shape = Rect | Disc | Line | Text | Raster


@dataclass
class Picture:
    """Shapes in the order in which they cover one another, on a ground of one colour."""

    width: float
    height: float
    ground: Colour = 0xFFFFFF
    shapes: list[Shape] = field(default_factory=list)

    def place(self, other: "Picture", x: float, y: float) -> None:
        """Put another picture's shapes there, and make room for it."""
        for shape in other.shapes:
            if isinstance(shape, Line):
                moved: Shape = shape._replace(
                    x1=shape.x1 + x, x2=shape.x2 + x, y1=shape.y1 + y, y2=shape.y2 + y
                )
            else:
                moved = shape._replace(x=shape.x + x, y=shape.y + y)
            self.shapes.append(moved)
        self.width, self.height = max(self.width, x + other.width), max(self.height, y + other.height)

    def svg(self) -> str:
        """As the text of an SVG file."""
        size = f"{self.width:g} {self.height:g}"
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{self.width:g}" ']
        out.append(f'height="{self.height:g}" font-family="system-ui,sans-serif">')
        out.append(f'<rect width="{self.width:g}" height="{self.height:g}" fill="{_hex(self.ground)}"/>')
        return "".join([*out, *(_SVG[type(shape)](shape) for shape in self.shapes), "</svg>"])

    def png(self) -> bytes:
        """As a PNG; flat drawings with a table of at most 256 colours, which makes them small."""
        from PIL import Image, ImageDraw

        scale = DETAIL * FINER
        while scale > 1 and self.width * self.height * scale**2 > LARGEST:
            scale -= 1
        size = (round(self.width * scale), round(self.height * scale))
        image = Image.new("RGB", size, _hex(self.ground))
        draw = ImageDraw.Draw(image)
        for shape in self.shapes:
            _PNG[type(shape)](image, draw, shape, scale)
        detail = min(DETAIL, scale)
        image = image.resize(
            (round(self.width * detail), round(self.height * detail)), Image.Resampling.LANCZOS
        )
        out = io.BytesIO()
        if not any(isinstance(shape, Raster) and shape.is_colourful for shape in self.shapes):
            image = image.quantize(256, dither=Image.Dither.NONE)
        image.save(out, "PNG", optimize=True)
        return out.getvalue()


def _hex(colour: Colour) -> str:
    return f"#{colour:06x}"


def _svg_rect(s: Rect) -> str:
    return f'<rect x="{s.x:g}" y="{s.y:g}" width="{s.width:g}" height="{s.height:g}" fill="{_hex(s.fill)}"/>'


def _svg_disc(s: Disc) -> str:
    rim = f' stroke="{_hex(s.stroke)}" stroke-width="{s.rim:g}"' if s.stroke is not None else ""
    fill = "none" if s.fill is None else _hex(s.fill)
    return f'<circle cx="{s.x:g}" cy="{s.y:g}" r="{s.radius:g}" fill="{fill}"{rim}/>'


def _svg_line(s: Line) -> str:
    way = f"M{s.x1:g} {s.y1:g}L{s.x2:g} {s.y2:g}"
    return f'<path d="{way}" stroke="{_hex(s.stroke)}" stroke-width="{s.thick:g}"/>'


def _svg_text(s: Text) -> str:
    anchor = ' text-anchor="middle"' if s.is_centred else ""
    words = escape("".join(letter for letter in s.words if letter.isprintable()))
    return (
        f'<text x="{s.x:g}" y="{s.y:g}" font-size="{s.size:g}" fill="{_hex(s.fill)}"{anchor}>{words}</text>'
    )


def _svg_raster(s: Raster) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(s.pixels).save(out, "PNG", optimize=True)
    data = base64.b64encode(out.getvalue()).decode()
    return (
        f'<image x="{s.x:g}" y="{s.y:g}" width="{s.width:g}" height="{s.height:g}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


_SVG: dict[type, Callable[[Any], str]] = {
    Rect: _svg_rect,
    Disc: _svg_disc,
    Line: _svg_line,
    Text: _svg_text,
    Raster: _svg_raster,
}


def _png_rect(image: Any, draw: Any, s: Rect, k: int) -> None:
    box = (round(s.x * k), round(s.y * k), round((s.x + s.width) * k) - 1, round((s.y + s.height) * k) - 1)
    if box[2] >= box[0] and box[3] >= box[1]:
        draw.rectangle(box, fill=_hex(s.fill))


def _png_disc(image: Any, draw: Any, s: Disc, k: int) -> None:
    box = [(s.x - s.radius) * k, (s.y - s.radius) * k, (s.x + s.radius) * k, (s.y + s.radius) * k]
    outline = None if s.stroke is None else _hex(s.stroke)
    draw.ellipse(box, fill=None if s.fill is None else _hex(s.fill), outline=outline, width=round(s.rim * k))


def _png_line(image: Any, draw: Any, s: Line, k: int) -> None:
    draw.line((s.x1 * k, s.y1 * k, s.x2 * k, s.y2 * k), fill=_hex(s.stroke), width=max(1, round(s.thick * k)))


def _png_text(image: Any, draw: Any, s: Text, k: int) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(s.size * k)
    draw.text(
        (s.x * k, s.y * k), s.words, fill=_hex(s.fill), font=font, anchor="ms" if s.is_centred else "ls"
    )


def _png_raster(image: Any, draw: Any, s: Raster, k: int) -> None:
    from PIL import Image

    size = (max(1, round(s.width * k)), max(1, round(s.height * k)))
    image.paste(
        Image.fromarray(s.pixels).resize(size, Image.Resampling.NEAREST), (round(s.x * k), round(s.y * k))
    )


_PNG: dict[type, Callable[[Any, Any, Any, int], None]] = {
    Rect: _png_rect,
    Disc: _png_disc,
    Line: _png_line,
    Text: _png_text,
    Raster: _png_raster,
}
