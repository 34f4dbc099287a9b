"""A scripted program of GTP, Hub or UCI until it misbehaves: python bad_engine.py MARK FAULT [WORD...]

MARK is there to find its processes again. It is run without anything but the standard library.
"""

import os
import signal
import sys
import time

COMMANDS = (
    "list_commands boardsize komi clear_board play genmove quit final_status_list time_settings time_left"
)
COLUMNS = "ABCDEFGHJ"
TEN_MEGABYTES = 10 << 20


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def wait_forever() -> None:
    while True:
        signal.pause()


def leave_children(kinds: tuple[bool, ...]) -> None:
    """A child, or one in a session of its own that lost its parent; deaf to polite signals."""
    for detached in kinds:
        child = os.fork()
        if child == 0:
            if detached:
                os.setsid()
                if os.fork():
                    os._exit(0)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            wait_forever()
        if detached:
            os.waitpid(child, 0)  # it has left its own behind


class Gtp:
    """Plays the first free point, A1 upwards, and misbehaves at a move or at once."""

    def __init__(self, fault: str, words: list[str]) -> None:
        self.fault, self.words = fault, words
        self.moves = 0
        self.stones: set[str] = set()
        self.log = open(words[0], "a") if fault == "log" else None  # noqa: SIM115

    def run(self) -> None:
        if self.fault == "deaf":
            wait_forever()
        if self.fault == "stillborn":
            sys.stderr.write("no weights found\n")
            sys.exit(1)
        if self.fault == "slow":
            time.sleep(0.2)
        if self.fault == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.fault in ("forks", "forks and leaves"):
            leave_children((False, True))
        if self.fault == "a child":
            leave_children((False,))
        for line in sys.stdin:
            if self.log:
                self.log.write(line)
                self.log.flush()
            number, name, *arguments = line.split()
            if name == "quit" and self.fault == "stubborn":
                wait_forever()
            answer = self.answer(name, arguments)
            if self.fault == "wrong number" and name == "genmove":
                number = "999999"
            say(f"={number} {answer}\n\n" if answer is not None else f"?{number} unacceptable\n\n")
            if name == "quit":
                return
        wait_forever() if self.fault == "stubborn" else None

    def answer(self, name: str, arguments: list[str]) -> str | None:
        if name == "list_commands":
            known = COMMANDS.split() + ["name", "version"] * (self.fault == "versioned")
            return "\n".join(known if self.fault != "no genmove" else [w for w in known if w != "genmove"])
        if name == "boardsize" and self.fault == "small boards" and int(arguments[0]) > 7:
            return None
        if name == "name":
            return "Script"
        if name == "version":
            with open(os.path.join(self.words[0], "version")) as file:
                return file.read().strip()
        if name == "clear_board":
            self.stones.clear()
        elif name == "play":
            self.stones.add(arguments[1].upper())
        elif name == "genmove":
            self.moves += 1
            return self.genmove(arguments[0])
        elif name == "final_status_list":
            return "A1 Z9" if self.fault == "false witness" else " ".join(self.words)
        return ""

    def genmove(self, color: str) -> str:
        free = (f"{column}{row}" for row in range(1, 10) for column in COLUMNS)
        point = next(point for point in free if point not in self.stones)
        if self.moves == 2:
            point = self.misbehave(color, point)
        self.stones.add(point)
        return point

    def misbehave(self, color: str, point: str) -> str:
        if self.fault == "hangs":
            wait_forever()
        if self.fault in ("exits", "forks and leaves"):
            sys.exit(0)
        if self.fault == "fails":
            sys.stderr.write("assertion failed: liberties > 0\n")
            sys.exit(3)
        if self.fault == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.fault == "garbage":
            say("\x1b[31mmove? what move\x00\n")
        if self.fault == "one long line":
            say("=" + "x" * TEN_MEGABYTES + "\n\n")
        if self.fault == "many lines":
            say("= D4\n" + "more and more\n" * (TEN_MEGABYTES // 14))
        if self.fault == "stderr":
            sys.stderr.write("thinking hard\n" * (TEN_MEGABYTES // 14))
        if self.fault == "eats memory":
            self.stones.add("x" * (1 << 30))
        if self.fault == "late":
            time.sleep(0.7)
        return {
            "illegal": next(iter(self.stones)),
            "off the board": "Z25",
            "prose": "I would play D4",
            "other colour": f"{'white' if color == 'b' else 'black'} {point}",
            "resigns": "resign",
            "passes": "PASS",
        }.get(self.fault, point)


def hub(fault: str, words: list[str]) -> None:
    """Answers each search with the next of the words; checks that each position has come with its moves."""
    searches = 0
    for line in sys.stdin:
        name = line.split()[0]
        if name == "hub":
            values = "normal frisian" if fault == "hub international" else "normal english"
            say('id name=Script version=1.0 author="No One"\n')
            say(f'param name=variant value=normal type=enum values="{values}"\nwait\n')
        elif name == "init":
            say('info string="tables made"\nready\n')
        elif name == "pos":
            played = line.partition('moves="')[2].rstrip('"\n').split()
            single = line.partition("moves=")[2].split()
            sent = len(played) or len(single)
        elif name == "go":
            assert sent == 2 * searches, (sent, searches)
            say('info depth=3 score=0.10 pv="11-15 23-19"\n')
            move = words[searches]
            if fault == "hub error":
                say('error message="no such position"\n')
            say(f"done move={move} ponder=1-5\n")
            searches += 1
        elif name == "quit":
            return


UCI_OPTIONS = (
    "UCI_LimitStrength type check default false",
    "UCI_Elo type spin default 1350 min 1350 max 2850",
    "Skill Level type spin default 20 min 0 max 20",
    "Threads type spin default 1 min 1 max 64",
    "Hash type spin default 16 min 1 max 1024",
    "Clear Hash type button",
    "Style type combo default Solid var Solid var Very Risky",
    "Ponder type check default false",
    "Book File type string default <empty>",
)


class Uci:
    """Drops stones in the first column that has room, as xa or oa; misbehaves at its second go."""

    def __init__(self, fault: str, words: list[str]) -> None:
        self.fault, self.searches = fault, 0
        self.moves: list[str] = []
        self.log = open(words[0], "a") if words else None  # noqa: SIM115

    def run(self) -> None:
        if self.fault == "uci deaf":
            wait_forever()
        if self.fault == "uci slow":
            time.sleep(0.2)
        say("Scripted engine 0.1, without warranty\n")
        for line in sys.stdin:
            if self.log:
                self.log.write(line)
                self.log.flush()
            name, *arguments = line.split()
            if name == "uci":
                say("id name Script 1.2\nid author No One\n\n")
                say("".join(f"option name {option}\n" for option in UCI_OPTIONS))
                say("option name Broken type matter\n" if self.fault == "uci odd option" else "uciok\n")
            elif name == "isready":
                say("readyok\n")
            elif name == "position":
                self.moves = arguments[arguments.index("moves") + 1 :] if "moves" in arguments else []
            elif name == "go":
                self.searches += 1
                say("info depth 1 score cp 13 pv xa ob\ninfo string all is well\n")
                say(f"bestmove {self.move()} ponder oa\n")
            elif name == "quit":
                return

    def move(self) -> str:
        columns = [move[1] for move in self.moves]
        move = "xo"[len(self.moves) % 2] + next(c for c in "abcdefg" if columns.count(c) < 6)
        if self.searches != 2:
            return move
        if self.fault == "uci hangs":
            wait_forever()
        if self.fault == "uci exits":
            sys.exit(0)
        if self.fault == "uci crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.fault == "uci garbage":
            say("\x1b[31mmove? what move\x00\n")
        if self.fault == "uci one long line":
            say("info string " + "x" * TEN_MEGABYTES + "\n")
        if self.fault == "uci many lines":
            say("info depth 1\n" * 110_000)
        if self.fault == "uci late":
            time.sleep(0.7)
        if self.fault == "uci out of turn":
            say("readyok\n")
        return {
            "uci illegal": f"{move[0]}{columns[0]}",
            "uci prose": "I would play a",
            "uci no move text": "e2e4",
            "uci other colour": f"{'o' if move[0] == 'x' else 'x'}a",
            "uci none": "(none)",
            "uci null": "0000",
        }.get(self.fault, move)


if __name__ == "__main__":
    _, mark, fault, *words = sys.argv
    if fault.startswith("hub"):
        hub(fault, words)
    else:
        (Uci if fault.startswith("uci") else Gtp)(fault, words).run()
