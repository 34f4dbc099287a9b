"""Screens in tests: an application without a terminal, and its screen as text."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from tengen.envs import make_game
from tengen.ui.model.session import Seat, Session
from tengen.ui.screens.app import TengenApp
from tengen.ui.screens.game import GameScreen

SCREENS = Path(__file__).parent / "screens"
Story = Callable[[TengenApp, Pilot[int]], Awaitable[None]]


def play(
    story: Story,
    name: str = "go9",
    *,
    size: tuple[int, int] = (80, 24),
    white: str = "human",
    **options: object,
) -> TengenApp:
    """Let a story happen to a game on a screen of so many columns and rows; the application afterwards."""
    session = Session(make_game(name), [Seat(label="you" if white != "human" else ""), Seat(white)])
    app = TengenApp(session, **options)  # type: ignore[arg-type]

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await story(app, pilot)
        app.table.close()

    asyncio.run(run())
    assert app.fault is None
    return app


def text_of(app: TengenApp) -> str:
    """What the screen shows, as lines without colours."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines) + "\n"


def game_screen(app: TengenApp) -> GameScreen:
    """The screen of the game, whatever stands over it."""
    return next(screen for screen in app.screen_stack if isinstance(screen, GameScreen))


async def until(pilot: Pilot[int], reached: Callable[[], bool]) -> None:
    """Let the application work until something is so."""
    for _ in range(3000):
        if reached():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came so far")


def compare(app: TengenApp, name: str) -> None:
    """The screen against the one that is kept as text; TENGEN_WRITE_SCREENS=1 keeps it anew."""
    file, shown = SCREENS / f"{name}.txt", text_of(app)
    if os.environ.get("TENGEN_WRITE_SCREENS") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown)
    assert shown == file.read_text(), f"{name} looks otherwise:\n{shown}"
