"""Clocks of a game: so much time in all, an increment, or Japanese byo-yomi."""

import re
from dataclasses import dataclass
from typing import Any

from tengen.errors import TengenError

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0}
HELP = "10m, 10m+5s (5 seconds more with each move) or 10m+3x30s (three periods of 30 seconds)"


Reading = tuple[tuple[float, float], tuple[int, int]]  # seconds and periods left, of both sides


@dataclass(frozen=True)
class TimeControl:
    """What each side has. Seconds."""

    main_s: float
    increment_s: float = 0.0
    periods: int = 0  # of byo-yomi
    period_s: float = 0.0

    def __str__(self) -> str:
        text = _short(self.main_s)
        if self.increment_s:
            return f"{text}+{_short(self.increment_s)}"
        return f"{text}+{self.periods}x{_short(self.period_s)}" if self.periods else text


def parse_control(text: str) -> TimeControl:
    """A time control as a user writes it. Raises TengenError."""
    span = r"(\d{1,5}(?:\.\d{1,3})?)([hms]?)"
    match = re.fullmatch(rf"{span}(?:\+(?:(\d{{1,3}})x)?{span})?", text.strip().lower())
    if not match:
        raise TengenError(f"clock '{text[:40]}' is not understood; write {HELP}")
    main = float(match[1]) * UNITS[match[2]]
    extra = float(match[4]) * UNITS[match[5]] if match[4] else 0.0
    periods = int(match[3]) if match[3] else 0
    if main + (extra if periods else 0) <= 0:
        raise TengenError(f"clock '{text[:40]}' leaves no time for a first move; write {HELP}")
    if periods:
        return TimeControl(main, periods=periods, period_s=extra)
    return TimeControl(main, increment_s=extra)


class GameClock:
    """Both sides' time. `now` is any clock in seconds that does not go back; it is given, never read."""

    def __init__(self, control: TimeControl) -> None:
        self.control = control
        self.left = [control.main_s, control.main_s]
        self.periods = [control.periods, control.periods]
        self.running: int | None = None
        self._since = 0.0

    def start(self, player: int, now: float) -> None:
        """Let a player's clock run, and stop the other's without any increment."""
        self.pause(now)
        self.running, self._since = player, now

    def pause(self, now: float) -> None:
        """Stop both."""
        if self.running is not None:
            self.left[self.running], self.periods[self.running] = self.at(self.running, now)
        self.running = None

    def moved(self, player: int, now: float) -> None:
        """A player has moved: the increment, or a whole period again; both stop."""
        self.pause(now)
        self.left[player] += self.control.increment_s
        if self.control.periods and self.periods[player] < self.control.periods:
            self.left[player] = self.control.period_s

    def reading(self) -> Reading:
        """Both sides' time and periods, as they were when a clock stood last."""
        return (self.left[0], self.left[1]), (self.periods[0], self.periods[1])

    def put_back(self, reading: Reading) -> None:
        """Stop both, and give them what they had."""
        self.running = None
        self.left, self.periods = list(reading[0]), list(reading[1])

    def at(self, player: int, now: float) -> tuple[float, int]:
        """Seconds left to a player in the present period, and the periods after it; (0, 0): lost."""
        left, periods = self.left[player], self.periods[player]
        if self.running == player:
            left -= max(0.0, now - self._since)
        while left <= 0 and periods > 0:
            periods -= 1
            # The end of the main time opens the first period, the end of a period the next one.
            left += self.control.period_s
        return max(0.0, left), periods

    def expired(self, now: float) -> int | None:
        """The player whose time has run out, if it is anybody's."""
        if self.running is None:
            return None
        left, _ = self.at(self.running, now)
        return self.running if left <= 0 else None

    def words(self, player: int, now: float) -> str:
        """ "9:41", "0:07.3", "0:28 x2"."""
        left, periods = self.at(player, now)
        text = f"{left:.1f}s" if left < 10 else _minutes(left)
        if not self.control.periods:
            return text
        opened = periods < self.control.periods
        return f"{text} x{periods + opened}"

    def to_json(self, now: float) -> dict[str, Any]:
        """What a saved game keeps; the clocks stand still meanwhile."""
        state = [self.at(player, now) for player in (0, 1)]
        return {
            "control": str(self.control),
            "left_s": [s[0] for s in state],
            "periods": [s[1] for s in state],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "GameClock":
        """The clocks of a saved game, standing still. Raises TengenError."""
        clock = cls(parse_control(str(data["control"])))
        clock.left = [float(value) for value in data["left_s"]]
        clock.periods = [int(value) for value in data["periods"]]
        return clock


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _short(seconds: float) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
