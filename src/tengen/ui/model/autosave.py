"""A game kept on disk after every move, so that whoever dies, it goes on."""

import contextlib
import fcntl
import itertools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.files import atomic_write_text
from tengen.league.notation import game_suffix
from tengen.ui.model.clock import GameClock
from tengen.ui.model.session import Seat, Session
from tengen.ui.model.tree import GameTree, Node


def games_folder() -> Path:
    """Where games are kept: XDG_DATA_HOME/tengen/games."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "tengen" / "games"


def session_json(session: Session, now: float) -> str:
    """All of a session, variations and clocks included."""
    tree = session.tree
    nodes = list(tree.nodes())
    index = {id(node): i for i, node in enumerate(nodes)}
    data: dict[str, Any] = {
        "format": 1,
        "game": session.game.name,
        "start": None if session.start is None else session.game.to_text(session.start),
        "seats": [[seat.spec, seat.label, seat.rating] for seat in session.seats],
        "parents": [index[id(node.parent)] if node.parent else -1 for node in nodes],
        "actions": [list(node.actions) for node in nodes],
        "values": [node.value for node in nodes],
        "comments": {str(i): node.comment for i, node in enumerate(nodes) if node.comment},
        "names": session.names,
        "tip": index[id(session.tip)],
        "ending": session.ending,
        "reason": session.reason,
        "dead": sorted(session.dead),
        "clock": session.clock.to_json(now) if session.clock else None,
        "is_over": session.is_over,
    }
    return json.dumps(data)


def session_from_json(text: str, game: Game) -> Session:
    """A session as `session_json` wrote it; nothing is believed that the rules forbid. Raises TengenError."""
    try:
        data = json.loads(text)
        if data["format"] != 1 or data["game"] != game.name:
            raise TengenError(f"a kept game of {data['game']} is not one of {game.name}")
        session = Session(game, [Seat(*map(str, seat)) for seat in data["seats"]])
        if len(session.seats) != 2:
            raise ValueError
        start = None if data["start"] is None else game.from_text(data["start"])
        session.start, session.tree = start, GameTree(game, start)
        nodes: list[Node] = [session.tree.root]
        for parent, actions, value in list(
            zip(data["parents"], data["actions"], data["values"], strict=True)
        )[1:]:
            session.tree.current = nodes[parent]
            nodes.append(session.tree.play([int(action) for action in actions]))
            nodes[-1].value = None if value is None else float(value)
        for number, comment in data.get("comments", {}).items():
            nodes[int(number)].comment = str(comment)
        if data.get("names"):
            first, second = map(str, data["names"])
            session.names = first, second
        session.tip = session.tree.go(nodes[data["tip"]])
        session.ending, session.reason = str(data["ending"]), str(data["reason"])
        session.dead = frozenset(int(point) for point in data["dead"])
        session.clock = GameClock.from_json(data["clock"]) if data["clock"] else None
    except TengenError as error:
        if str(error).startswith("a kept game"):
            raise
        raise TengenError(f"a kept game is damaged: {error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise TengenError("a kept game is damaged") from None
    return session


@dataclass(frozen=True)
class Kept:
    """An unfinished game that somebody left."""

    path: Path
    turns: int
    when: float  # seconds since 1970
    text: str


_count = itertools.count(1)


class AutoSave:
    """One game's files: NAME.json to go on from, and a record that other programs read."""

    def __init__(self, game: Game, folder: Path | None = None, name: str | None = None) -> None:
        self.folder = folder or games_folder()
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{next(_count):02d}"
        base = "".join(letter if letter.isalnum() else "-" for letter in game.name)
        self.name = name or f"{base}-{stamp}-{os.getpid()}"
        self.suffix = game_suffix(game)

        self._lock: IO[bytes] | None = None  # held as long as this program plays the game

    @property
    def record(self) -> Path:
        """The record's file."""
        return self.folder / f"{self.name}{self.suffix}"

    @property
    def state(self) -> Path:
        """The file to go on from; it is there as long as the game is unfinished."""
        return self.folder / f"{self.name}.json"

    def write(self, state: str, record: str, is_over: bool) -> None:
        """Put both on disk. Raises MachineError."""
        atomic_write_text(self.record, record)
        if is_over:
            self.state.unlink(missing_ok=True)
            self.close()
        else:
            atomic_write_text(self.state, state)
            if self._lock is None:
                self._lock = _locked(self.state)

    def close(self) -> None:
        """Let another program go on with the game."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            with contextlib.suppress(OSError):
                _lock_of(self.state).unlink(missing_ok=True)


def unfinished(game: Game, folder: Path | None = None) -> list[Kept]:
    """Unfinished games of this kind that no running program plays, the newest first."""
    found = []
    for path in (folder or games_folder()).glob("*.json"):
        try:
            lock = _locked(path)
            if lock is None:
                continue
            lock.close()
            text = path.read_text()
            data = json.loads(text)
            if data["game"] == game.name and not data["is_over"] and len(data["parents"]) > 1:
                found.append(Kept(path, len(data["parents"]) - 1, path.stat().st_mtime, text))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda kept: -kept.when)


def _lock_of(state: Path) -> Path:
    return state.with_name(f".{state.stem}.lock")


def _locked(state: Path) -> IO[bytes] | None:
    """A lock on a game, which falls with the program that holds it; None where another one does."""
    file = open(_lock_of(state), "ab")  # noqa: SIM115 - open as long as the game is played
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
