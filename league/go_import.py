"""Games of Go for a data set: from SGF and from lines of the TOM collection, replayed by a game's rules.

A data set is of one game, whose board and rules hold for all; komi and the stones of the start are each
record's own.
"""

import re
from functools import lru_cache

import numpy as np

from tengen.envs.go.batch import replay
from tengen.envs.go.game import Go
from tengen.envs.go.sgf import GoRecord, read_sgf
from tengen.envs.go.text import format_point
from tengen.errors import TengenError
from tengen.league.record_filters import Filters, LeftOut, rank_of
from tengen.selfplay.records import NO_KOMI, NO_RESULT, Recorded

TOM_LINE = re.compile(rb"[^\t\r\n]{0,60}\t\s*(?:;\s*[BW]\[[a-z]{0,2}\]\s*)+", re.IGNORECASE)
TOM_MOVE = re.compile(rb";\s*([BW])\[([a-z]{0,2})\]", re.IGNORECASE)
LONGEST_LINE = 1 << 18


def read_go(form: str, data: bytes, game: Go, filters: Filters) -> Recorded:
    """The game of an SGF or of a TOM line. Raises LeftOut, with the reason."""
    try:
        record = read_record(form, data, game.size)
    except LeftOut:
        raise
    except TengenError as error:
        reason = "another size" if ": SZ[" in str(error) else "unreadable"
        raise LeftOut(reason, str(error)) from None
    if record.size != game.size:
        raise LeftOut("another size", f"it is of {record.size}x{record.size}")
    outcome = _outcome(record.result)
    if outcome == NO_RESULT and not filters.any_result:
        raise LeftOut("no result", f"its result is '{record.result[:20]}'")
    ranks = rank_of(record.black_rank), rank_of(record.white_rank)
    filters.check_ranks(ranks)
    filters.check_date(record.date)
    _stones_of_moves(record)
    filters.check_handicap(int((record.setup == 1).sum()))
    actions = _until_both_pass(record.actions, game.pass_action)
    filters.check_length(len(actions))
    if len(actions) > game.max_plies:
        raise LeftOut("too long")
    _check_legal(record, actions, game)
    points = np.flatnonzero(record.setup)
    setup = tuple((2 * points + (record.setup[points] == 2)).tolist())
    return Recorded(tuple(actions), outcome, (), setup, record.first_player, _komi2(record), ranks)


def read_record(form: str, data: bytes, size: int = 19) -> GoRecord:
    """The record of an SGF or of a TOM line, whose size is not told. Raises TengenError."""
    return read_sgf(data) if form == "sgf" else _read_tom(data, size)


def _outcome(result: str) -> int:
    """Black's result; NO_RESULT for "?", "Void" and whatever else names no winner."""
    word = result.strip().upper()
    if word in ("0", "DRAW", "JIGO"):
        return 0
    return {"B+": 1, "W+": -1}.get(word[:2], NO_RESULT)


def _komi2(record: GoRecord) -> int:
    komi = record.komi
    is_sane = komi is not None and (2 * komi).is_integer() and abs(komi) <= record.size**2
    return round(2 * komi) if komi is not None and is_sane else NO_KOMI


def _stones_of_moves(record: GoRecord) -> None:
    """Make handicap stones that are written as Black's first moves stones of the start."""
    points = record.size**2
    count = next((i for i, (player, _) in enumerate(record.moves) if player), len(record.moves))
    stones = [action for _, action in record.moves[:count]]
    if count < 2 or len(set(stones)) < count or points in stones or record.setup.any():
        return
    record.setup[stones] = 1
    record.moves = record.moves[count:]
    record.first_player = 1


def _until_both_pass(actions: list[int], pass_action: int) -> list[int]:
    """The moves up to two passes in a row, where our rules end the game."""
    for i in range(len(actions) - 1):
        if actions[i] == actions[i + 1] == pass_action:
            return actions[: i + 2]
    return actions


def _check_legal(record: GoRecord, actions: list[int], game: Go) -> None:
    try:
        state = record.start(game) if record.setup.any() or record.first_player else _begin(game).copy()
    except TengenError as error:
        raise LeftOut("illegal", str(error)) from None
    played = int(replay(state.view(np.uint8).reshape(1, -1), np.array(actions, np.int32)))
    if played < len(actions):
        point = format_point(game.size, actions[played])
        why = game.fault(state, actions[played])
        raise LeftOut("illegal", f"move {played + 1}: {point} is illegal: {why}")


@lru_cache(maxsize=4)
def _begin(game: Go) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    return game.new_states(1)


def _read_tom(line: bytes, size: int) -> GoRecord:
    """A game of a line `id<TAB>;B[jj];W[pp]...`, of which nothing but the moves is known."""
    if len(line) > LONGEST_LINE:
        raise LeftOut("unreadable", f"its line has more than {LONGEST_LINE:,} characters")
    if not TOM_LINE.fullmatch(line.strip()):
        raise LeftOut("unreadable", "its line is not of the form id<TAB>;B[jj];W[pp]...")
    record = GoRecord(size, setup=np.zeros(size * size, np.int8))
    for color, place in TOM_MOVE.findall(line):
        record.moves.append((int(color in b"Ww"), _action(place.lower(), size)))
    record.first_player = record.moves[0][0] if record.moves else 0
    return record


def _action(place: bytes, size: int) -> int:
    if not place or (place == b"tt" and size <= 19):
        return size * size
    column, row = (place[0] - ord("a"), place[1] - ord("a")) if len(place) == 2 else (-1, -1)
    if not (0 <= column < size and 0 <= row < size):
        raise LeftOut("another size", f"[{place.decode()}] is not a point of a {size}x{size} board")
    return row * size + column
