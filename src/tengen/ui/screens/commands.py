"""What each action on the board does: one method an action, `do_NAME`."""

from typing import TYPE_CHECKING

from tengen.errors import IllegalMove
from tengen.ui.model.keys import ACTIONS
from tengen.ui.screens.dialogs import Choice, Prompt
from tengen.ui.screens.table_commands import TableCommands
from tengen.words import did_you_mean

if TYPE_CHECKING:
    from tengen.ui.thinking.table import Table


class Commands(TableCommands):
    """The actions of a game screen."""

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
            raise IllegalMove(table.face.why_not(state, self.cursor))
        self.picked = [*self.picked, self.cursor]
        paths = {tuple(table.face.path(state, turn)) for turn in turns}
        if len(self.picked) > 1 and len(paths) == 1 and len(next(iter(paths))) == len(self.picked):
            self.picked = []
            self._play_one_of(turns)

    def _play_one_of(self, turns: list[list[int]]) -> None:
        """Play a turn; of several that go the same way, as promotions do, the one that is chosen."""
        table = self.table
        if len(turns) == 1:
            table.play(turns[0])
            return
        names = table.face.choices(table.session.tree.current.state, turns)

        def play(index: int) -> None:
            table.play(turns[index])

        self.ask(Choice("Promote to", names), play)

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
        hint = "a move such as " + {"go": "D4", "checkers": "11-15", "chess": "Nf3"}.get(
            self.table.game.family, "4"
        )
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
            state = self.table.session.tree.current.state
            self.table.play_words(self.table.face.meant(text, state))
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
        player = session.human_side
        if player is None:  # of two at one keyboard, whoever was asked answers
            player = session.tip.to_play if session.offer is None else 1 - session.offer
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
        if not self.table.session.tree.vary(1):
            raise IllegalMove("no other variation begins here; * marks the moves where one does")
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
            if not session.dead:
                raise IllegalMove("nothing looks dead")
        table.keep()
        table.refresh()

    def do_review(self) -> None:
        """The moves that cost most."""
        from tengen.ui.screens.review import ReviewScreen

        line = self.table.session.game_or_variation()
        if len(line) < 2:
            raise IllegalMove("there is no move to review yet")
        self.table.shown.analysis = False
        self.table.refresh()
        self.ask(ReviewScreen(self.table, line), self.table.go)


def _checked(table: "Table", turn: list[int]) -> list[int]:
    """The turn, once the game's own parser has nothing against it: it says why a move is illegal."""
    state = table.session.tree.current.state
    return table.game.parse_turn(state, table.game.format_turn(state, turn))
