"""Games of Go as SGF (FF[4]): the main line read, whole games written."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import States
from tengen.envs.go.batch import replay
from tengen.envs.go.game import Go
from tengen.envs.go.layout import BLACK, EMPTY, MAX_SIZE, WHITE
from tengen.envs.go.options import default_cap
from tengen.envs.go.sgf_tree import Node, main_line, split_sgf_collection
from tengen.envs.go.text import format_point
from tengen.envs.position import Position
from tengen.errors import TengenError

__all__ = ["GoRecord", "read_sgf", "record_position", "split_sgf_collection", "write_sgf"]

#: The usual name of rules (ko, suicide allowed); Tromp-Taylor's allow suicide, the Chinese do not.
RULES_WRITTEN = {("positional", True): "Tromp-Taylor", ("situational", True): "New Zealand"}
RULES_WRITTEN |= {("positional", False): "Chinese", ("situational", False): "AGA"}
COLORS = {"B": 0, "W": 1}
TEXTS = {"result": "RE", "black": "PB", "white": "PW", "rules": "RU"}
TEXTS |= {"black_rank": "BR", "white_rank": "WR", "date": "DT"}


@dataclass
class GoRecord:
    """One game as a record tells it: the main line only, nothing checked against the rules."""

    size: int = 19
    komi: float | None = None  # points for White, None where the record does not say
    setup: NDArray[np.int8] = field(default_factory=lambda: np.zeros(361, np.int8))  # [P] 0, 1 Black, 2 White
    first_player: int = 0  # 0 Black, 1 White
    moves: list[tuple[int, int]] = field(default_factory=list)  # (player, action)
    result: str = ""  # "B+3.5", "W+R", "0", ... as written
    black: str = ""
    white: str = ""
    rules: str = ""
    handicap: int = 0
    black_rank: str = ""
    white_rank: str = ""
    date: str = ""
    comments: dict[int, str] = field(default_factory=dict)  # number of moves before it -> comment

    @property
    def actions(self) -> list[int]:
        """The moves as alternate actions: where a side moves twice in a row, the other passes in between."""
        return [action for action, _ in self._alternate()]

    def _alternate(self) -> list[tuple[int, int]]:
        """(action, how many moves of the record stand before it)."""
        actions, to_play = [], self.first_player
        for number, (player, action) in enumerate(self.moves):
            if player != to_play:
                actions.append((self.size**2, number))
            actions.append((action, number))
            to_play = 1 - player
        return actions

    def game(self, rules: str = "positional") -> Go:
        """A game in which this record can be played, with room for all its moves.

        Komi that Go does not know (thirds of points) is left at the default.
        """
        known = self.komi is not None and (2 * self.komi).is_integer() and abs(self.komi) <= self.size**2
        cap = max(default_cap(self.size), -(-len(self.actions) // 256) * 256 + 2)
        return _game(self.size, self.komi if known else None, rules, cap)

    def start(self, game: Go) -> States:
        """The position before the first move, as states [1]. Raises TengenError if it cannot stand."""
        return game.from_colors(self.setup, self.first_player)

    def fault(self, rules: str = "positional") -> tuple[int, str] | None:
        """The first move that the rules forbid, as (how many moves stand before it, reason), or None.

        Two passes do not end a record: players may go on after a dispute. Raises TengenError if the start
        cannot stand.
        """
        game = self.game(rules)
        state = self.start(game)
        actions = np.array(self.actions, np.int32)
        played = int(replay(state.view(np.uint8).reshape(1, -1), actions))
        if played == len(actions):
            return None
        action = int(actions[played])
        return self._alternate()[played][
            1
        ], f"{format_point(self.size, action)} is illegal: {game.fault(state, action)}"


@lru_cache(maxsize=64)
def _game(size: int, komi: float | None, rules: str, cap: int) -> Go:
    return Go(size, komi, rules, cap=cap)


def read_sgf(data: bytes) -> GoRecord:
    """The main line of the first game in data.

    Raises TengenError for data that is empty, cut off, not SGF, not Go, or of a size that is not supported.
    """
    nodes = main_line(data)
    root = nodes[0]
    encoding = _ascii(root, "CA") or "UTF-8"
    try:
        b"a".decode(encoding, "replace")
    except (LookupError, ValueError):
        raise TengenError(f"SGF: CA[{encoding[:40]}] is not an encoding; UTF-8 is usual") from None
    if _ascii(root, "GM") not in ("", "1"):
        raise TengenError(f"SGF: GM[{_ascii(root, 'GM')[:20]}] is not Go; GM[1] is")
    size = _size(_ascii(root, "SZ"))
    record = GoRecord(size, setup=np.zeros(size * size, np.int8))
    record.komi = _number(root, "KM")
    record.handicap = int(_number(root, "HA") or 0)
    for key, name in TEXTS.items():
        setattr(record, key, _text(root, name, encoding))
    first = None
    for node in nodes:
        _read_setup(record, node)
        if "PL" in node:
            first = _ascii(node, "PL")[:1].upper()
        for name, values in node.items():
            if name in COLORS:
                record.moves += [(COLORS[name], _point(record, value)) for value in values]
        if "C" in node:
            record.comments[len(record.moves)] = _text(node, "C", encoding)
    if record.moves:
        record.first_player = record.moves[0][0]
    elif first in COLORS:
        record.first_player = COLORS[first]
    else:
        record.first_player = int(record.handicap > 1)
    return record


def _read_setup(record: GoRecord, node: Node) -> None:
    for name, color in (("AB", BLACK), ("AW", WHITE), ("AE", EMPTY)):
        for value in node.get(name, []):
            if record.moves:
                raise TengenError(
                    f"SGF: {name} changes the board after move {len(record.moves)}; only before is read"
                )
            first, _, last = value.partition(b":")
            a, b = _point(record, first), _point(record, last or first)
            if record.size**2 in (a, b):
                raise TengenError(
                    f"SGF: {name}[{value[:20].decode('ascii', 'replace')}] is not a point of the board"
                )
            (top, left), (bottom, right) = divmod(a, record.size), divmod(b, record.size)
            record.setup.reshape(record.size, -1)[top : bottom + 1, left : right + 1] = color


def _point(record: GoRecord, value: bytes) -> int:
    """The action that "pd", "" or, up to 19x19, "tt" stands for."""
    word = value.strip()
    if not word or (word == b"tt" and record.size <= 19):
        return record.size**2
    column, row = (word[0] - ord("a"), word[1] - ord("a")) if len(word) == 2 else (-1, -1)
    if not (0 <= column < record.size and 0 <= row < record.size):
        where = f"move {len(record.moves) + 1}" if record.moves else "the first points"
        shown = word[:20].decode("ascii", "replace")
        raise TengenError(f"SGF: {where}: [{shown}] is not a point of a {record.size}x{record.size} board")
    return row * record.size + column


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,3})(?::(\d{1,3}))?", text or "19")
    if match and match[2] in (None, match[1]) and 2 <= int(match[1]) <= MAX_SIZE:
        return int(match[1])
    raise TengenError(f"SGF: SZ[{text[:20]}] is not supported; square boards of 2 to {MAX_SIZE} lines are")


def _ascii(node: Node, name: str) -> str:
    return node[name][0].decode("ascii", "replace").strip() if node.get(name) else ""


def _number(node: Node, name: str) -> float | None:
    text = _ascii(node, name).replace(",", ".")
    try:
        number = float(text) if text else None
    except ValueError:
        number = float("nan")
    if number is not None and not abs(number) < 1000:
        raise TengenError(f"SGF: {name}[{text[:20]}] is not a number")
    return number


def _text(node: Node, name: str, encoding: str) -> str:
    """A property as text; what the encoding cannot read is replaced, for no game is lost over a name."""
    raw = re.sub(rb"\\(\r\n|\n\r|\n|\r)", b"", node[name][0]) if node.get(name) else b""
    try:
        text = raw.decode(encoding, "replace")
    except UnicodeError:  # an encoding that knows no replacement
        text = raw.decode("ascii", "replace")
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL).strip()


def record_position(position: Position, black: str = "", white: str = "") -> GoRecord:
    """The game that was played in a position."""
    game = position.game
    assert isinstance(game, Go)
    start = position.start
    to_play = int(start["to_play"][0])
    return GoRecord(
        game.size,
        game.komi,
        game.colors(start).reshape(-1).copy(),
        to_play,
        [((to_play + i) % 2, action) for i, action in enumerate(position.actions)],
        {"draw": "0"}.get(result := game.describe_result(position.state), result),
        black,
        white,
        RULES_WRITTEN.get((game.rules, game.suicide), "Chinese"),
        game.handicap,
    )


def write_sgf(record: GoRecord) -> bytes:
    """The record as SGF in UTF-8, by sgfmill."""
    from sgfmill.sgf import Sgf_game

    game = Sgf_game(size=record.size)
    root = game.get_root()
    for name, value in (
        ("RU", record.rules),
        ("PB", record.black),
        ("PW", record.white),
        ("RE", record.result),
    ):
        if value:
            root.set(name, value)
    if record.komi is not None:
        root.set("KM", record.komi)
    if record.handicap > 1:
        root.set("HA", record.handicap)
    stones: dict[int, list[Any]] = {BLACK: [], WHITE: []}
    for point in np.flatnonzero(record.setup):
        stones[int(record.setup[point])].append(_from_below(record.size, int(point)))
    if stones[BLACK] or stones[WHITE]:
        root.set_setup_stones(stones[BLACK], stones[WHITE])
        root.set("PL", "bw"[record.first_player])
    if 0 in record.comments:
        root.set("C", record.comments[0])
    node = root
    for number, (player, action) in enumerate(record.moves, 1):
        node = node.new_child()
        node.set_move("bw"[player], _from_below(record.size, action))
        if number in record.comments:
            node.set("C", record.comments[number])
    data: bytes = game.serialise()
    return data


def _from_below(size: int, action: int) -> tuple[int, int] | None:
    """sgfmill's (row, column), which counts rows from the bottom; None for the pass."""
    return None if action == size * size else (size - 1 - action // size, action % size)
