"""Chess on the board in the terminal: pieces that are picked, moves that are typed, promotions."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tengen.cli import main
from tengen.envs.registry import make_game
from tengen.ui.drawing.compose import board_of
from tengen.ui.drawing.scene import Scene
from tengen.ui.model.chess_face import square_of
from tengen.ui.model.faces import face_of
from tengen.ui.model.levels import default_opponent, level_spec
from tengen.ui.model.setup import Setup
from tengen.ui.screens.app import TengenApp
from tests.screen_tools import compare, game_screen, play, text_of
from tests.test_ui_screens import SIZES, click, turns

GAME = make_game("chess")
FACE = face_of(GAME)
MIDDLE = GAME.from_text("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1")
PROMOTION = "7k/4P3/8/8/8/8/8/K7 w - - 0 1"


def cell(square: str) -> int:
    return (8 - int(square[1])) * 8 + "abcdefgh".index(square[0])


def test_what_a_square_may_do() -> None:
    assert FACE.pieces(GAME.new_states(1))[:8] == "rnbqkbnr" and FACE.pieces(MIDDLE)[cell("f3")] == "Q"
    ways = FACE.turns_at(MIDDLE, [cell("e1")])
    ends = {square_of(FACE.path(MIDDLE, turn)[1]) for turn in ways}
    assert ends == {"d1", "f1", "g1", "c1"}  # castling goes where the king goes
    assert cell("e1") in FACE.movable(MIDDLE) and cell("a8") not in FACE.movable(MIDDLE)
    assert FACE.turns_at(MIDDLE, [cell("e8")]) == []
    assert FACE.why_not(MIDDLE, cell("e8")) == "the piece on e8 is the other side's"
    assert FACE.why_not(MIDDLE, cell("d4")) == "there is no piece on d4"
    check = GAME.from_text("rnb1kbnr/pppp1ppp/8/4p3/5PPq/8/PPPPP2P/RNBQKBNR w KQkq - 1 3")
    assert FACE.glow(check) == [cell("e1")] and FACE.glow(MIDDLE) == []
    state = GAME.from_text(PROMOTION)
    queens = FACE.turns_at(state, [cell("e7"), cell("e8")])
    assert FACE.choices(state, queens) == ["queen", "rook", "bishop", "knight"]


@pytest.mark.parametrize(
    ("typed", "verdict", "move"),
    [
        ("o-o-o", True, "e1c1"),
        ("o-o", None, "e1g1"),  # it may go on
        ("0-0", None, "e1g1"),
        ("nxf7", True, "e5f7"),
        ("nf7", True, "e5f7"),
        ("dxe6", True, "d5e6"),
        ("de6", True, "d5e6"),
        ("d5e6", True, "d5e6"),
        ("e1g1", True, "e1g1"),
        ("n", None, "n"),
        ("e2e9", False, "e2e9"),
        ("a2a5", None, "a2a5"),  # not legal: the rules tell why
        ("zz", False, "zz"),
    ],
)
def test_moves_are_typed_in_small_letters(typed: str, verdict: bool | None, move: str) -> None:
    assert FACE.typed(typed, MIDDLE) is verdict
    assert FACE.meant(typed, MIDDLE) == move


def test_what_is_two_moves_is_not_guessed() -> None:
    state = GAME.from_text("4k3/8/8/8/2p5/1P1B4/8/4K3 w - - 0 1")  # bxc4 and Bxc4
    assert FACE.typed("bxc4", state) is None and FACE.meant("bxc4", state) == "bxc4"
    assert FACE.typed("d3c4", state) is True


def test_every_square_is_found_where_it_is_drawn() -> None:
    board = board_of(GAME)
    for scale in board.scales:
        for flipped in (False, True):
            canvas = board.draw(Scene(FACE.pieces(MIDDLE), flipped=flipped), scale)
            found = {
                at: "".join(
                    canvas.cells[y][x].text
                    for y in range(scale.height)
                    for x in range(scale.width)
                    if board.cell_at(x, y, scale, flipped) == at
                )
                for at in range(64)
            }
            for at, piece in enumerate(FACE.pieces(MIDDLE)):
                signs = [sign for sign in found[at] if sign in "♚♛♜♝♞♟"]
                assert signs == ([] if piece == "." else ["♚♛♜♝♞♟"["KQRBNP".index(piece.upper())]])


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_looks_as_it_did(size: str) -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        for move in ("e4", "e5", "Nf3", "d5", "exd5"):
            app.table.play_words(move)
        app.table.session.tip.think(0.3, 1)
        app.table.changed()
        await pilot.pause()
        compare(app, f"chess-{size}")

    play(story, "chess", size=SIZES[size])


def test_a_game_by_mouse_and_keys() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await click(app, pilot, cell("e2"))
        await click(app, pilot, cell("e4"))
        await pilot.press(*"d5")
        await pilot.press(*"ed5")
        await click(app, pilot, cell("d5"))
        await pilot.pause()
        assert "the piece on d5 is the other side's" in text_of(app)
        assert turns(app) == ["e4", "d5", "exd5"]

    play(story, "chess")


def test_a_pawn_that_arrives_asks_what_it_becomes() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        app.table.new_game(GAME.from_text(PROMOTION))
        await pilot.pause()
        await click(app, pilot, cell("e7"))
        await click(app, pilot, cell("e8"))
        await pilot.pause()
        assert "Promote to" in text_of(app)
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        assert turns(app) == ["e8=N"]
        await pilot.press("u")
        await pilot.press(*"e8q")
        await pilot.pause()
        assert turns(app) == ["e8=Q+"]

    play(story, "chess")


def test_blacks_men_stand_below_for_who_plays_black() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        screen = game_screen(app)
        screen.flipped = False
        await pilot.press("F")
        assert screen.flipped
        lines = [line for line in text_of(app).splitlines() if line[:1].isdigit()]
        assert [line[0] for line in lines] == list("12345678")

    play(story, "chess")


def test_positions_are_set_up_and_games_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = Setup(GAME, FACE, GAME.new_states(1))
    setup.clear()
    for square, piece in (("e1", "K"), ("e8", "k"), ("a2", "P")):
        setup.put(cell(square), piece)
    assert GAME.to_text(setup.build()) == "4k3/8/8/8/8/8/P7/4K3 w - - 0 1"
    file = tmp_path / "game.pgn"
    file.write_text('[White "Morphy"]\n\n1. e4 e5 2. Nf3 (2. f4) d6 3. Bc4 *\n')

    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        app.table.load(str(file))
        assert turns(app) == ["e4", "e5", "Nf3", "d6", "Bc4"]

    play(story, "chess")
    assert level_spec(GAME, "beginner").startswith(("minimax", "policy"))
    assert default_opponent(GAME).startswith(("minimax", "mcts:"))
    assert main(["play", "chess", "--plain", "--help"]) == 0
