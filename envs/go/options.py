"""What a game of Go can be told: each option checked, from words or values."""

from dataclasses import dataclass

from tengen.envs.go.layout import MAX_SIZE, RULE_NAMES
from tengen.envs.go.text import format_komi
from tengen.errors import TengenError

#: Points for White. With perfect play under area scoring Black is believed to win 9x9 by 7, and strong
#: programs find larger boards even between 6 and 7. A whole number, so that an even game is a draw.
DEFAULT_KOMI = 7.0
PLAIN_SIZES = (5, 7, 9, 13, 19)
MAX_CAP = 10_000
#: Sets of input planes, ours first; see feature_sets.py.
FEATURE_NAMES = ("tengen", "clark-storkey", "maddison36", "alphago48", "alphago49")
DEFAULT_FEATURES = FEATURE_NAMES[0]


@dataclass(frozen=True)
class GoOptions:
    """Checked options; see `Go`."""

    size: int
    komi: float
    rules: str
    suicide: bool
    handicap: int
    cap: int
    features: str = DEFAULT_FEATURES

    @property
    def name(self) -> str:
        """The canonical name: the size, and what is not the default."""
        parts = []
        if self.komi != DEFAULT_KOMI:
            parts.append(f"komi={format_komi(self.komi)}")
        if self.rules != RULE_NAMES[0]:
            parts.append(f"rules={self.rules}")
        if self.suicide:
            parts.append("suicide=true")
        if self.handicap:
            parts.append(f"handicap={self.handicap}")
        if self.cap != default_cap(self.size):
            parts.append(f"cap={self.cap}")
        if self.features != DEFAULT_FEATURES:
            parts.append(f"features={self.features}")
        if not parts and self.size in PLAIN_SIZES:
            return f"go{self.size}"
        return ",".join([f"go:size={self.size}", *parts])


def default_cap(size: int) -> int:
    """Plies after which a game is counted as it stands: far beyond where games end by passes."""
    return 2 * size * size + 60


def max_handicap(size: int) -> int:
    """How many stones the board has places for, by the rules of GTP's fixed_handicap."""
    if size < 7:
        return 0
    return 9 if size % 2 and size >= 9 else 4


def handicap_points(size: int, stones: int) -> list[tuple[int, int]]:
    """(row, column) of the standard handicap points, 2 to 9 of them; none for 0 and 1.

    In the order of GTP's specification, section 4.1.1: D4, Q16, D16, Q4, ... on 19x19.
    """
    edge = 3 if size >= 13 else 2
    low, middle, high = edge, size // 2, size - 1 - edge
    corners = [(high, low), (low, high), (low, low), (high, high)]
    sides = [(middle, low), (middle, high), (high, middle), (low, middle)]
    if stones < 2:
        return []
    if stones <= 4:
        return corners[:stones]
    points = corners + sides[: (stones - 4) // 2 * 2]
    return [*points, (middle, middle)] if stones % 2 else points


def check_options(
    size: object,
    komi: object,
    rules: object,
    suicide: object,
    handicap: object,
    cap: object,
    features: object = DEFAULT_FEATURES,
) -> GoOptions:
    """Options from values or words. Raises TengenError naming the option, its value and what is allowed."""
    lines = _whole("size", size, 2, MAX_SIZE)
    points = lines * lines
    rule = str(rules).strip().lower()
    if rule not in RULE_NAMES:
        raise TengenError(f"go: rules '{rules}' are unknown; allowed: {', '.join(RULE_NAMES)}")
    planes = str(features).strip().lower()
    if planes not in FEATURE_NAMES:
        raise TengenError(f"go: features '{features}' are unknown; allowed: {', '.join(FEATURE_NAMES)}")
    stones = _whole("handicap", handicap, 0, 9)
    if stones > max(max_handicap(lines), 1):
        raise TengenError(
            f"go: handicap {stones} has no standard place on {lines}x{lines}; "
            f"at most {max_handicap(lines)} stones do"
        )
    return GoOptions(
        size=lines,
        komi=DEFAULT_KOMI if komi is None else _half_points(komi, points),
        rules=rule,
        suicide=_truth("suicide", suicide),
        handicap=stones,
        cap=default_cap(lines) if cap is None else _whole("cap", cap, 2, MAX_CAP),
        features=planes,
    )


def _whole(key: str, value: object, low: int, high: int) -> int:
    try:
        number = int(str(value).strip())
    except ValueError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise TengenError(f"go: {key} is '{value}'; a whole number from {low} to {high} is allowed")
    return number


def _half_points(value: object, limit: int) -> float:
    try:
        komi = float(str(value).strip())
    except ValueError:
        komi = float("nan")
    if not (abs(komi) <= limit and (2 * komi).is_integer()):
        raise TengenError(f"go: komi is '{value}'; a multiple of 0.5 from -{limit} to {limit} is allowed")
    return komi + 0.0


def _truth(key: str, value: object) -> bool:
    words = {
        "true": True,
        "yes": True,
        "1": True,
        "on": True,
        "false": False,
        "no": False,
        "0": False,
        "off": False,
    }
    word = str(value).strip().lower()
    if word not in words:
        raise TengenError(f"go: {key} is '{value}'; true or false is allowed")
    return words[word]
