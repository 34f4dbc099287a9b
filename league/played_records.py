"""Games of SGF and PDN files, played through by our rules: moves as actions, who won, between whom."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.league.exchange import WORDS
from tengen.league.records import open_records, rules_of
from tengen.league.result_files import clean_name


class Unplayable(TengenError):
    """A game whose moves our rules do not allow."""


class NoResult(TengenError):
    """A game that does not say who won, or who played."""


@dataclass(frozen=True)
class Played:
    """A game of a record, by our rules."""

    game: str
    names: tuple[str, str]  # who moved first, and the other
    outcome: int
    result: str
    actions: tuple[int, ...]
    is_whole: bool = True  # False: it goes on where our rules end it, and only its result can be kept
    is_over: bool = False  # by our rules, at its last position


def played_records(path: Path) -> Iterator[Played | TengenError]:
    """Every game of a file, SGF or PDN, plain or gzipped, or why it is left out: NoResult or another fault.

    Raises TengenError where the file cannot be read.
    """
    with open_records(path) as (form, stream):
        read: Callable[[Any], Played] = _read_go if form == "sgf" else _read_checkers
        for game in _split(form, stream):
            try:
                yield read(game)
            except TengenError as error:
                yield error


def _split(form: str, stream: Any) -> Iterator[Any]:
    if form == "sgf":
        from tengen.envs.go.sgf import split_sgf_collection

        return split_sgf_collection(stream)
    from tengen.envs.checkers.pdn import iter_pdn

    return iter_pdn(stream)


# --- checkers ---------------------------------------------------------------------------------------------


def _read_checkers(record: Any) -> Played:
    """A game of a PDN. Raises PdnFault, Unplayable, NoResult."""
    from tengen.envs.checkers.pdn import play_through, start_of
    from tengen.envs.registry import make_game

    outcome = {word: outcome for outcome, word in WORDS.items()}.get(record.result)
    if outcome is None:
        raise NoResult(f"it has the result '{record.result}'; results that count: 1-0, 1/2-1/2, 0-1")
    names = _names(record.tags.get("Black", ""), record.tags.get("White", ""))
    state, actions, past_end = play_through(record)
    game = make_game("checkers")
    if not np.array_equal(start_of(record), game.new_states(1)):
        raise Unplayable("it begins from a position of its own, which a store does not hold")
    ends = bool(state["terminal"][0]) and not past_end
    if ends and state["result"][0] not in (0, outcome):
        raise Unplayable(f"its moves end with '{game.describe_result(state)}', its result is {record.result}")
    is_over = ends and state["result"][0] == outcome  # a draw may go unclaimed, and the game be given up
    result = {1: f"{game.first_player} wins", -1: f"{game.second_player} wins"}.get(outcome, "draw")
    return Played(game.name, names, outcome, result, tuple(actions), not past_end, is_over)


# --- Go ---------------------------------------------------------------------------------------------------


def _read_go(data: bytes) -> Played:
    """A game of an SGF. Raises TengenError, Unplayable, NoResult."""
    from tengen.envs.go.sgf import read_sgf

    record = read_sgf(data)
    word = record.result.strip().upper()
    outcome = 0 if word in ("0", "DRAW", "JIGO") else {"B+": 1, "W+": -1}.get(word[:2])
    if outcome is None:
        raise NoResult(f"it has the result '{record.result[:20]}'; results that count: B+..., W+..., 0")
    names = _names(record.black, record.white)
    game, actions = _playable(record)
    ends = [i + 2 for i in range(len(actions) - 1) if actions[i] == actions[i + 1] == game.pass_action]
    is_whole = not ends or set(actions[ends[0] :]) <= {game.pass_action}
    if is_whole and ends:
        del actions[ends[0] :]  # a third pass is courtesy
    over = bool(ends) and is_whole and not re.match(r"[BW]\+[RTF]", word)
    return Played(game.name, names, outcome, record.result, tuple(actions), is_whole, over)


def _playable(record: Any) -> tuple[Any, list[int]]:
    """The game in which a record can be played, the usual rules before its own, and its actions."""
    from tengen.envs.go.batch import replay
    from tengen.envs.go.options import default_cap

    actions = record.actions
    komi = record.komi
    if komi is not None and not ((2 * komi).is_integer() and abs(komi) <= record.size**2):
        komi = None
    own = rules_of(record.rules)
    suicide = re.sub("[^a-z]", "", record.rules.lower()) in ("tromptaylor", "newzealand", "nz")
    usual = default_cap(record.size)
    cap = usual if len(actions) < usual else -(-len(actions) // 256) * 256 + 256
    fault = ""
    for rules in dict.fromkeys(["positional", own] if own == "simple" else [own]):
        handicap = record.handicap if record.setup.any() else 0
        game = _go(record.size, komi, rules, suicide, handicap, cap)
        state = game.new_states(1)
        turn = _turn(game, game.colors(state).reshape(-1), record.setup)
        if turn is None:
            raise Unplayable("it begins with stones that are no usual handicap, which a store does not hold")
        # A side that is not to move by the rules begins, as if the other had passed.
        passes = [game.pass_action] * (int(state["to_play"][0]) != record.first_player)
        moves = passes + game.action_symmetries[turn, actions].tolist()
        played = int(replay(state.view(np.uint8).reshape(1, -1), np.array(moves, np.int32)))
        if played == len(moves):
            return game, moves
        move = game.format_action(state, moves[played])
        fault = fault or f"move {played + 1}: {move} is illegal: {game.fault(state, moves[played])}"
    raise Unplayable(fault)


def _turn(game: Any, wanted: NDArray[np.int8], setup: NDArray[np.int8]) -> int | None:
    """The symmetry that brings the stones of a record to the standard points; servers differ in corners."""
    for symmetry, to in enumerate(game.point_symmetries):
        if np.array_equal(wanted[to], setup):
            return symmetry
    return None


@lru_cache(maxsize=64)
def _go(size: int, komi: float | None, rules: str, suicide: bool, handicap: int, cap: int) -> Any:
    from tengen.envs.go.game import Go

    return Go(size, komi, rules, suicide, handicap, cap)


def _names(first: str, second: str) -> tuple[str, str]:
    names = clean_name(first), clean_name(second)
    if not all(names):
        raise NoResult(f"it lacks the name of {'White' if names[0] else 'Black'}")
    return names
