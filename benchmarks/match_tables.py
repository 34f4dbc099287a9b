"""Tables of matches and ratings in Markdown, as the benchmarks of trained players print them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.league.ratings import RatingList
    from tengen.league.schedule import Match


@dataclass(frozen=True)
class Cell:
    """A match, from the first player's side. Games that repeat another's moves are left out."""

    first: str
    second: str
    wins: int
    draws: int
    losses: int
    repeats: int

    @property
    def games(self) -> int:
        """That count."""
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points a game: 1 for a win, 1/2 for a draw."""
        return (self.wins + self.draws / 2) / self.games if self.games else 0.5

    @property
    def verdict(self) -> str:
        """What the 95 % interval of the score says."""
        low, high = self.interval
        return "wins" if low > 0.5 else "loses" if high < 0.5 else "undecided"

    @property
    def interval(self) -> tuple[float, float]:
        """Of the score, at 95 %."""
        from tengen.league.score import score_interval

        return score_interval(self.wins, self.draws, self.losses)


def cell_of(first: str, second: str, match: "Match") -> Cell:
    """A finished match as a table's row."""
    losses, draws, wins = match.counts(pairs=False)
    return Cell(first, second, wins, draws, losses, len(match.repeated))


def match_table(cells: list[Cell], subject: str) -> str:
    """Every match, the lost ones too."""
    rows = [
        [
            f"`{cell.first}`",
            f"`{cell.second}`",
            f"{cell.wins}/{cell.draws}/{cell.losses}",
            f"{cell.score:.1%}",
            "{:.1%} to {:.1%}".format(*cell.interval),
            cell.verdict,
        ]
        for cell in cells
    ]
    return markdown([subject, "opponent", "won/drawn/lost", "score", "95 % interval", ""], rows)


def rating_table(found: "RatingList") -> str:
    """A rating list."""
    rows = [[r.name, f"{r.elo:.0f}", f"{r.error:.0f}", str(r.games), f"{r.score:.1%}"] for r in found.ratings]
    return markdown(["player", "Elo", "+-", "games", "score"], rows)


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
