"""What each action does: one method an action, `do_NAME`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tengen.errors import IllegalMove, TengenError
from tengen.ui.model.keys import ACTIONS
from tengen.ui.model.levels import LEVELS, level_spec, rating
from tengen.ui.model.records import save_record
from tengen.ui.model.session import HUMAN, Seat
from tengen.ui.model.setup import Setup
from tengen.ui.screens.dialogs import Choice, Help, Prompt
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from textual.app import App

    from tengen.ui.model.keys import Keys
    from tengen.ui.thinking.table import Table


class Commands:
    """The actions of a game screen."""

    table: "Table"
    keymap: "Keys"
    cursor: int
    pointing: bool
    picked: list[int]
    flipped: bool
    setup: Setup | None
    typed: str
    app: "App[Any]"
    update: Callable[[], None]
    do: Callable[[str], None]
    drawing_flip: Callable[[], None]

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

    def ask(self, screen: Any, then: Callable[[Any], object]) -> None:
        """Show a dialog; its answer, if there is one, goes to `then`, and faults to the status line."""

        def answered(answer: Any) -> None:
            if answer is None:
                return
            try:
                then(answer)
            except TengenError as error:
                self.table.say(str(error), fault=True)
            self.update()

        self.app.push_screen(screen, answered)

    def confirm(self, question: str, then: Callable[[], object]) -> None:
        """Ask before something that cannot be taken back easily."""
        self.ask(Choice(question, ["yes", "no"]), lambda index: then() if index == 0 else None)

    # --- cursor --------------------------------------------------------------------------------------------

    def do_select(self) -> None:
        """Follow the variation shown, mark a dead stone, or play at the cursor."""
        table = self.table
        if table.candidate is not None and table.follow():
            return
        if not self.pointing:
            self.pointing = True
            return
        if table.session.marks_dead:
            table.act(lambda: table.session.toggle_dead(self.cursor))
            table.say("")
            return
        if not table.face.picks:
            turns = table.face.turns_at(table.session.tree.current.state, [self.cursor])
            if not turns and table.session.is_over and table.session.at_tip:
                raise IllegalMove("the game is over; take the last move back, or begin a new game")
            if not turns:
                raise IllegalMove("no stone can be played there")
            table.play(_checked(table, turns[0]))
            return
        self._pick()

    def _pick(self) -> None:
        """Choose a piece, or the next square of its way; a way without doubt is played."""
        table, state = self.table, self.table.session.tree.current.state
        turns = table.face.turns_at(state, [*self.picked, self.cursor])
        if self.picked and not turns:  # a square further on that only one way leads to
            ways = table.face.turns_at(state, self.picked)
            turns = [turn for turn in ways if table.face.path(state, turn)[-1] == self.cursor]
            if turns:
                table_turn, self.picked = turns[0], []
                table.play(table_turn)
                return
            if self.picked[-1:] == [self.cursor]:
                self.picked = []
                return
            self.picked = []
            turns = table.face.turns_at(state, [self.cursor])
        if not turns:
            self.picked = []
            raise IllegalMove(_why_not(table, self.cursor))
        self.picked = [*self.picked, self.cursor]
        paths = {tuple(table.face.path(state, turn)) for turn in turns}
        if len(self.picked) > 1 and len(paths) == 1 and len(next(iter(paths))) == len(self.picked):
            self.picked = []
            table.play(turns[0])

    def do_cancel(self) -> None:
        """Drop what was begun."""
        if self.table.candidate is not None:
            self.table.candidate = None
        elif self.picked:
            self.picked = []
        else:
            self.pointing = False
            self.table.hinted = None

    def do_command(self) -> None:
        """Type a move or an action."""
        hint = "a move such as " + {"go": "D4", "checkers": "11-15"}.get(self.table.game.family, "4")
        self.ask(
            Prompt("Move or action", hint=f"{hint}, or: {', '.join(list(ACTIONS)[7:15])} ..."), self._obey
        )

    def _obey(self, text: str) -> None:
        word, _, rest = text.strip().partition(" ")
        if not word:
            return
        if word.lower() in ACTIONS and not (word.lower() == "pass" and rest):
            if word.lower() in ("save", "load") and rest:
                self._save(rest) if word.lower() == "save" else self.table.load(rest)
            else:
                self.do(word.lower())
            return
        try:
            self.table.play_words(text)
        except IllegalMove:
            if word.isalpha() and len(word) > 2:
                raise IllegalMove(
                    f"'{word[:20]}' is no action; {did_you_mean(word.lower(), ACTIONS, 'actions')}"
                ) from None
            raise

    # --- game ----------------------------------------------------------------------------------------------

    def do_undo(self) -> None:
        """Take back."""
        self.picked = []
        self.table.undo()

    def do_redo(self) -> None:
        """Play again."""
        self.table.act(lambda: self.table.session.redo(self.table.now()))

    def do_pass(self) -> None:
        """Pass."""
        if self.table.game.family != "go":
            raise IllegalMove(f"there is no passing in {self.table.game.name}")
        self.table.play_words("pass")

    def do_hint(self) -> None:
        """Let a search say what it would play."""
        self.table.hint()

    def do_draw(self) -> None:
        """Offer a draw, or accept one."""
        session = self.table.session
        player = session.human_side if session.human_side is not None else session.tip.to_play
        self.table.offer_draw(player)

    def do_resign(self) -> None:
        """Resign, after asking."""
        session = self.table.session
        if session.is_over:
            raise IllegalMove("the game is over already")
        player = session.human_side if session.human_side is not None else session.tip.to_play

        def resign() -> None:
            self.table.act(
                lambda: session.resign(player, self.table.now()), f"{session.sides[player]} resigns"
            )

        self.confirm(f"Resign as {session.sides[player]}?", resign)

    def do_now(self) -> None:
        """Hurry the opponent."""
        self.table.move_now()

    def do_pause(self) -> None:
        """Stop the clocks, or let them go on."""
        self.table.toggle_pause()

    # --- look ----------------------------------------------------------------------------------------------

    def _step(self, turns: int) -> None:
        self.picked = []
        self.table.step(turns)

    def do_back(self) -> None:
        """One turn back."""
        self._step(-1)

    def do_forward(self) -> None:
        """One turn on."""
        self._step(1)

    def do_first(self) -> None:
        """To the start."""
        self._step(-1_000_000)

    def do_last(self) -> None:
        """To the position that is being played."""
        self.picked = []
        self.table.go(self.table.session.tip)

    def do_variation(self) -> None:
        """To the variation beside this one."""
        self.table.session.tree.sibling(1)
        self.table.refresh()

    def do_play_on(self) -> None:
        """Make what is looked at the game."""
        self.table.paused = False
        self.table.act(lambda: self.table.session.play_on(self.table.now()), "the game goes on from here")

    # --- analysis ------------------------------------------------------------------------------------------

    def do_analysis(self) -> None:
        """Analysis on or off."""
        shown = self.table.shown
        shown.analysis = not shown.analysis
        self.table.candidate = None
        if not shown.analysis:
            self.table.hinted = None
        self.table.refresh()

    def do_heat(self) -> None:
        """The policy's colours on or off."""
        if self.table.analyst.network is None:
            raise IllegalMove("there is no network here whose expectation could be shown")
        self.table.shown.heat = not self.table.shown.heat
        self.table.refresh()

    def do_ownership(self) -> None:
        """Owners and the estimated score on or off."""
        if self.table.game.family != "go":
            raise IllegalMove("points are owned in Go only")
        self.table.shown.ownership = not self.table.shown.ownership
        self.table.refresh()

    def do_candidate(self) -> None:
        """The next best move's line."""
        self.table.choose_candidate(1)

    def do_candidate_back(self) -> None:
        """The last best move's line."""
        self.table.choose_candidate(-1)

    def do_dead(self) -> None:
        """Mark what an estimate takes for dead, or unmark all."""
        from tengen.ui.thinking.territory import dead_stones, territory

        table, session = self.table, self.table.session
        if not session.marks_dead:
            raise IllegalMove("stones are marked as dead once both have passed")
        if session.dead:
            session.dead = frozenset()
        else:
            owners, _ = territory(table.game, session.tip.state, table.analyst.network_module())
            session.dead = dead_stones(table.game, session.tip.state, owners)
        table.keep()
        table.refresh()

    def do_review(self) -> None:
        """The moves that cost most."""
        from tengen.ui.screens.review import ReviewScreen

        line = self.table.session.tree.line()
        if len(line) < 2:
            raise IllegalMove("there is no move to review yet")
        self.table.shown.analysis = False
        self.table.refresh()
        self.ask(ReviewScreen(self.table, line), self.table.go)

    # --- table ---------------------------------------------------------------------------------------------

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

    def do_flip(self) -> None:
        """Turn the board."""
        self.flipped = not self.flipped and self.table.game.family == "checkers"

    def do_opponent(self) -> None:
        """Choose who plays."""
        session = self.table.session
        player = 1 - (session.human_side if session.human_side is not None else 0)
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


def _checked(table: "Table", turn: list[int]) -> list[int]:
    """The turn, once the game's own parser has nothing against it: it says why a move is illegal."""
    state = table.session.tree.current.state
    return table.game.parse_turn(state, table.game.format_turn(state, turn))


def _why_not(table: "Table", cell: int) -> str:
    """Why nothing can be done with the piece on a cell."""
    state = table.session.tree.current.state
    square = table.face.square.get(cell)  # type: ignore[attr-defined]
    if square is None:
        return "only the dark squares are played on"
    try:
        table.game.parse_turn(state, f"{square}-{square}")
    except IllegalMove as error:
        return str(error).partition("is illegal: ")[2] or str(error)
    return f"the piece on {square} cannot move"
