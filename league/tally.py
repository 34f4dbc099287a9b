"""What the games of a tournament come to."""

from collections import Counter
from collections.abc import Sequence

from tengen.league.ending import FAULT, TIME
from tengen.league.entrants import Entrant
from tengen.league.ratings import RatingList, Result, rate
from tengen.league.store import Outcome


class Tally:
    """Counts finished games: each sequence of moves of the same two players once, void games not at all."""

    def __init__(self, players: Sequence[Entrant]) -> None:
        self.players = players
        self.repeats = 0  # games whose every move another one had before
        self.void = 0
        self.faults: Counter[str] = Counter()  # kind -> games that an engine's fault ended
        self.disagreements = 0  # games that the referee gave to the other side than the bare board
        self.referee_faults = 0  # games that were scored as they stood, since the referee failed
        self._counts: dict[tuple[str, str], list[int]] = {}  # (first mover, second) -> won, drawn, lost
        self._seen: set[tuple[str, str, str]] = set()

    def add(self, game: Outcome) -> bool:
        """Count a game; False where it repeats another, and is not counted again."""
        if game.reason.startswith(FAULT) or game.reason == TIME:
            self.faults[game.reason.removeprefix(FAULT)] += 1
        self.disagreements += game.disagrees
        self.referee_faults += game.referee_failed
        moves = (game.first_id, game.second_id, game.fingerprint)
        if game.outcome is None:
            self.void += 1
        elif moves in self._seen:
            self.repeats += 1
            return False
        else:
            self._seen.add(moves)
            self._counts.setdefault(moves[:2], [0, 0, 0])[1 - game.outcome] += 1
        return True

    def results(self) -> list[Result]:
        """First mover against second."""
        names = {player.id: player.name for player in self.players}
        return [Result(names[a], names[b], *counts) for (a, b), counts in self._counts.items()]

    def ratings(self) -> RatingList | None:
        """The rating list, held in place by the players whose rating is known; None before anybody played."""
        results = self.results()
        if not results:
            return None
        played = {name for result in results for name in (result.first, result.second)}
        known = {p.name: p.rating for p in self.players if p.rating is not None and p.name in played}
        return rate(results, anchors=known)
