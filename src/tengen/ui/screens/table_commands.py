"""What is done at the table rather than on the board: players, files, set-up, the way in and out."""

import time

from rich.text import Text

from tengen.errors import TengenError
from tengen.ui.model.levels import LEVELS, level_spec, rating
from tengen.ui.model.records import save_record
from tengen.ui.model.session import HUMAN, Seat
from tengen.ui.model.setup import Setup
from tengen.ui.screens.command_base import CommandBase
from tengen.ui.screens.dialogs import Choice, Help, Prompt


class TableCommands(CommandBase):
    """Actions `do_NAME`."""

    def greet(self) -> None:
        """Say what the program was started with, and begin, or go on with a game that was left."""
        notice = getattr(self.app, "notice", "")
        left = getattr(self.app, "left", [])
        if notice:
            self.table.say(notice)
        if not left:
            self.table.start()
            return
        when = time.strftime("%d %B, %H:%M", time.localtime(left[0].when))

        def answered(index: int | None) -> None:
            try:
                if index == 0:
                    self.table.resume(left[0])
                    self.drawing_flip()
                    return
                if index == 2:
                    left[0].path.unlink(missing_ok=True)
            except TengenError as error:
                self.table.say(str(error), fault=True)
            self.table.start()

        lines = [
            f"go on with it ({left[0].turns} turns, {when})",
            "a new game; keep that one",
            "a new game; drop that one",
        ]
        self.app.push_screen(Choice("A game was left unfinished", lines), answered)

    def do_new(self) -> None:
        """A new game."""
        if self.table.session.tip.number and not self.table.session.is_over:
            self.confirm("Begin a new game? This one stays in the folder of games.", self._new)
        else:
            self._new()

    def _new(self) -> None:
        self.picked = []
        self.table.new_game(self.table.session.start if self.table.session.start is not None else None)

    def do_swap(self) -> None:
        """Swap sides."""
        self.table.act(self.table.session.swap_sides, "sides are swapped")
        self.drawing_flip()

    def do_flip(self) -> None:
        """Turn the board."""
        self.flipped = not self.flipped and self.table.game.family in ("checkers", "chess")

    def do_opponent(self) -> None:
        """Choose who plays."""
        session = self.table.session
        player = 1 - (session.human_side if session.human_side is not None else 0)
        if self.table.failed is not None:
            player = self.table.failed
        elif all(not seat.is_human for seat in session.seats):
            player = session.tip.to_play
        game = self.table.game
        lines: list[str | Text] = ["human"]
        lines += [
            f"{level.name:<10} {rating(game, level.name):>10}  {level_spec(game, level.name)}"
            for level in LEVELS
        ]
        lines.append("another agent ...")

        def chosen(index: int) -> None:
            if index == len(lines) - 1:
                self.ask(Prompt(f"Agent for {session.sides[player]}", hint="as in mcts?sims=1000"), named)
            elif index == 0:
                self.table.seat(player, Seat())
            else:
                name = LEVELS[index - 1].name
                self.table.seat(player, Seat(level_spec(game, name), name, rating(game, name)))

        def named(text: str) -> None:
            from tengen.agents.registry import parse_agent

            if text.strip() != HUMAN:
                parse_agent(text)
            self.table.seat(player, Seat(text.strip()))

        self.ask(Choice(f"Who plays {session.sides[player]}?", lines), chosen)

    def do_save(self) -> None:
        """Save under a name."""
        from tengen.league.notation import game_suffix

        self.ask(Prompt("Save the game as", f"game{game_suffix(self.table.game)}"), self._save)

    def _save(self, path: str) -> None:
        from tengen.files import check_writable

        if not path.strip():
            raise TengenError("a file name is needed to save under")
        check_writable(path.strip())
        save_record(self.table.session, path.strip())
        self.table.say(f"saved to {path.strip()}")

    def do_picture(self) -> None:
        """Save a picture of the screen under a name."""
        drawn = self.picture()

        def save(path: str) -> None:
            from tengen.files import atomic_write_text

            if not path.strip():
                raise TengenError("a file name is needed for the picture")
            atomic_write_text(path.strip(), drawn)
            self.table.say(f"the picture is in {path.strip()}")

        self.ask(Prompt("Save a picture as", "board.svg"), save)

    def do_load(self) -> None:
        """Open a file."""
        self.ask(Prompt("Load the game from"), lambda path: self.table.load(path.strip()))

    def do_theme(self) -> None:
        """Dark or light."""
        self.app.theme = "textual-light" if self.app.theme == "textual-dark" else "textual-dark"

    def do_help(self) -> None:
        """Every key."""
        self.app.push_screen(Help(self.keymap))

    def do_quit(self) -> None:
        """Leave; the game is kept."""
        self.app.exit(0)

    # --- setting up ----------------------------------------------------------------------------------------

    def do_setup(self) -> None:
        """Begin to set up a position from the one that is shown."""
        self.table.act(lambda: None)
        self.setup = Setup(self.table.game, self.table.face, self.table.session.tree.current.state)
        self.pointing = True

    def setup_panel(self, width: int) -> Text:
        """What can be done while setting up."""
        assert self.setup is not None
        side = self.table.session.sides[self.setup.to_play]
        lines = ["Setting up a position", "", f"{side} is to move", "", "Space, click: what stands there"]
        lines += [
            f"{' '.join(self.setup.allowed[1:])} . : put just that",
            "T: the other side moves",
            "C: empty board",
        ]
        lines += ["Enter: play from here", "Esc: back to the game"]
        return Text("\n".join(line[:width] for line in lines))

    def setup_cycle(self) -> None:
        """Change what stands at the cursor."""
        assert self.setup is not None
        try:
            self.setup.cycle(self.cursor)
            self.table.say("")
        except TengenError as error:
            self.table.say(str(error), fault=True)

    def setup_key(self, key: str) -> None:
        """A key while setting up."""
        assert self.setup is not None
        action = self.keymap.of_key.get(key)
        try:
            if key == "escape":
                self.setup = None
                self.table.refresh()
            elif key == "enter":
                start = self.setup.build()
                self.setup = None
                self.table.new_game(start)
            elif key in ("T", "t"):
                self.setup.turn()
            elif key in ("C", "c"):
                self.setup.clear()
            elif key == "space":
                self.setup_cycle()
            elif key in ("full_stop", "x", "delete") and "x" not in self.setup.allowed:
                self.setup.put(self.cursor, ".")
            elif key in self.setup.allowed or key.upper() in self.setup.allowed:
                self.setup.put(self.cursor, key if key in self.setup.allowed else key.upper())
            elif action in ("left", "right", "up", "down"):
                self.do(action)
        except TengenError as error:
            self.table.say(str(error), fault=True)
        self.update()
