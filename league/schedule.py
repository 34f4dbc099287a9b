"""The games of one round: which are to be played, which are done, and what comes next."""

import itertools
from dataclasses import dataclass, field

from tengen.league.entrants import Entrant
from tengen.league.pairings import Pairing
from tengen.league.sprt import Sprt, pentanomial


def game_key(event: str, label: str, first: Entrant, second: Entrant, number: int) -> str:
    """What a scheduled game is called in the store; the same whichever player the configuration has first."""
    low, high = sorted((first.id, second.id))
    return f"{event}:{label}:{low}:{high}:{number}"


@dataclass
class Match:
    """The games of one pairing of a round. Points and outcomes are its first player's."""

    pairing: Pairing
    first: Entrant
    second: Entrant
    keys: list[str]
    pending: dict[int, None]  # numbers of games that nobody plays yet, in order
    elsewhere: set[int] = field(default_factory=set)  # that another process is playing
    outcomes: dict[int, int | None] = field(default_factory=dict)  # number -> 1, 0, -1 or None for void
    repeated: set[int] = field(default_factory=set)  # whose every move another game had before
    decided: str | None = None  # the hypothesis that a sequential test accepted

    @property
    def progress(self) -> float:
        """Share of the games that are done or being played."""
        return 1 - len(self.pending) / len(self.keys)

    @property
    def is_over(self) -> bool:
        """Whether no game is left, here or elsewhere."""
        return (
            not self.pending
            and not self.elsewhere
            and (self.decided is not None or len(self.outcomes) == len(self.keys))
        )

    @property
    def score(self) -> float:
        """Points a game of the first player; void games do not count."""
        known = [outcome for outcome in self.outcomes.values() if outcome is not None]
        return (1 + sum(known) / len(known)) / 2 if known else 0.5

    def note(self, number: int, outcome: int | None, is_new: bool = True) -> None:
        """A game is done: outcome for player 0, and whether it repeats none."""
        if not is_new:
            self.repeated.add(number)
        moves_first = (self.first.id < self.second.id) == (number % 2 == 0)
        self.outcomes[number] = outcome if outcome is None or moves_first else -outcome
        self.elsewhere.discard(number)
        self.pending.pop(number, None)

    def test(self, sprt: Sprt, pairs: bool) -> None:
        """Stop scheduling once the test is decided."""
        counts = self.counts(pairs)
        if self.decided is None and (found := sprt.decide(counts)) is not None:
            self.decided = found
            self.pending.clear()
            self.elsewhere.clear()

    def counts(self, pairs: bool) -> list[int]:
        """Outcomes from the worst to the best for the first player: of pairs, 0 to 2 points, or of games.

        Of games as they were scheduled, up to the first that is not done: those that end soon must not decide
        for those that take long. What repeats another game says nothing.
        """
        done = itertools.takewhile(self.outcomes.__contains__, range(len(self.keys)))
        found = {number: self.outcomes[number] for number in done if number not in self.repeated}
        if not pairs:
            known = list(found.values())
            return [known.count(outcome) for outcome in (-1, 0, 1)]
        whole = [
            ((1 + one) / 2, (1 + other) / 2)
            for number, one in found.items()
            if number % 2 == 0 and one is not None and (other := found.get(number + 1)) is not None
        ]
        return pentanomial(whole)


def make_matches(event: str, label: str, pairings: list[Pairing], players: list[Entrant]) -> list[Match]:
    """The matches of a round, nothing played."""
    found = []
    for pairing in pairings:
        first, second = players[pairing.first], players[pairing.second]
        keys = [game_key(event, label, first, second, number) for number in range(pairing.games)]
        found.append(Match(pairing, first, second, keys, dict.fromkeys(range(pairing.games))))
    return found
