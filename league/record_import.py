"""Games of SGF, PDN and PGN files as a data set takes them: by one game's rules, from its start."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tengen.agents.engines.uci_wire import value_of_centipawns
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.files import read_fault
from tengen.league.played_records import NoResult, Unplayable, played_records
from tengen.league.records import open_records
from tengen.league.wave import replay
from tengen.selfplay.records import DatasetWriter, Recorded, Source

OUTCOMES = {"1-0": 1, "0-1": -1, "1/2-1/2": 0}
CHUNK = 1 << 20


class TooShort(TengenError):
    """A game with fewer plies than asked for."""


def recorded_games(path: Path, game: Game) -> Iterator[Recorded | TengenError]:
    """Every game of a file, or why it is left out. Raises TengenError where the file cannot be read."""
    with open_records(path) as (form, stream):
        family = {"sgf": "go", "pdn": "checkers", "pgn": "chess"}[form]
        if family != game.family:
            raise TengenError(f"{path}: holds {family}, and the data set is of {game.name}")
        if form == "pgn":
            yield from _chess_games(stream, game)
            return
    for played in played_records(path):
        if isinstance(played, TengenError):
            yield played
        elif played.game != game.name:
            yield Unplayable(f"it is a game of {played.game}")
        else:
            yield _cut(Recorded(played.actions, played.outcome), game)


def _chess_games(stream: Any, game: Game) -> Iterator[Recorded | TengenError]:
    from tengen.envs.chess.pgn import evals_of, iter_pgn, play_through, start_of

    start = game.new_states(1)
    for record in iter_pgn(stream):
        try:
            outcome = OUTCOMES.get(record.result)
            if outcome is None:
                raise NoResult(f"it has the result '{record.result}'")
            if "FEN" in record.tags and not np.array_equal(start_of(record, game), start):  # type: ignore[arg-type]
                raise Unplayable("it begins from a position of its own")
            _, actions, _ = play_through(record)
            evals = evals_of(record)
            values = []
            for turn in range(1, len(actions) + 1 if evals else 1):
                white = evals.get(turn, math.nan)
                value = white if math.isnan(white) else value_of_centipawns(white)
                values.append(value if turn % 2 else -value)
            yield _cut(Recorded(tuple(actions), outcome, tuple(values)), game)
        except TengenError as error:
            yield error


def _cut(recorded: Recorded, game: Game) -> Recorded:
    """The game up to where its rules end it, though the players went on."""
    state = game.new_states(1)
    for ply, action in enumerate(recorded.actions):
        if state["terminal"][0]:
            return Recorded(recorded.actions[:ply], recorded.outcome, recorded.values[:ply])
        replay(game, state, (action,))
    return recorded


def import_file(writer: DatasetWriter, path: Path, *, shortest: int = 1) -> Iterator[Source]:
    """Take the games of a file into a data set; yields what has become of them after each game.

    Games of fewer than `shortest` plies are left out. Raises TengenError where the file cannot be read.
    """
    source = Source(path.name)
    writer.sources.append(source)
    try:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                source.bytes += len(chunk)
        source.sha256 = digest.hexdigest()
    except OSError as error:
        raise read_fault(path, error) from None
    for found in recorded_games(path, writer.game):
        source.games += 1
        if isinstance(found, Recorded) and len(found.actions) < max(1, shortest):
            found = TooShort("it is too short")
        if isinstance(found, TengenError):
            source.left_out += 1
            reason = _reason(found)
            source.reasons[reason] = source.reasons.get(reason, 0) + 1
        elif writer.add(found):
            source.kept += 1
        else:
            source.doubles += 1
        yield source


def _reason(error: TengenError) -> str:
    """A word for a fault that many games may share."""
    if isinstance(error, NoResult):
        return "no result"
    if isinstance(error, Unplayable):
        return "other start or rules"
    return "too short" if isinstance(error, TooShort) else "faulty"
