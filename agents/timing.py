"""How long a searcher may think about a move, by what a tournament's clock says."""

MOVE = 0.85  # of a fixed time per move: the rest is for what a search does after its last look at the clock
SHARE = 1 / 25  # of the time left on a clock
INCREMENT = 0.8  # of what each move gives back
MOST = 0.4  # of the time left, whatever comes back
LEAST_S = 0.005


def seconds_to_think(
    move_s: float | None = None, left_s: tuple[float, float] | None = None, increment_s: float = 0.0
) -> float | None:
    """Seconds for the next move, or None where no clock runs.

    move_s: what each move may take; left_s: the mover's clock and its opponent's.
    """
    if move_s is not None:
        return max(LEAST_S, MOVE * move_s)
    if left_s is None:
        return None
    share = left_s[0] * SHARE + increment_s * INCREMENT
    return max(LEAST_S, min(share, MOST * left_s[0]))


class Timekeeper:
    """An agent that keeps to a clock: it is told before a move, and takes the time when it searches."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}  # board -> seconds that its next search may take

    def tell_time(
        self,
        slot: int,
        *,
        move_s: float | None = None,
        left_s: tuple[float, float] | None = None,
        increment_s: float = 0.0,
    ) -> None:
        """How long the next move at a board may take, or its own and the other's clock."""
        seconds = seconds_to_think(move_s, left_s, increment_s)
        if seconds is not None:
            self.times[slot] = seconds
