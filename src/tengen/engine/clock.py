"""Time controls of Go as GTP tells them, and how much of the time a move may take. No clock is read here."""

from dataclasses import dataclass, replace

LAG_S = 0.15  # kept back a move, for what passes between the controller's clock and ours
SHARE = 0.9  # of a period's time
LEAST_S = 0.02


@dataclass(frozen=True)
class TimeControl:
    """What a side has. kind: "none", "absolute", "byoyomi" (periods of one move) or "canadian"."""

    kind: str = "none"
    main_s: float = 0.0
    period_s: float = 0.0
    stones: int = 0  # Canadian: moves a period; byo-yomi: how many periods there are


@dataclass(frozen=True)
class SideClock:
    """One side's clock."""

    control: TimeControl = TimeControl()
    left_s: float = 0.0  # of main time, or of the period under way
    stones: int = 0  # 0 in main time; else moves left in the period (Canadian), or periods left (byo-yomi)

    @classmethod
    def start(cls, control: TimeControl) -> "SideClock":
        """A clock at the start of a game."""
        if control.main_s <= 0 and control.kind in ("byoyomi", "canadian"):
            return cls(control, control.period_s, control.stones)
        return cls(control, control.main_s, 0)

    def told(self, seconds: float, stones: int) -> "SideClock":
        """The clock as the controller says that it stands (time_left)."""
        control = self.control
        if control.kind == "none":  # no settings were heard, but a clock is running all the same
            control = TimeControl("canadian" if stones else "absolute", seconds, seconds, stones)
        return SideClock(control, max(0.0, seconds), max(0, stones))

    def after(self, seconds: float) -> "SideClock":
        """The clock once a move has taken so long, should nobody tell."""
        control, left, stones = self.control, self.left_s - seconds, self.stones
        if control.kind == "none":
            return self
        if control.kind == "absolute":
            return replace(self, left_s=max(0.0, left))
        if not stones:
            if left > 0:
                return replace(self, left_s=left)
            left, stones = left + control.period_s, control.stones  # main time ended in this move
        if control.kind == "canadian":
            stones -= 1
            if stones > 0:
                return replace(self, left_s=max(0.0, left), stones=stones)
            return replace(self, left_s=control.period_s, stones=control.stones)
        while left <= 0 and stones > 1:
            left, stones = left + control.period_s, stones - 1
        return replace(self, left_s=control.period_s, stones=stones)

    def move_seconds(self, moves_left: int) -> float | None:
        """How long the next move may take, None for as long as it likes; about `moves_left` are to come."""
        control = self.control
        if control.kind == "none":
            return None
        share = self.left_s / max(1, moves_left)
        if control.kind == "canadian":
            if self.stones:
                seconds = SHARE * self.left_s / self.stones - LAG_S
            else:
                seconds = share + SHARE * control.period_s / max(1, control.stones) - LAG_S
                seconds = min(seconds, self.left_s + SHARE * control.period_s / max(1, control.stones))
        elif control.kind == "byoyomi":
            seconds = SHARE * self.left_s - LAG_S if self.stones else share + SHARE * control.period_s - LAG_S
        else:
            seconds = min(1.5 * share, 0.5 * self.left_s) - LAG_S
        return max(LEAST_S, seconds)


def gtp_control(main_s: float, period_s: float, stones: int) -> TimeControl:
    """The control of GTP's time_settings: Canadian, absolute where the period is 0, none where stones are."""
    if period_s > 0:
        return TimeControl("canadian", main_s, period_s, stones) if stones > 0 else TimeControl()
    return TimeControl("absolute", main_s) if main_s > 0 else TimeControl()


def moves_to_come(size: int, empties: int) -> int:
    """About how many moves a side still has to make with so many empty points, endgame included."""
    return max(size, round(0.4 * empties))
