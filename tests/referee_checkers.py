"""English draughts played slowly and obviously, on a dict of coordinates: the judge of the compiled rules."""

from collections import Counter

DOWN, UP = 1, -1
FORWARD = {"b": DOWN, "w": UP}


def square_at(row: int, column: int) -> int:
    """Number 1..32 of a dark square."""
    return 4 * row + column // 2 + 1


def place_of(square: int) -> tuple[int, int]:
    """Row and column of a square's number; on even rows the dark squares are the odd columns."""
    row, i = divmod(square - 1, 4)
    return row, 2 * i + (1 if row % 2 == 0 else 0)


class Referee:
    """One game; `pieces` maps (row, column) to b, B, w or W."""

    def __init__(self) -> None:
        self.pieces = {place_of(s): "b" for s in range(1, 13)} | {place_of(s): "w" for s in range(21, 33)}
        self.side = "b"
        self.jumper: tuple[int, int] | None = None
        self.quiet = 0
        self.seen: Counter[object] = Counter()
        self.begin()

    @classmethod
    def at(cls, pieces: dict[int, str], side: str) -> "Referee":
        """A game that starts elsewhere; pieces by square number."""
        game = cls()
        game.pieces = {place_of(square): piece for square, piece in pieces.items()}
        game.side = side
        game.begin()
        return game

    def begin(self) -> None:
        self.seen.clear()
        self.seen[self.position()] = 1

    def position(self) -> object:
        return frozenset(self.pieces.items()), self.side, self.jumper

    def directions(self, piece: str) -> list[tuple[int, int]]:
        rows = [DOWN, UP] if piece.isupper() else [FORWARD[piece]]
        return [(row, column) for row in rows for column in (-1, 1)]

    def captures(self, place: tuple[int, int]) -> list[tuple[int, int]]:
        """Where the piece on a place lands by jumping."""
        row, column = place
        ends = []
        for dr, dc in self.directions(self.pieces[place]):
            over = self.pieces.get((row + dr, column + dc))
            end = row + 2 * dr, column + 2 * dc
            on_board = 0 <= end[0] < 8 and 0 <= end[1] < 8
            if over and over.lower() != self.side and on_board and end not in self.pieces:
                ends.append(end)
        return ends

    def moves(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Every legal step as (start, end); a jump is one step."""
        if self.jumper:
            return [(self.jumper, end) for end in self.captures(self.jumper)]
        own = [place for place, piece in self.pieces.items() if piece.lower() == self.side]
        jumps = [(place, end) for place in own for end in self.captures(place)]
        if jumps:
            return jumps
        steps = []
        for row, column in own:
            for dr, dc in self.directions(self.pieces[row, column]):
                end = row + dr, column + dc
                if 0 <= end[0] < 8 and 0 <= end[1] < 8 and end not in self.pieces:
                    steps.append(((row, column), end))
        return steps

    def play(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        piece = self.pieces.pop(start)
        is_jump = abs(start[0] - end[0]) == 2
        if is_jump:
            del self.pieces[(start[0] + end[0]) // 2, (start[1] + end[1]) // 2]
        crowned = piece.islower() and end[0] == (7 if piece == "b" else 0)
        self.pieces[end] = piece.upper() if crowned else piece
        if is_jump or piece.islower():
            self.quiet = 0
            self.seen.clear()
        else:
            self.quiet += 1
        if is_jump and not crowned and self.captures(end):
            self.jumper = end
            return
        self.jumper = None
        self.side = "w" if self.side == "b" else "b"
        self.seen[self.position()] += 1

    def result(self) -> str | None:
        """ "b" or "w" who won, "draw", or None while the game goes on."""
        if not self.moves():
            return "w" if self.side == "b" else "b"
        if self.jumper is None and (self.seen[self.position()] >= 3 or self.quiet >= 80):
            return "draw"
        return None

    def copy(self) -> "Referee":
        other = Referee.__new__(Referee)
        other.pieces, other.side, other.jumper = dict(self.pieces), self.side, self.jumper
        other.quiet, other.seen = self.quiet, self.seen.copy()
        return other

    def turns(self) -> list["Referee"]:
        """The games after each whole turn; two paths to one position are two."""
        out = []
        for start, end in self.moves():
            after = self.copy()
            after.play(start, end)
            out += after.turns() if after.jumper else [after]
        return out

    def perft(self, depth: int) -> list[int]:
        """Turns at depth 1 .. depth, draws not looked for."""
        level, counts = [self], []
        for _ in range(depth):
            level = [after for game in level for after in game.turns()]
            counts.append(len(level))
        return counts
