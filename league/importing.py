"""Other people's games into a store: SGF and PDN with their moves, PGN and CSV as results."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tengen.errors import TengenError
from tengen.files import read_fault
from tengen.league.exchange import id_of_name, import_results
from tengen.league.notation import read_bytes
from tengen.league.played_records import NoResult, Played, played_records
from tengen.league.store import Store, StoredGame

RECORDS = (".sgf", ".sgf.gz", ".pdn", ".pdn.gz")
RESULTS = (".pgn", ".csv")
CHUNK = 1000  # games that are written at once
MOST_FAULTS = 1000  # that are kept to be shown


@dataclass
class Imported:
    """What came of an import, in games."""

    new: int = 0
    repeated: int = 0  # that the store had already, or that came twice
    ignored: int = 0  # without a result or a name
    illegal: int = 0  # whose moves cannot be played by our rules, or that cannot be read
    faults: list[str] = field(default_factory=list)  # FILE: game N: why it was left out

    def leave_out(self, where: str, why: Exception) -> None:
        """Count a game that is not taken over."""
        self.ignored += isinstance(why, NoResult)
        self.illegal += not isinstance(why, NoResult)
        self.note(f"{where}: {why}")

    def note(self, line: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(line)


def import_games(
    store: Store, paths: Iterable[Path | str], told: Callable[[str], None] = lambda file: None
) -> Imported:
    """Add the games of files, and of all such files in folders; `told` hears of the file at each game.

    SGF and PDN may be gzipped, and hold many games. Each is played through by our rules; one that breaks
    them, or has no result or no names, is left out. A game that the store has between the same players with
    the same moves, from wherever, is not added again. Players are those of the store who have the same names.
    Raises TengenError for a file named that cannot be read; one in a folder is counted as illegal, and said.
    """
    found = Imported()
    known: set[tuple[str, str, bytes]] | None = None
    for path, is_named in _files(paths):
        try:
            if not path.name.lower().endswith(RECORDS) and not _is_record(path):
                new, ignored = import_results(store, path)
                found.new, found.ignored = found.new + new, found.ignored + ignored
                continue
            if known is None:
                known = {_moves(game) for game in store.games() if game.actions and game.outcome is not None}
            _import_records(store, path, known, found, told)
        except TengenError as error:
            if is_named:
                raise
            found.illegal += 1
            found.note(str(error))
    return found


def _files(paths: Iterable[Path | str]) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it was named."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path, True
            continue
        inside = sorted(
            file
            for file in path.rglob("*")
            if file.name.lower().endswith((*RECORDS, *RESULTS)) and file.is_file()
        )
        if not inside:
            raise TengenError(f"{path}: no games in this folder; expected files of SGF, PDN, PGN or CSV")
        yield from ((file, False) for file in inside)


def _is_record(path: Path) -> bool:
    """Whether a file of any name holds SGF."""
    return not path.name.lower().endswith(RESULTS) and read_bytes(path)[:1000].lstrip().startswith(b"(")


def _import_records(
    store: Store,
    path: Path,
    known: set[tuple[str, str, bytes]],
    found: Imported,
    told: Callable[[str], None],
) -> None:
    ids = {name: id_ for id_, name in store.names().items()}
    event = f"import:{_digest_of(path)}"
    rows: list[StoredGame] = []
    offered, before = 0, found.new

    def write() -> None:
        found.new += store.add(rows)
        rows.clear()

    try:
        for number, game in enumerate(played_records(path), 1):
            told(str(path))
            if isinstance(game, TengenError):
                found.leave_out(f"{path}: game {number}", game)
                continue
            offered += 1
            row = _row(game, ids, event, number, path)
            moves = row.first_id, row.second_id, _packed(game.actions)
            if game.actions and moves in known:
                continue
            known.add(moves)
            rows.append(row)
            if len(rows) >= CHUNK:
                write()
    finally:
        write()
        found.repeated += offered - (found.new - before)


def _digest_of(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise read_fault(path, error) from None


def _row(game: Played, ids: dict[str, str], event: str, number: int, path: Path) -> StoredGame:
    first, second = (ids.get(name) or id_of_name(name) for name in game.names)
    content = _packed(game.actions).hex()[:24] if game.actions else f"{event}:{number}"
    return StoredGame(
        key=f"import:{first}:{second}:{content}",
        event=event,
        game=game.game,
        first=game.names[0],
        second=game.names[1],
        first_id=first,
        second_id=second,
        outcome=game.outcome,
        result=game.result,
        reason="rules" if game.is_over else "imported",
        actions=game.actions if game.is_whole and game.actions else None,
        details={"file": path.name, "number": number},
    )


def _moves(game: StoredGame) -> tuple[str, str, bytes]:
    return game.first_id, game.second_id, _packed(game.actions or ())


def _packed(actions: tuple[int, ...]) -> bytes:
    return hashlib.sha256(np.array(actions, "<i4").tobytes()).digest()
