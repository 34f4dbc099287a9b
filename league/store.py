"""Finished games on disk: one SQLite row a game, there for good once `add` returns."""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from tengen.errors import TengenError
from tengen.files import disk_faults
from tengen.league.ratings import Result
from tengen.league.store_faults import StoreFaults

APPLICATION = 0x54656E47  # "TenG", in the file's header: what tells a store from any other database
LAYOUT = 1  # the number of the layout below
WAIT_S = 30.0  # for another process that is writing

SCHEMA = """
CREATE TABLE games (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,      -- the scheduled game: no game is counted twice
    event TEXT NOT NULL,           -- what it belongs to: a tournament's settings, a run, a file
    game TEXT NOT NULL,
    first TEXT NOT NULL,           -- of player 0, who moves first
    second TEXT NOT NULL,
    first_id TEXT NOT NULL,        -- content hash: the same name may stand for another network later
    second_id TEXT NOT NULL,
    outcome INTEGER,               -- player 0's: 1, 0, -1 (NULL: void, not to be rated)
    result TEXT NOT NULL,          -- in the game's own words
    reason TEXT NOT NULL,          -- how it ended
    opening_plies INTEGER NOT NULL,
    actions BLOB,                  -- i4, the opening's included (NULL where only the result is known)
    seconds BLOB,                  -- f4, what each ply took
    fingerprint TEXT NOT NULL,     -- alike for games whose moves are alike
    seed INTEGER NOT NULL,
    details TEXT NOT NULL,         -- JSON: versions, raw score, what an engine said last
    ended REAL NOT NULL            -- seconds since 1970
);
CREATE INDEX games_by_event ON games (event);
CREATE TABLE openings (event TEXT NOT NULL, number INTEGER NOT NULL, actions BLOB NOT NULL,
    PRIMARY KEY (event, number));
"""


@dataclass(frozen=True)
class StoredGame:
    """A finished game. Player 0 moves first; outcome is player 0's, None where the game is void."""

    key: str
    event: str
    game: str
    first: str
    second: str
    first_id: str
    second_id: str
    outcome: int | None
    result: str = ""
    reason: str = "rules"
    opening_plies: int = 0
    actions: tuple[int, ...] | None = None
    seconds: tuple[float, ...] = ()
    seed: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    ended: float = 0.0  # 0: now

    @property
    def fingerprint(self) -> str:
        """Equal for games of the same moves and end; what a fault or the time ended is one of a kind."""
        if self.actions is None or self.reason not in ("rules", "ply cap", "resignation", "agreed"):
            return self.key
        moves = np.array(self.actions, "<i4").tobytes()
        given_up = self.reason.encode() if self.reason in ("resignation", "agreed") else b""
        return hashlib.sha256(moves + given_up).hexdigest()[:24]


class Outcome(NamedTuple):
    """A finished game in short."""

    number: int  # rises with every game of the store
    key: str
    first_id: str
    second_id: str
    outcome: int | None
    fingerprint: str
    reason: str
    disagrees: bool  # the referee's dead stones changed who won
    referee_failed: bool  # and the bare board was scored


class Store:
    """A file of finished games that several processes may write to. A context manager.

    Raises TengenError where the file is no store or is damaged, MachineError where the machine refuses (disk
    full, no permission, another process that keeps it locked).
    """

    def __init__(
        self, path: Path, *, wait_s: float = WAIT_S, check: bool = True, writes: bool = True
    ) -> None:
        """Use `open`."""
        self.path = path
        self.wait_s = wait_s
        with self._faults():
            self._base = self._connect("mode=rwc" if writes else _reading(path))
            try:
                self._prepare(check)
            except BaseException:
                self._base.close()
                raise

    @classmethod
    def open(
        cls, path: Path | str, *, create: bool = True, wait_s: float = WAIT_S, check: bool = True
    ) -> Self:
        """Open a store to read and write, and make it where there is none.

        create=False: it has to be there, and may be where nothing can be written. check: look through the
        whole file for damage.
        """
        path = Path(path)
        if path.is_dir():
            raise TengenError(f"{path}: is a folder, not a store of games; name a file in it")
        if not path.exists() or (not create and path.is_file() and not path.stat().st_size):
            if not create:
                raise TengenError(f"{path}: there is no such store; 'tengen tournament' makes one")
            with disk_faults(path, "make the folder of the store"):
                path.parent.mkdir(parents=True, exist_ok=True)
        writes = create or (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK))
        return cls(path, wait_s=wait_s, check=check, writes=writes)

    def _connect(self, how: str) -> sqlite3.Connection:
        place = f"{self.path.absolute().as_uri()}?{how}"
        return sqlite3.connect(place, uri=True, timeout=self.wait_s, isolation_level=None)

    def _prepare(self, check: bool) -> None:
        base = self._base
        tables = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("BEGIN IMMEDIATE")  # two processes may be making it at once
            if not base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in SCHEMA.split(";"):
                    base.execute(statement)
                base.execute(f"PRAGMA application_id = {APPLICATION}")
                base.execute(f"PRAGMA user_version = {LAYOUT}")
            base.execute("COMMIT")
        if base.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise TengenError(f"{self.path}: is a database of another program, not a store of games")
        layout = base.execute("PRAGMA user_version").fetchone()[0]
        if layout != LAYOUT:
            raise TengenError(
                f"{self.path}: has layout {layout} and this Tengen knows {LAYOUT}; "
                "open it with the Tengen that wrote it, and export and import its games"
            )
        if check:
            found = base.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found.splitlines()[0])
        base.execute("PRAGMA synchronous = FULL")  # a commit is on the disk before it returns

    # --- writing ------------------------------------------------------------------------------------------

    def add(self, games: StoredGame | Iterable[StoredGame]) -> int:
        """Append games, all or none, and wait for the disk; returns how many were not there before."""
        rows = [_row(game) for game in ([games] if isinstance(games, StoredGame) else games)]
        marks = ", ".join("?" * len(COLUMNS))
        insert = f"INSERT OR IGNORE INTO games ({', '.join(COLUMNS)}) VALUES ({marks})"
        return self._write(insert, rows)

    def save_openings(self, event: str, openings: Iterable[Iterable[int]]) -> None:
        """Keep the openings of an event, unless it has some already."""
        rows = [(event, k, np.array([*o], "<i4").tobytes()) for k, o in enumerate(openings)]
        self._write("INSERT OR IGNORE INTO openings VALUES (?, ?, ?)", rows)

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> int:
        with self._faults():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                before = self._base.total_changes
                self._base.executemany(statement, rows)
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise
            return self._base.total_changes - before

    # --- reading ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        with self._faults():
            return int(self._base.execute("SELECT count(*) FROM games").fetchone()[0])

    def outcomes(self, event: str, after: int = 0) -> list[Outcome]:
        """What came of every game of an event with a number above `after`, in order: without the moves."""
        query = """SELECT number, key, first_id, second_id, outcome, fingerprint, reason,
            json_extract(details, '$.disagrees') IS NOT NULL,
            json_extract(details, '$.referee_fault') IS NOT NULL FROM games
            WHERE event = ? AND number > ? ORDER BY number"""
        with self._faults():
            return [Outcome(*row) for row in self._base.execute(query, (event, after))]

    def games(self, event: str | None = None) -> Iterator[StoredGame]:
        """Every game in the order in which they ended, of one event or of all, void and repeated ones too."""
        where, values = ("WHERE event = ?", (event,)) if event is not None else ("", ())
        query = f"SELECT {', '.join(COLUMNS)} FROM games {where} ORDER BY number"
        with self._faults():
            for row in self._base.execute(query, values):
                yield _game(row)

    def openings(self, event: str) -> list[list[int]]:
        """The openings kept for an event, in order."""
        query = "SELECT actions FROM openings WHERE event = ? ORDER BY number"
        with self._faults():
            return [np.frombuffer(row[0], "<i4").tolist() for row in self._base.execute(query, (event,))]

    def results(self, event: str | None = None) -> list[Result]:
        """What ratings are made of: first mover against second, void games and repeated ones left out.

        Players that share a name but not a content hash are told apart by its first digits.
        """
        where, values = ("AND event = ?", (event,)) if event is not None else ("", ())
        query = f"""SELECT first_id, second_id, sum(outcome > 0), sum(outcome = 0), sum(outcome < 0) FROM (
            SELECT first_id, second_id, outcome FROM games WHERE outcome IS NOT NULL {where}
            GROUP BY first_id, second_id, fingerprint) GROUP BY first_id, second_id"""
        with self._faults():
            names = self.names()
            return [
                Result(names[first], names[second], wins, draws, losses)
                for first, second, wins, draws, losses in self._base.execute(query, values)
            ]

    def repeats(self, event: str | None = None) -> int:
        """Games whose every move another game of the same players had before; `results` counts them once."""
        where, values = ("AND event = ?", (event,)) if event is not None else ("", ())
        query = f"""SELECT count(*), count(DISTINCT first_id || ' ' || second_id || ' ' || fingerprint)
            FROM games WHERE outcome IS NOT NULL {where}"""
        with self._faults():
            games, distinct = self._base.execute(query, values).fetchone()
        return int(games - distinct)

    def names(self) -> dict[str, str]:
        """Content hash -> the name that the player went by last, made unique."""
        query = """SELECT id, name, max(number) FROM (
            SELECT first_id AS id, first AS name, number FROM games
            UNION ALL SELECT second_id, second, number FROM games) GROUP BY id"""
        with self._faults():
            found = {row[0]: row[1] for row in self._base.execute(query)}
        names = list(found.values())
        return {id_: name if names.count(name) == 1 else f"{name} #{id_[:6]}" for id_, name in found.items()}

    # --- the end ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _faults(self) -> StoreFaults:
        return StoreFaults(self.path, self.wait_s)


COLUMNS = (
    *("key", "event", "game", "first", "second", "first_id", "second_id", "outcome", "result", "reason"),
    *("opening_plies", "actions", "seconds", "fingerprint", "seed", "details", "ended"),
)


def _row(game: StoredGame) -> tuple[Any, ...]:
    actions = None if game.actions is None else np.array(game.actions, "<i4").tobytes()
    return (
        *(game.key, game.event, game.game, game.first, game.second, game.first_id, game.second_id),
        *(game.outcome, game.result, game.reason, game.opening_plies, actions),
        *(np.array(game.seconds, "<f4").tobytes(), game.fingerprint, game.seed),
        *(json.dumps(game.details, ensure_ascii=False), game.ended or time.time()),
    )


def _game(row: tuple[Any, ...]) -> StoredGame:
    values = dict(zip(COLUMNS, row, strict=True))
    del values["fingerprint"]
    blob = values["actions"]
    values["actions"] = None if blob is None else tuple(np.frombuffer(blob, "<i4").tolist())
    values["seconds"] = tuple(np.frombuffer(values["seconds"], "<f4").tolist())
    values["details"] = json.loads(values["details"])
    return StoredGame(**values)


def _reading(path: Path) -> str:
    """How to open a store where nothing can be written; SQLite wants files beside one that may change."""
    log = path.with_name(f"{path.name}-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
