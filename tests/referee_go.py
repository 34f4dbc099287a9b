"""A slow, obvious referee of Go: a board is a tuple of colours, and flood fill answers every question."""

from dataclasses import dataclass, field

EMPTY, BLACK, WHITE = 0, 1, 2


@dataclass
class Referee:
    """One game. `to_play` is BLACK or WHITE; a move is a point row * size + column, or None for a pass."""

    size: int
    rules: str = "positional"
    suicide: bool = False
    board: tuple[int, ...] = ()
    to_play: int = BLACK
    passes: int = 0
    ko: int | None = None
    seen: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.board = self.board or (EMPTY,) * self.size**2
        self.seen = {self.key(self.board, self.to_play)}

    def key(self, board: tuple[int, ...], to_play: int) -> tuple[object, ...]:
        return (board, to_play) if self.rules == "situational" else (board,)

    def neighbours(self, point: int) -> list[int]:
        row, column = divmod(point, self.size)
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        return [r * self.size + c for r, c in around if 0 <= r < self.size and 0 <= c < self.size]

    def region(self, board: tuple[int, ...], point: int) -> tuple[set[int], set[int]]:
        """The points of point's colour connected to it, and the points around them."""
        inside, border, todo = {point}, set(), [point]
        while todo:
            for n in self.neighbours(todo.pop()):
                if board[n] != board[point]:
                    border.add(n)
                elif n not in inside:
                    inside.add(n)
                    todo.append(n)
        return inside, border

    def liberties(self, board: tuple[int, ...], point: int) -> set[int]:
        return {n for n in self.region(board, point)[1] if board[n] == EMPTY}

    def after(self, point: int) -> tuple[tuple[int, ...], set[int]]:
        """The board once the side to move has played at point, and the opponent's stones taken."""
        board = list(self.board)
        board[point] = self.to_play
        taken: set[int] = set()
        for n in self.neighbours(point):
            if board[n] == 3 - self.to_play and not self.liberties(tuple(board), n):
                taken |= self.region(tuple(board), n)[0]
        for stone in taken:
            board[stone] = EMPTY
        if not self.liberties(tuple(board), point):
            for stone in self.region(tuple(board), point)[0]:
                board[stone] = EMPTY
        return tuple(board), taken

    def why_not(self, point: int) -> str:
        """ "occupied", "suicide", "repeats", or "" for a legal move."""
        if self.board[point] != EMPTY:
            return "occupied"
        board, _ = self.after(point)
        if board[point] == EMPTY and not self.suicide:
            return "suicide"
        if self.rules == "simple":
            return "repeats" if point == self.ko else ""
        return "repeats" if self.key(board, 3 - self.to_play) in self.seen else ""

    def legal(self) -> list[int]:
        if self.passes == 2:
            return []
        return [point for point in range(self.size**2) if not self.why_not(point)] + [self.size**2]

    def play(self, action: int) -> None:
        self.ko = None
        if action == self.size**2:
            self.passes += 1
        else:
            self.passes = 0
            self.board, taken = self.after(action)
            alone = len(self.region(self.board, action)[0]) == 1
            if len(taken) == 1 and alone and self.liberties(self.board, action) == taken:
                (self.ko,) = taken
        self.to_play = 3 - self.to_play
        self.seen.add(self.key(self.board, self.to_play))

    def owners(self) -> list[int]:
        """1 Black, -1 White, 0 nobody, for each point."""
        owners = []
        for point, color in enumerate(self.board):
            reached = {color} if color else {self.board[n] for n in self.region(self.board, point)[1]}
            owners.append({frozenset({BLACK}): 1, frozenset({WHITE}): -1}.get(frozenset(reached), 0))
        return owners
