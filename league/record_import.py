"""Games of SGF, TOM, PDN and PGN files, and of archives of them, as a data set takes them.

The files are read here, in a stream; replaying the games, which takes most of the time, is for as many
processes as are wanted. What comes of a game does not depend on their number, nor does the order.
"""

import hashlib
import math
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tengen.agents.engines.uci_wire import value_of_centipawns
from tengen.envs.game import Game
from tengen.errors import MachineError, TengenError
from tengen.files import read_fault
from tengen.league.archives import Stream, members
from tengen.league.go_import import LONGEST_LINE, TOM_LINE, read_go
from tengen.league.record_filters import Filters, LeftOut
from tengen.league.records import format_of
from tengen.league.wave import replay
from tengen.selfplay.records import NO_RESULT, DatasetWriter, Recorded, Source

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

OUTCOMES = {"1-0": 1, "0-1": -1, "1/2-1/2": 0}
FAMILIES = {"sgf": "go", "tom": "go", "pdn": "checkers", "pgn": "chess"}
SUFFIXES = (".sgf", ".pdn", ".pgn")
BLOCK = 1 << 20
TOGETHER = 128  # games that a process is given at once
WORTH_PROCESSES = 1 << 20  # bytes of a file below which others would take longer to start
MOST_GAME = 4 << 20  # bytes of an SGF
MOST_EXAMPLES = 10


class Piece(NamedTuple):
    """A game as it stands in a file: bytes, a read PDN or PGN, or why there is none."""

    form: str
    where: str
    game: Any


# --- reading files ----------------------------------------------------------------------------------------


def pieces(path: Path, family: str, source: Source) -> Iterator[Piece]:
    """Every game of a file or archive.

    Raises TengenError where it cannot be read, or is not of `family`, unless that is empty.
    """
    for name, stream in members(path):
        is_alone = path.name.lower() in (name.lower(), f"{name}.gz".lower(), f"{name}.zst".lower())
        try:
            form = form_of(stream.head, name)
        except TengenError as error:
            if is_alone:
                raise TengenError(f"{path}: {str(error).removeprefix(f'{name}: ')}") from None
            if PurePath(name).suffix.lower() in SUFFIXES:
                yield Piece("", name, LeftOut("unreadable", str(error).removeprefix(f"{name}: ")))
            else:
                source.other_files += 1
            continue
        if family and FAMILIES[form] != family:
            raise TengenError(f"{path}: holds {FAMILIES[form]}, and the data set is of {family}")
        found = _split(form, stream)
        number = 0
        while True:
            number += 1
            where = f"{name}: game {number}"
            try:
                game = next(found)
            except StopIteration:
                break
            except TengenError as error:
                if str(error).startswith(f"{path}: "):
                    raise  # of the archive itself
                yield Piece("", where, LeftOut("unreadable", str(error)))
                break
            yield Piece(form, where, game)


def form_of(head: bytes, name: str) -> str:
    """ "sgf", "tom", "pdn" or "pgn". Raises TengenError."""
    if TOM_LINE.match(head):
        return "tom"
    return format_of(head, PurePath(name))


def _split(form: str, stream: Stream) -> Iterator[Any]:
    if form == "sgf":
        from tengen.envs.go.sgf import split_sgf_collection

        return split_sgf_collection(stream, MOST_GAME)
    if form == "tom":
        return _lines(stream)
    if form == "pgn":
        from tengen.envs.chess.pgn import iter_pgn

        return iter_pgn(stream)  # type: ignore[arg-type]
    from tengen.envs.checkers.pdn import iter_pdn

    return iter_pdn(stream)  # type: ignore[arg-type]


def _lines(stream: Stream) -> Iterator[bytes]:
    """Lines that are not empty; of one that is too long, its beginning."""
    rest = b""
    is_cut = False
    while chunk := stream.read(BLOCK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip() and not is_cut:
                yield line
            is_cut = False
        if len(rest) > LONGEST_LINE:
            if not is_cut:
                yield rest[: LONGEST_LINE + 1]
            rest, is_cut = b"", True
    if rest.strip() and not is_cut:
        yield rest


# --- replaying games --------------------------------------------------------------------------------------


def read_piece(piece: Piece, game: Game, filters: Filters) -> Recorded | LeftOut:
    """The game, replayed by the rules, or why it is left out."""
    try:
        if isinstance(piece.game, LeftOut):
            return piece.game
        if piece.form in ("sgf", "tom"):
            return read_go(piece.form, piece.game, game, filters)  # type: ignore[arg-type]
        read = _read_chess if piece.form == "pgn" else _read_checkers
        recorded = _cut(read(piece.game, game, filters), game)
        filters.check_length(len(recorded.actions))
        return recorded
    except LeftOut as error:
        return error
    except TengenError as error:
        return LeftOut("faulty", str(error))


def _read_checkers(record: Any, game: Game, filters: Filters) -> Recorded:
    from tengen.envs.checkers.pdn import play_through, start_of

    outcome = _outcome(record, filters)
    _, actions, _ = play_through(record)
    if not np.array_equal(start_of(record), game.new_states(1)):
        raise LeftOut("other start or rules", "it begins from a position of its own")
    return Recorded(tuple(actions), outcome)


def _read_chess(record: Any, game: Game, filters: Filters) -> Recorded:
    from tengen.envs.chess.pgn import evals_of, play_through, start_of

    outcome = _outcome(record, filters)
    if "FEN" in record.tags and not np.array_equal(start_of(record, game), game.new_states(1)):  # type: ignore[arg-type]
        raise LeftOut("other start or rules", "it begins from a position of its own")
    _, actions, _ = play_through(record)
    evals = evals_of(record)
    values = []
    for turn in range(1, len(actions) + 1 if evals else 1):
        white = evals.get(turn, math.nan)
        value = white if math.isnan(white) else value_of_centipawns(white)
        values.append(value if turn % 2 else -value)
    return Recorded(tuple(actions), outcome, tuple(values))


def _outcome(record: Any, filters: Filters) -> int:
    filters.check_date(record.tags.get("Date", "").replace(".", "-"))
    outcome = OUTCOMES.get(record.result)
    if outcome is None and not filters.any_result:
        raise LeftOut("no result", f"it has the result '{record.result}'")
    return NO_RESULT if outcome is None else outcome


def _cut(recorded: Recorded, game: Game) -> Recorded:
    """The game up to where its rules end it, though the players went on."""
    state = game.new_states(1)
    for ply, action in enumerate(recorded.actions):
        if state["terminal"][0]:
            return Recorded(recorded.actions[:ply], recorded.outcome, recorded.values[:ply])
        replay(game, state, (action,))
    return recorded


# --- into a data set --------------------------------------------------------------------------------------


def import_file(
    writer: DatasetWriter, path: Path, filters: Filters | None = None, *, processes: int = 1
) -> Iterator[Source]:
    """Take the games of a file into a data set; yields what has become of them after each game.

    Raises TengenError where the file cannot be read, or holds no game at all.
    """
    filters = filters or Filters()
    source = Source(path.name)
    writer.sources.append(source)
    _digest(path, source)
    found = pieces(path, writer.game.family, source)
    with ExitStack() as stack:
        if processes > 1 and source.bytes >= WORTH_PROCESSES:
            results = _in_processes(found, writer.game, filters, processes, stack)
        else:
            results = ((piece.where, read_piece(piece, writer.game, filters)) for piece in found)
        for where, result in results:
            source.games += 1
            if isinstance(result, LeftOut):
                source.left_out += 1
                source.reasons[result.reason] = source.reasons.get(result.reason, 0) + 1
                if (
                    result.reason in ("illegal", "unreadable", "faulty")
                    and len(source.examples) < MOST_EXAMPLES
                ):
                    source.examples.append(f"{where}: {result}")
            elif writer.add(result):
                source.kept += 1
            else:
                source.doubles += 1
            yield source
    if not source.games:
        raise TengenError(f"{path}: holds no game; expected SGF, PDN, PGN or lines of TOM games in it")


def _digest(path: Path, source: Source) -> None:
    try:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(BLOCK):
                digest.update(chunk)
                source.bytes += len(chunk)
        source.sha256 = digest.hexdigest()
    except OSError as error:
        raise read_fault(path, error) from None


Result = tuple[str, Recorded | LeftOut]


def _in_processes(
    found: Iterable[Piece], game: Game, filters: Filters, processes: int, stack: ExitStack
) -> Iterator[Result]:
    """What becomes of every piece, in order; few wait at a time, so that memory stays flat."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")  # a fork would inherit other threads' locks
    pool: Executor = ProcessPoolExecutor(processes, context, _begin, (game, filters))
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    pieces_left = iter(found)
    waiting: deque[Future[list[Result]]] = deque()
    try:
        while True:
            while len(waiting) < 3 * processes and (chunk := list(islice(pieces_left, TOGETHER))):
                waiting.append(pool.submit(_read_chunk, chunk))
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise MachineError("a process that replays games died; --processes 1 does without") from None


_here: tuple[Game, Filters]


def _begin(game: Game, filters: Filters) -> None:
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked for the games
    _here = game, filters


def _read_chunk(chunk: list[Piece]) -> list[Result]:
    return [(piece.where, read_piece(piece, *_here)) for piece in chunk]
