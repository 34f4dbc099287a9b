"""Boards as coloured characters: stones, marks, graphs, pictures."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tengen.envs import make_game
from tengen.ui.drawing.canvas import Canvas, mix
from tengen.ui.drawing.compose import board_of
from tengen.ui.drawing.go import BLACK, WHITE, GoBoard
from tengen.ui.drawing.graph import bar, graph
from tengen.ui.drawing.scene import Label, Scene
from tengen.ui.drawing.svg import svg
from tengen.ui.screens.board import strips

ROOM = {"go9": (80, 24), "go13": (80, 24), "go19": (80, 24), "checkers": (80, 24), "connect4": (80, 24)}


def text(canvas: Canvas) -> list[str]:
    """The characters without colours."""
    return ["".join(cell.text for cell in row).rstrip() for row in canvas.cells]


def scene_for(name: str) -> Scene:
    """An empty board."""
    game = make_game(name)
    cells = {"go": game.obs_shape[1] ** 2, "checkers": 64, "connect4": 42}[game.family]
    return Scene(pieces="." * cells)


@pytest.mark.parametrize("name", ROOM)
def test_every_board_has_a_scale_for_80_by_24_with_room_for_the_panel(name: str) -> None:
    scale = board_of(make_game(name)).scale_for(80 - 26, 22)
    assert scale is not None and scale.width <= 54


@pytest.mark.parametrize("name", ROOM)
def test_a_cell_is_found_wherever_it_is_drawn(name: str) -> None:
    """Of every scale, each cell has characters, and none lies beside the board."""
    board, scene = board_of(make_game(name)), scene_for(name)
    for scale in board.scales:
        found = [board.cell_at(x, y, scale) for y in range(scale.height) for x in range(scale.width)]
        assert {cell for cell in found if cell is not None} == set(range(len(scene.pieces)))
        outside = [(-1, 3), (3, -1), (scale.width + 1, 3), (3, scale.height + 1)]
        assert all(board.cell_at(x, y, scale) is None for x, y in outside)
        canvas = board.draw(scene, scale)
        assert (canvas.width, canvas.height) == (scale.width, scale.height)


def test_stones_are_round_and_stand_on_their_points() -> None:
    board = GoBoard(5)
    scale = next(s for s in board.scales if s.high == 2)
    canvas = board.draw(Scene(pieces="." * 12 + "X" + "." * 12), scale)
    x, y = board.center(12, scale)
    assert [row[x - 2 : x + 3] for row in text(canvas)[y - 1 : y + 2]] == [" ▗▄▖ ", "─   ─", " ▝▀▘ "]
    assert canvas.cells[y][x].back == BLACK and text(canvas)[0].split() == list("ABCDE")


def test_stones_that_touch_share_a_character() -> None:
    board = GoBoard(5)
    scale = next(s for s in board.scales if s.high == 2)
    canvas = board.draw(Scene(pieces="." * 7 + "X" + "." * 4 + "O" + "." * 12), scale)
    x, y = board.center(7, scale)
    between = canvas.cells[y + 1][x]
    assert (between.text, between.fore, between.back) == ("▀", BLACK, WHITE)


def test_marks_are_where_they_belong() -> None:
    board = GoBoard(5)
    scale = next(s for s in board.scales if s.high == 2)
    shade = np.zeros(25, np.float32)
    shade[0], shade[24] = 1.0, -1.0
    scene = Scene(
        pieces="X" + "." * 24,
        last=(0,),
        ko=6,
        labels={12: Label("54", "100", 1.0, True)},
        line=((18, 1, "2"),),
        shade=shade,
        dead=frozenset({0}),
        cursor=24,
    )
    canvas = board.draw(scene, scale)

    def at(cell: int, dx: int = 0) -> str:
        x, y = board.center(cell, scale)
        return canvas.cells[y][x + dx].text

    assert at(0) == "×" and at(6) == "□" and at(18) == "2"
    assert at(12, -1) + at(12) == "54"
    assert at(24, -2) == "[" and at(24, 2) == "]"
    x, y = board.center(24, scale)
    assert canvas.cells[y - 1][x - 1].back > canvas.cells[0][0].back  # White's corner is lighter than wood


def test_a_flipped_board_shows_the_last_square_first() -> None:
    board = board_of(make_game("checkers"))
    scale = board.scales[-1]
    assert board.cell_at(1, 1, scale) == 0 and board.cell_at(1, 1, scale, True) == 63
    pieces = "." + "b" + "." * 60 + "W."
    upright, turned = (board.draw(Scene(pieces=pieces, flipped=flip), scale) for flip in (False, True))
    crowns = [next((y for y, row in enumerate(text(c)) if "♛" in row), -1) for c in (upright, turned)]
    assert crowns == [15, 1]


def test_a_bar_and_a_graph() -> None:
    assert bar(0.5, 4) == "██  " and bar(0.0625, 2) == "▏ " and bar(2.0, 3) == "███" and bar(-1.0, 3) == "   "
    high, low = graph([1.0, -1.0], 4, 2)
    assert ord(high[0]) & 0x01 and ord(low[-1]) & 0x80 and len(high) == len(low) == 4  # corner to corner
    assert graph([None, None], 3, 1) == ["   "] and graph([], 3, 1) == ["   "]
    assert graph([0.0] * 300, 5, 1) == ["⠤⠤⠤⠤⠤"]


def test_colours_mix() -> None:
    assert mix(0x000000, 0xFFFFFF, 0.5) == 0x808080 and mix(0x102030, 0xFFFFFF, 0) == 0x102030
    assert mix(0x102030, 0x405060, 7.0) == 0x405060


@pytest.mark.parametrize("name", ["go9", "checkers", "connect4"])
def test_a_picture_is_sound_xml_with_every_word(name: str) -> None:
    board = board_of(make_game(name))
    scale = board.scales[-2]
    lines = strips(board.draw(scene_for(name), scale))
    root = ET.fromstring(svg([list(line) for line in lines], scale.width, scale.height))
    assert root.tag.endswith("svg") and root.attrib["viewBox"] == f"0 0 {8 * scale.width} {16 * scale.height}"
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"go9": "A", "checkers": "1", "connect4": "7"}[name] in [word and word.strip() for word in words]


def test_a_disc_over_another_leaves_nothing_of_it() -> None:
    alone, over = Canvas(8, 4, 0), Canvas(8, 4, 0)
    over.disc(4, 2, 3, 0x0000FF)
    for canvas in (alone, over):
        canvas.disc(4, 2, 3, 0xFF0000)
    assert over.cells == alone.cells and text(alone) != [""] * 4
