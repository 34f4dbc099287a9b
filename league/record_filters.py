"""Which recorded games are wanted, and why one is left out."""

import re
from dataclasses import dataclass

from tengen.errors import TengenError
from tengen.selfplay.records import NO_RANK

RANK = re.compile(r"(\d{1,2})\s*(k|d|p)", re.IGNORECASE)
DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
PROFESSIONAL = 20


class LeftOut(TengenError):
    """A game that is not taken; `reason` is what many such games share."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason

    def __reduce__(self) -> tuple[type["LeftOut"], tuple[str, str]]:
        return type(self), (self.reason, str(self))


@dataclass(frozen=True)
class Filters:
    """Which games are wanted. What a game does not say of itself fails the filter that asks for it."""

    shortest: int = 1  # plies
    longest: int = 100_000
    least_rank: int = NO_RANK  # of both players, as `rank_of` counts
    since: str = ""  # dates as 2016, 2016-05 or 2016-05-31, both ends included
    until: str = ""
    most_handicap: int = 1000
    any_result: bool = False  # also games without one

    def check_length(self, plies: int) -> None:
        """Raises LeftOut."""
        if plies < max(1, self.shortest):
            raise LeftOut("too short")
        if plies > self.longest:
            raise LeftOut("too long")

    def check_ranks(self, ranks: tuple[int, int]) -> None:
        """Raises LeftOut."""
        if self.least_rank == NO_RANK:
            return
        if NO_RANK in ranks:
            raise LeftOut("rank unknown")
        if min(ranks) < self.least_rank:
            raise LeftOut("rank too low")

    def check_date(self, text: str) -> None:
        """Raises LeftOut."""
        if not (self.since or self.until):
            return
        found = DATE.search(text)
        if not found:
            raise LeftOut("date unknown")
        date = "-".join(part for part in found.groups() if part)
        # Of a game that names its month only, that is compared.
        if (self.since and date < self.since[: len(date)]) or (
            self.until and date[: len(self.until)] > self.until
        ):
            raise LeftOut("date out of range")

    def check_handicap(self, stones: int) -> None:
        """Raises LeftOut."""
        if stones > self.most_handicap:
            raise LeftOut("handicap")


def rank_of(text: str) -> int:
    """A rank as a number that grows with strength: 1 kyu 0, 1 dan 1, 1 dan professional 21; or NO_RANK."""
    found = RANK.match(text.strip())
    if not found:
        return NO_RANK
    number, kind = int(found[1]), found[2].lower()
    if kind == "k":
        return 1 - number
    return number + (PROFESSIONAL if kind == "p" else 0)


def parse_rank(text: str) -> int:
    """A rank of the command line. Raises TengenError."""
    rank = rank_of(text)
    if rank == NO_RANK:
        raise TengenError(f"'{text}' is no rank; expected one such as 6d, 3k or 9p")
    return rank


def parse_date(text: str) -> str:
    """A date of the command line. Raises TengenError."""
    if not DATE.fullmatch(text):
        raise TengenError(f"'{text}' is no date; expected 2016, 2016-05 or 2016-05-31")
    return text
