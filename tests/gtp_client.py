"""A controller of two GTP engines, written from the protocol's specification alone; nothing of ours is in it.

python tests/gtp_client.py GAMES "black engine's command" "white engine's command"

It plays games in which the colours alternate, holds both engines to the protocol's form, and compares what
they say of the finished board.

G. Farneback, "Specification of the Go Text Protocol, version 2, draft 2", 2002.
"""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass

LETTERS = "ABCDEFGHJKLMNOPQRST"


class ProtocolError(Exception):
    """An engine that left the protocol."""


class GtpEngine:
    """One engine as a process; each command has an id, which the response must carry."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = command[0]
        self.number = 0

    def ask(self, command: str) -> tuple[bool, str]:
        """Whether it succeeded, and the text of the response."""
        self.number += 1
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{self.number} {command}\n")
        self.process.stdin.flush()
        lines: list[str] = []
        while True:
            line = self.process.stdout.readline()
            if not line.endswith("\n"):
                raise ProtocolError(f"{self.name}: its output ended within the response to '{command}'")
            if any(ord(c) < 32 and c not in "\t\n" for c in line):
                raise ProtocolError(f"{self.name}: control characters in the response to '{command}'")
            if line == "\n":
                break
            lines.append(line.rstrip("\n"))
        head = re.fullmatch(rf"([=?]){self.number}(?: (.*))?", lines[0] if lines else "")
        if not head:
            raise ProtocolError(f"{self.name}: '{command}' was answered with {lines[:1]}")
        return head[1] == "=", "\n".join([head[2] or "", *lines[1:]]).strip()

    def tell(self, command: str) -> str:
        """The response to a command that must succeed."""
        ok, text = self.ask(command)
        if not ok:
            raise ProtocolError(f"{self.name}: refused '{command}': {text}")
        return text

    def quit(self) -> None:
        """The engine must answer, and end by itself."""
        self.tell("quit")
        if self.process.wait(20) != 0:
            raise ProtocolError(f"{self.name}: ended with code {self.process.returncode}")
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()


@dataclass
class PlayedGame:
    """How a game ended. Scores are each engine's own words, in the order of the engines."""

    moves: list[tuple[str, str]]
    resigned: bool
    scores: tuple[str, str]


def play_game(engines: tuple[GtpEngine, GtpEngine], size: int, komi: str, first: int) -> PlayedGame:
    """One game in which engine number `first` is Black; it ends by two passes or a resignation."""
    for engine in engines:
        engine.tell(f"boardsize {size}")
        engine.tell("clear_board")
        engine.tell(f"komi {komi}")
    moves: list[tuple[str, str]] = []
    while len(moves) < 3 * size * size:
        color = ("black", "white")[len(moves) % 2]
        mover = engines[(first + len(moves)) % 2]
        other = engines[(first + len(moves) + 1) % 2]
        vertex = mover.tell(f"genmove {color}").lower()
        if vertex == "resign":
            return PlayedGame(moves, True, ("", ""))
        if vertex != "pass" and not (
            re.fullmatch(r"[a-hj-t][0-9]{1,2}", vertex)
            and LETTERS.index(vertex[0].upper()) < size
            and 1 <= int(vertex[1:]) <= size
        ):
            raise ProtocolError(f"{mover.name}: genmove was answered with '{vertex}'")
        other.tell(f"play {color} {vertex}")
        moves.append((color, vertex))
        if [move[1] for move in moves[-2:]] == ["pass", "pass"]:
            break
    scores = tuple(engine.tell("final_score") for engine in engines)
    for score in scores:
        if not re.fullmatch(r"0|[BW]\+[0-9]+(\.[0-9]+)?", score):
            raise ProtocolError(f"'{score}' is not a score")
    return PlayedGame(moves, False, (scores[0], scores[1]))


def winner_and_points(score: str) -> tuple[str, float]:
    """ "B+3.5" as ("B", 3.5); a draw as ("", 0.0)."""
    return ("", 0.0) if score == "0" else (score[0], float(score[2:]))


def main() -> int:
    games, commands = int(sys.argv[1]), [shlex.split(text) for text in sys.argv[2:4]]
    engines = (GtpEngine(commands[0]), GtpEngine(commands[1]))
    try:
        agreed = 0
        for number in range(games):
            game = play_game(engines, 9, "6.5", number % 2)
            same = not game.resigned and winner_and_points(game.scores[0]) == winner_and_points(
                game.scores[1]
            )
            agreed += same or game.resigned
            print(f"game {number + 1}: {len(game.moves)} moves, {game.scores}", flush=True)
            if not same:
                print(" ".join(vertex for _, vertex in game.moves), flush=True)
                for engine in engines:
                    print(engine.tell("showboard"), engine.tell("final_status_list dead"), flush=True)
        for engine in engines:
            engine.quit()
        print(f"{agreed} of {games} agree")
        return 0
    finally:
        for engine in engines:
            engine.kill()


if __name__ == "__main__":
    sys.exit(main())
