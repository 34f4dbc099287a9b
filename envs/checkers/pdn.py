"""Portable Draughts Notation: games from and to text, one at a time, in memory that stays flat.

Results follow the custom of English draughts, in which Black moves first: "1-0" means that Black, the first
mover, won, and "0-1" that White did.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from tengen.envs.checkers import notation, rules
from tengen.envs.checkers.pdn_scanner import RESULTS, TURNS, scan
from tengen.envs.checkers.text import from_text, to_text
from tengen.envs.game import States
from tengen.errors import IllegalMove, TengenError

FIRST_WINS, SECOND_WINS, DRAW, UNKNOWN = RESULTS
ENGLISH_DRAUGHTS = "21"  # PDN's GameType
MAX_TURNS = 20_000  # a game is not read past these, so that a file without results cannot fill the memory
MAX_TAGS = 200


@dataclass
class PdnGame:
    """One game of a file: its tags, its turns as written, and its result ("1-0": Black won).

    `fault` says why the game could not be read; its turns then end before the fault.
    """

    tags: dict[str, str] = field(default_factory=dict)
    turns: list[str] = field(default_factory=list)
    result: str = UNKNOWN
    number: int = 1  # in its file, from 1
    line: int = 1  # on which it begins, from 1
    fault: str | None = None
    notes: dict[int, str] = field(default_factory=dict)  # what was looked for in comments, by turns before it


class PdnFault(TengenError):
    """A game that cannot be replayed: `ply` (turn, from 1; 0 before the first), its text, and the reason."""

    def __init__(self, ply: int, move: str, reason: str) -> None:
        super().__init__(f"turn {ply} (move {(ply + 1) // 2}): {reason}" if ply else reason)
        self.ply, self.move, self.reason = ply, move, reason


def iter_pdn(
    stream: IO[Any], forms: Sequence[re.Pattern[str]] = TURNS, notes: re.Pattern[str] | None = None
) -> Iterator[PdnGame]:
    """Every game of a text or binary stream, in order; a game that cannot be read carries its `fault`.

    Bytes are read as UTF-8, and as Latin-1 where they are not. Comments, variations, NAGs and move numbers
    are skipped. A game ends with its result, or at the next game's tags, which is a fault. An empty stream
    has no game. `forms` are those of a turn, in draughts unless told; `notes` is looked for in comments.
    """
    game: PdnGame | None = None
    in_moves = False
    number = 0
    for kind, text, line in scan(stream, forms, notes):
        if kind == "note":
            if game is not None:
                game.notes[len(game.turns)] = text
            continue
        if game is not None and kind == "tag" and in_moves:
            game.fault = game.fault or f"line {line}: the game ends without a result ({', '.join(RESULTS)})"
            yield game
            game = None
        if game is None:
            number += 1
            game = PdnGame(number=number, line=line)
            in_moves = False
        if kind == "tag":
            key, _, value = text.partition(" ")
            if len(game.tags) >= MAX_TAGS:
                game.fault = game.fault or f"line {line}: more than {MAX_TAGS} tags"
            else:
                game.tags.setdefault(key, value)
        elif kind == "turn":
            in_moves = True
            if len(game.turns) >= MAX_TURNS:
                game.fault = game.fault or f"line {line}: more than {MAX_TURNS} turns"
            elif game.fault is None:
                game.turns.append(text)
        elif kind == "result":
            game.result = text
            yield game
            game = None
        else:
            in_moves = in_moves or kind == "garbage"
            game.fault = game.fault or f"line {line}: {text}"
    if game is not None:
        game.fault = game.fault or "the file ends before the game has a result"
        yield game


def replay(game: PdnGame) -> States:
    """Play a game through and return its last position [1]; PdnFault says where and how it breaks a rule.

    Draws by repetition or by the 80-turn rule do not stop it: at the board a player has to claim them.
    """
    return play_through(game)[0]


def play_through(game: PdnGame) -> tuple[States, list[int], bool]:
    """As `replay`: the last position, all actions, and whether they go on after a draw that our rules see."""
    if game.fault:
        raise PdnFault(0, "", game.fault)
    kind = game.tags.get("GameType", ENGLISH_DRAUGHTS).split(",")[0].strip()
    if kind != ENGLISH_DRAUGHTS:
        raise PdnFault(0, "", f"GameType {kind[:20]} is not English draughts, which is {ENGLISH_DRAUGHTS}")
    state, played, past_end = start_of(game), [], False
    for ply, text in enumerate(game.turns, 1):
        if state["terminal"][0] and state["result"][0] == 0:
            past_end = True
            _play_on(state)
        try:
            actions = notation.parse_turn(state, text)
        except IllegalMove as error:
            raise PdnFault(ply, text, str(error)) from None
        for action in actions:
            rules.step(state, np.array([action], np.int32))
        played += actions
    return state, played, past_end


def start_of(game: PdnGame) -> States:
    """The position [1] in which a game starts: its FEN tag's, or the usual one."""
    fen = game.tags.get("FEN", "").strip()
    if fen:
        try:
            return from_text(fen)
        except TengenError as error:
            raise PdnFault(0, "", f"tag FEN: {error}") from None
    state = np.zeros(1, rules.STATE_DTYPE)
    rules.reset(state)
    return state


def _play_on(state: States) -> None:
    state["terminal"] = False
    state["quiet"] = 0
    state["history"][0, 0] = state["hash"][0]


def make_pdn(
    actions: Sequence[int], tags: dict[str, str] | None = None, start: States | None = None
) -> PdnGame:
    """A game to write: legal actions from `start` [1] (the usual start if None), with its result."""
    state = np.zeros(1, rules.STATE_DTYPE)
    rules.reset(state)
    tags = dict(tags or {})
    if start is not None:
        usual = to_text(state)
        state = start.copy()
        if to_text(state) != usual:
            tags |= {"SetUp": "1", "FEN": to_text(state)}
    turns: list[str] = []
    before, steps = state.copy(), []
    for action in actions:
        steps.append(action)
        rules.step(state, np.array([action], np.int32))
        if not state["board"][0, rules.JUMPER]:
            turns.append(notation.format_turn(before, steps))
            before, steps = state.copy(), []
    if steps:  # broken off in mid-jump
        turns.append(notation.format_turn(before, steps))
    result = UNKNOWN
    if state["terminal"][0]:
        result = {1: FIRST_WINS, -1: SECOND_WINS, 0: DRAW}[int(state["result"][0])]
    return PdnGame(tags, turns, result)


def write_pdn(stream: IO[str], games: Iterable[PdnGame]) -> int:
    """Write games to a text stream; returns how many. Tags GameType and Result are added."""
    count = 0
    for game in games:
        tags = {"GameType": ENGLISH_DRAUGHTS} | game.tags | {"Result": game.result}
        for key, value in tags.items():
            value = " ".join(value.split()).replace("\\", "\\\\").replace('"', '\\"')
            stream.write(f'[{key} "{value}"]\n')
        late = int(game.tags.get("FEN", "B").strip().upper().startswith("W"))  # White makes the first turn
        words = []
        for i, turn in enumerate(game.turns, late):
            if i % 2 == 0:
                words.append(f"{i // 2 + 1}.")
            elif i == late:
                words.append("1...")
            words.append(turn)
        text = " ".join([*words, game.result])
        stream.write(textwrap.fill(text, 79, break_long_words=False, break_on_hyphens=False) + "\n\n")
        count += 1
    return count
