"""A game between people and agents, by lines of text."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tengen.agents.base import RESIGN
from tengen.envs.position import Position
from tengen.errors import IllegalMove, TengenError
from tengen.files import atomic_write_text
from tengen.league.notation import game_text

if TYPE_CHECKING:
    from tengen.agents.base import Agent

HELP = """\
a move       in the game's notation (type 'moves' to see them)
moves        the legal moves
hint         what the agent would play here
undo         take back your last move and the answer to it
board        show the board again
save FILE    write the game so far
resign       give the game up
quit         leave"""


class Session:
    """One game at the keyboard; `agents` holds None where a person plays."""

    def __init__(
        self,
        position: Position,
        agents: "tuple[Agent | None, Agent | None]",
        names: tuple[str, str],
        hinter: "Callable[[], Agent]",
    ) -> None:
        """`hinter` makes the agent that gives hints where no agent plays; it is called at the first hint."""
        self.position, self.game = position, position.game
        self.agents, self.names = agents, names
        self._hinter = hinter
        self._sides = (self.game.first_player, self.game.second_player)
        self._resigned: int | None = None  # the player who gave up
        self._restart_agents()

    @property
    def result(self) -> str:
        """In the game's own words; "" while it goes on."""
        if self._resigned is None:
            return self.game.describe_result(self.position.state)
        if self.game.family == "go":
            return f"{'WB'[self._resigned]}+R"
        return f"{self._sides[1 - self._resigned]} wins"

    def play(self) -> None:
        """Go on until the game is over, `quit`, or the end of the input."""
        print(self.position)
        while not self.position.is_terminal and self._resigned is None:
            if self.agents[self.position.to_play] is not None:
                self._agent_moves()
            elif not self._person_moves():
                print(f"the game is left after {len(self.position.actions)} plies")
                return
        print(f"result: {self.result}")

    def save(self, path: str) -> None:
        """Write the game so far. Raises MachineError if that cannot be."""
        atomic_write_text(path, game_text(self.game, self.position, self.names, self.result))
        print(f"saved to {path}")

    def _agent_moves(self) -> None:
        player = self.position.to_play
        agent = self.agents[player]
        assert agent is not None
        words = self._choose_turn(agent, self.position)
        if words == "resign":
            self._resigned = player
        print(f"{self._sides[player]} ({self.names[player]}): {words}")
        print(self.position)

    def _choose_turn(self, agent: "Agent", position: Position) -> str:
        """Let the agent play a whole turn; returns it in notation."""
        player, before, begin = position.to_play, position.state.copy(), len(position.actions)
        while position.to_play == player and not position.is_terminal:
            if agent.needs_history:
                agent.follow(0, position.start, position.actions)
            action = int(agent.choose(position.state.copy(), np.zeros(1, np.int64))[0])
            if action == RESIGN:
                return "resign"
            position.apply(action)
        return self.game.format_turn(before, position.actions[begin:])

    def _person_moves(self) -> bool:
        """Read lines until one changes the game; False if the person leaves."""
        while True:
            try:
                line = input(f"{self._sides[self.position.to_play]} to move> ").strip()
            except EOFError:
                print()
                return False
            if not sys.stdin.isatty():
                print(line)  # so that a script's transcript reads like a conversation
            word, _, rest = line.partition(" ")
            try:
                if word.lower() in ("quit", "exit"):
                    return False
                if self._command(word.lower(), rest.strip()):
                    return True
                if line and word.lower() not in COMMANDS:
                    self.position.play(line)
                    print(self.position)
                    return True
            except (TengenError, UnicodeError) as error:
                print(error)

    def _command(self, word: str, rest: str) -> bool:
        """Obey a command; whether it changed the game. Unknown words are left to be moves."""
        if word == "undo":
            self._undo()
            print(self.position)
            return True
        if word == "resign":
            self._resigned = self.position.to_play
            return True
        if word == "help":
            print(HELP)
        elif word == "board":
            print(self.position)
        elif word == "moves":
            turns = self.position.legal_turns()
            print(" ".join(self.game.format_turn(self.position.state, turn) for turn in turns))
        elif word == "hint":
            copy = Position(self.game, self.position.state)
            print(f"hint: {self._choose_turn(self._hint_agent(), copy)}")
            self._restart_agents()
        elif word == "save":
            if not rest:
                raise TengenError("save needs a file name: save game.sgf")
            self.save(rest)
        return False

    def _hint_agent(self) -> "Agent":
        agent = self.agents[0] or self.agents[1] or self._hinter()
        self._hinter = lambda: agent  # kept for the next hint
        agent.start(self.game, 1)
        return agent

    def _undo(self) -> None:
        """Go back to where a person was last asked for a move."""
        movers = self._movers()
        person = [self.agents[player] is None for player in movers]
        starts = [i for i, player in enumerate(movers) if person[i] and (i == 0 or movers[i - 1] != player)]
        if not starts:
            raise IllegalMove("there is no move of yours to take back")
        while len(self.position.actions) > starts[-1]:
            self.position.undo()
        self._restart_agents()

    def _movers(self) -> list[int]:
        """Who played each action."""
        copy = Position(self.game, self.position.start)
        movers = []
        for action in self.position.actions:
            movers.append(copy.to_play)
            copy.apply(action)
        return movers

    def _restart_agents(self) -> None:
        for agent in self.agents:
            if agent is not None:
                agent.start(self.game, 1)


COMMANDS = ("", "undo", "resign", "help", "board", "moves", "hint", "save")
