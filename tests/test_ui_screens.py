"""The board in the terminal, as somebody with a keyboard and a mouse meets it."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tengen.envs import Position, make_game
from tengen.ui.model.autosave import AutoSave, unfinished
from tengen.ui.model.clock import GameClock, parse_control
from tengen.ui.model.keys import ACTIONS, Keys
from tengen.ui.model.session import Seat
from tengen.ui.screens.app import TengenApp
from tengen.ui.screens.board import BoardWidget
from tests.screen_tools import compare, game_screen, play, text_of, until

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}


def turns(app: TengenApp) -> list[str]:
    """The turns of the game."""
    tree = app.table.session.tree
    return [node.words for node in tree.path(app.table.session.tip)[1:]]


async def click(app: TengenApp, pilot: Pilot[int], cell: int) -> None:
    """Press the mouse on a cell."""
    board = game_screen(app).query_one(BoardWidget)
    scale = board.scale
    for y in range(scale.height):
        for x in range(scale.width):
            if board.board.cell_at(x, y, scale, board._flipped) == cell:
                at = (x + scale.wide // 2, y + scale.high // 2)
                await pilot.click(BoardWidget, offset=at)
                return
    raise AssertionError(f"cell {cell} is nowhere")


# --- what it looks like -------------------------------------------------------------------------------------

GAMES: dict[str, tuple[str, ...]] = {
    "go9": ("d4", "g6", "c6", "f4", "e5", "pass", "c3"),
    "checkers": ("11-15", "22-18", "15x22", "25x18", "8-11"),
    "connect4": ("4", "4", "3", "5", "5"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", GAMES)
def test_the_screen_looks_as_it_did(name: str, size: str) -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        for turn in GAMES[name]:
            app.table.play_words(turn)
        app.table.session.tip.think(0.3, 1)
        app.table.changed()
        await pilot.pause()
        compare(app, f"{name}-{size}")

    play(story, name, size=SIZES[size])


def test_nineteen_lines_fit_a_terminal_of_80_by_24() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        for turn in ("d4", "q16", "q4", "d17", "t19", "a1"):
            app.table.play_words(turn)
        await pilot.pause()
        compare(app, "go19-80x24")

    play(story, "go19")


@pytest.mark.parametrize(("name", "size"), [("go19", (60, 15)), ("go9", (20, 5)), ("checkers", (30, 24))])
def test_a_window_that_is_too_small_says_what_is_needed_and_the_game_goes_on(
    name: str, size: tuple[int, int]
) -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        said = " ".join(text_of(app).split())
        assert f"{name} needs a window of" in said or size[1] == 5
        await pilot.press(*("d4" if name != "checkers" else "11-15"))
        assert len(turns(app)) == 1
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert "needs a window" not in text_of(app) and "to move" in text_of(app)

    play(story, name, size=size)


def test_letters_tell_the_sides_apart_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"d4", *"e5")
        assert "── X ──" in text_of(app) and "──(O)──" in text_of(app)

    play(story)


# --- playing ------------------------------------------------------------------------------------------------


def test_moves_are_typed_pointed_at_and_clicked() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("d", "4")
        await pilot.press("right", "right", "up", "enter")  # the first key shows the cursor at E5
        await click(app, pilot, 0)
        await pilot.press("h", "4")  # h moves the cursor, and with the 4 it was a column
        await pilot.press("P")
        assert turns(app) == ["D4", "F6", "A9", "H4", "pass"]

    play(story)


def test_what_was_typed_can_be_dropped_or_corrected() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("d")
        assert "> d_" in text_of(app)
        await pilot.press("escape", "c", "backspace", "e", "4", "e", "4")
        assert turns(app) == ["E4"] and "the point is occupied" in text_of(app)

    play(story)


def test_a_piece_is_chosen_and_shown_where_it_may_go() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        screen = game_screen(app)
        face = app.table.face
        eleven, fifteen = face.cell[10], face.cell[14]  # type: ignore[attr-defined]
        await click(app, pilot, eleven)
        assert screen.picked == [eleven] and screen._scene is not None
        assert set(screen._scene.targets) == {fifteen, face.cell[15]}  # type: ignore[attr-defined]
        await click(app, pilot, fifteen)
        assert turns(app) == ["11-15"]
        await click(app, pilot, face.cell[28])  # type: ignore[attr-defined]
        assert "cannot move" in text_of(app) and screen.picked == []

    play(story, "checkers")


def test_a_multi_jump_is_pointed_out_square_by_square_or_by_its_end() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        table = app.table
        cell = table.face.cell  # type: ignore[attr-defined]
        table.new_game(table.game.from_text("B:W18,26,25,9:B15,1"))
        await click(app, pilot, cell[14])
        await click(app, pilot, cell[30])
        assert turns(app) == ["15x31"]
        table.undo()
        await click(app, pilot, cell[14])
        await click(app, pilot, cell[21])
        assert game_screen(app).picked == [cell[14], cell[21]]
        await click(app, pilot, cell[28])
        assert turns(app) == ["15x29"]

    play(story, "checkers")


def test_the_opponent_answers_and_both_moves_are_taken_back() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("4")
        await until(pilot, lambda: len(turns(app)) == 2)
        assert "O plays" in text_of(app)
        await pilot.press("u")
        assert turns(app) == []
        await pilot.press("y")
        assert len(turns(app)) == 2

    play(story, "connect4", white="random")


def test_stepping_looks_without_changing_the_game_and_playing_there_is_a_variation() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        for turn in ("d4", "e5", "c3"):
            await pilot.press(*turn)
        await pilot.press("[", "[")
        assert "looking at turn 1 of 3" in text_of(app)
        await pilot.press("g", "7")
        assert "variation" in text_of(app) and turns(app) == ["D4", "E5", "C3"]
        await pilot.press("u")  # takes back in the variation first
        assert app.table.session.tree.current.words == "D4" and turns(app) == ["D4", "E5", "C3"]
        await pilot.press("end")
        assert app.table.session.at_tip
        await pilot.press("home", "]", "C")
        assert turns(app) == ["D4"]

    play(story)


def test_resigning_is_asked_about_first() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("R", "down", "enter")
        assert not app.table.session.is_over
        await pilot.press("R", "enter")
        await pilot.pause()
        assert app.table.session.result == "W+R" and "W+R" in text_of(app)

    play(story)


def test_after_two_passes_dead_stones_are_clicked() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"c3", *"a1", "P", "P")
        assert "B+" in text_of(app) or "W+" in text_of(app)
        before = app.table.session.result
        await click(app, pilot, 20)
        assert app.table.session.dead == {20} and app.table.session.result != before
        await pilot.press("u")
        assert not app.table.session.is_over

    play(story, "go5")


def test_a_position_is_set_up_with_the_keyboard() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("E", "c", "space", "right", "o", "t", "enter")
        await pilot.pause()
        session = app.table.session
        assert session.game.board(session.tip.state).count("X") == 1
        assert session.awaited == 1 and session.tip.number == 0
        await pilot.press("E", "c", "escape")
        assert app.table.session is session and session.game.board(session.tip.state).count("O") == 1

    play(story)


def test_a_game_is_saved_and_loaded_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.sgf"

    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"d4", *"e5")
        await pilot.press("S", *["backspace"] * 20, *str(file), "enter")
        await pilot.pause()
        assert "saved to" in text_of(app) and ";B[" in file.read_text()
        await pilot.press("N", "enter")
        await pilot.pause()
        assert turns(app) == []
        app.table.load(str(file))
        assert turns(app) == ["D4", "E5"]
        await pilot.press("L", *"/nowhere/x.sgf", "enter")
        await pilot.pause()
        assert "cannot be read" in text_of(app) and turns(app) == ["D4", "E5"]

    play(story)


def test_the_line_of_actions_takes_moves_and_names() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        for line in ("T19", "pass", "undo", "udno", "zz"):
            await pilot.press("colon", *line, "enter")
            await pilot.pause()
            if line == "udno":
                assert "did you mean undo?" in text_of(app)
        assert turns(app) == ["T19"] and "is not a coordinate" in text_of(app)

    play(story, "go19")


def test_another_opponent_is_chosen_while_the_game_goes_on() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("4", "ctrl+o", "down", "enter")
        await until(pilot, lambda: len(turns(app)) == 2)
        assert app.table.session.seats[1].label == "beginner"
        await pilot.press("ctrl+o", "end", "enter", *"mcst", "enter")
        await pilot.pause()
        assert "unknown agent 'mcst'; did you mean mcts?" in text_of(app)

    play(story, "connect4")


def test_two_agents_play_and_a_person_watches() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        app.table.session.seats[:] = [Seat("random"), Seat("random")]
        app.table.start()
        await until(pilot, lambda: app.table.session.is_over)
        assert app.table.session.result in text_of(app)

    play(story, "connect4")


def test_clocks_are_shown_and_stand_still_while_paused() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        app.table.session.clock = GameClock(parse_control("10m"))
        app.table.start()
        await pilot.press("Z")
        assert "paused" in text_of(app) and ("10:00" in text_of(app) or "9:59" in text_of(app))
        assert app.table.session.clock.running is None
        await pilot.press("z")
        assert app.table.session.clock.running == 0

    play(story)


# --- keys, mouse and trouble --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_key_is_in_the_help(size: str) -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("question_mark")
        await pilot.pause()
        compare(app, f"help-{size}")
        await pilot.press("end")
        await pilot.pause(0.3)
        assert "leave; the game is kept" in text_of(app)
        await pilot.press("escape")
        assert "to move" in text_of(app)

    play(story, size=SIZES[size])


def test_keys_that_the_user_chose_do_what_was_chosen() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"d4", "u")
        assert turns(app) == ["D4"]
        await pilot.press("exclamation_mark")
        assert turns(app) == [] and "! undo" in text_of(app)

    play(story, keys=Keys({"undo": ("exclamation_mark",)}))


@pytest.mark.parametrize(("name", "stage"), [("go5", "over"), ("checkers", "begun"), ("connect4", "new")])
def test_every_action_leaves_a_board_whenever_it_is_done(name: str, stage: str, tmp_path: Path) -> None:
    """Whatever asks back gets no answer."""

    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        if stage != "new":
            app.table.play(_any_turn(app))
        if stage == "over":
            app.table.act(lambda: app.table.session.resign(0))
        for action in ACTIONS:
            if action == "quit":
                continue
            game_screen(app).do(action)
            await pilot.pause(0.01)
            while app.screen is not game_screen(app):
                app.pop_screen()
                await pilot.pause(0.01)
            game_screen(app).setup = None
        app.table.shown.analysis = False
        app.table.refresh()
        assert app.is_running

    play(story, name, autosave=AutoSave(make_game(name), tmp_path))


def _any_turn(app: TengenApp) -> Any:
    return Position(app.table.game, app.table.session.tip.state).legal_turns()[0]


def test_the_mouse_beside_the_board_and_a_window_that_shrinks_do_nothing() -> None:
    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.mouse_down(BoardWidget, offset=(10, 10))
        played = turns(app)
        await pilot.resize_terminal(20, 5)
        await pilot.mouse_up(offset=(19, 4))
        await pilot.resize_terminal(80, 24)
        await pilot.click(offset=(79, 23))
        await pilot.click(offset=(0, 0))
        await pilot.hover(offset=(60, 12))
        assert turns(app) == played and app.is_running

    play(story)


def test_a_game_that_was_left_is_offered_and_gone_on_with(tmp_path: Path) -> None:
    saver = AutoSave(make_game("go9"), tmp_path, "go9-left-999999999")

    async def leave(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"d4", *"e5")

    play(leave, autosave=saver)
    (kept,) = unfinished(make_game("go9"), tmp_path)

    async def resume(app: TengenApp, pilot: Pilot[int]) -> None:
        assert "left unfinished" in text_of(app)
        await pilot.press("enter")
        await pilot.pause()
        assert turns(app) == ["D4", "E5"]

    play(resume, left=[kept], autosave=AutoSave(make_game("go9"), tmp_path))
    kept.path.write_text("{")

    async def damaged(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert turns(app) == [] and "damaged" in text_of(app)

    play(damaged, left=[type(kept)(kept.path, 2, 0.0, "{")])


def test_quitting_leaves_the_record_behind(tmp_path: Path) -> None:
    saver = AutoSave(make_game("go9"), tmp_path)

    async def story(app: TengenApp, pilot: Pilot[int]) -> None:
        await pilot.press(*"d4", "Q")

    play(story, autosave=saver)
    assert ";B[df]" in saver.record.read_text()
