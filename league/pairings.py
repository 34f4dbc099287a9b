"""Who plays whom: pure functions of the players and of what has been played.

A tournament is a sequence of rounds. Players are numbers 0 .. n - 1, in the order of the configuration, which
is also their seeding: 0 is thought strongest. A round robin and a gauntlet are one round; Swiss, knockout and
ladder look at the rounds before.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Pairing(NamedTuple):
    """Two players who are to play so many games, in pairs from one opening with colours swapped."""

    first: int
    second: int
    games: int


#: Points that the first of two players made against the second in a round, per game: 0 to 1.
Scores = Mapping[tuple[int, int], float]


class Round(NamedTuple):
    """A round that was played: its pairings with their scores, and who had to sit out."""

    scores: Scores
    byes: tuple[int, ...] = ()


def round_robin(players: int, games: int) -> list[Pairing]:
    """Everybody against everybody."""
    return [Pairing(a, b, games) for a, b in itertools.combinations(range(players), 2)]


def gauntlet(players: int, games: int, challengers: int = 1) -> list[Pairing]:
    """The first `challengers` players against each of the others."""
    return [Pairing(a, b, games) for a in range(challengers) for b in range(challengers, players)]


def swiss(players: int, games: int, rounds: Sequence[Round]) -> tuple[list[Pairing], tuple[int, ...]]:
    """The next round: equals meet, nobody meets twice while that can be; and who has a bye.

    Points are scores per game, a bye is a full point. Of an odd number the last one who had no bye sits out.
    """
    points = swiss_points(players, rounds)
    order = sorted(range(players), key=lambda player: (-points[player], player))
    had_bye = {player for one in rounds for player in one.byes}
    byes: tuple[int, ...] = ()
    if players % 2:
        out = next((player for player in reversed(order) if player not in had_bye), order[-1])
        order.remove(out)
        byes = (out,)
    met = {frozenset(pair) for one in rounds for pair in one.scores}
    pairs = _match_up(tuple(order), met, [20_000])
    if pairs is None:  # everybody has met whom they could: repeat with neighbours
        pairs = list(zip(order[::2], order[1::2], strict=True))
    return [Pairing(min(pair), max(pair), games) for pair in pairs], byes


def swiss_points(players: int, rounds: Sequence[Round]) -> list[float]:
    """Points of every player: score per game of each round, a full point for a bye."""
    points = [0.0] * players
    for one in rounds:
        for (a, b), score in one.scores.items():
            points[a] += score
            points[b] += 1 - score
        for player in one.byes:
            points[player] += 1
    return points


def _match_up(
    order: tuple[int, ...], met: set[frozenset[int]], budget: list[int]
) -> list[tuple[int, int]] | None:
    """Pair the best with the nearest whom they have not met, going back where that leaves a remainder."""
    if not order:
        return []
    budget[0] -= 1
    if budget[0] < 0:
        return None
    for k in range(1, len(order)):
        if frozenset((order[0], order[k])) not in met:
            rest = _match_up(order[1:k] + order[k + 1 :], met, budget)
            if rest is not None:
                return [(order[0], order[k]), *rest]
    return None


def bracket(players: int) -> list[tuple[int | None, int | None]]:
    """First round of a knockout: seeds placed so that 0 and 1 meet in the final; None is a free pass."""
    size = 1 << max(1, math.ceil(math.log2(max(2, players))))
    seeds = [0]
    while len(seeds) < size:
        seeds = [seed for s in seeds for seed in (s, 2 * len(seeds) - 1 - s)]
    known = [seed if seed < players else None for seed in seeds]
    return list(zip(known[::2], known[1::2], strict=True))


def winner(pair: tuple[int | None, int | None], score: float | None) -> int:
    """Who goes on from a pair in which the first scored so much; a tie goes to the better seed."""
    a, b = pair
    if a is None or b is None:
        found = b if a is None else a
        assert found is not None
        return found
    assert score is not None
    if score == 0.5:
        return min(a, b)
    return a if score > 0.5 else b


def knockout(
    players: int, games: int, rounds: Sequence[Round]
) -> tuple[list[Pairing], list[tuple[int | None, int | None]]]:
    """The next round's pairings, and the whole round of the bracket with its free passes."""
    pairs = bracket(players)
    for one in rounds:
        through = [winner(pair, _score_of(one.scores, pair)) for pair in pairs]
        pairs = list(zip(through[::2], through[1::2], strict=True))
    playing = [(a, b) for a, b in pairs if a is not None and b is not None]
    return [Pairing(min(pair), max(pair), games) for pair in playing], pairs


def _score_of(scores: Scores, pair: tuple[int | None, int | None]) -> float | None:
    a, b = pair
    if a is None or b is None:
        return None
    return scores[a, b] if (a, b) in scores else 1 - scores[b, a]


def ladder(players: int, games: int, rounds: Sequence[Round]) -> tuple[list[Pairing], list[int]]:
    """Neighbours on the ladder meet, every other rung by turns; who scores more stands above.

    Returns the round's pairings and the order before it, best first. As many rounds as players put any order
    right (odd-even transposition sort).
    """
    order = list(range(players))
    for number, one in enumerate(rounds):
        for k in range(number % 2, players - 1, 2):
            score = _score_of(one.scores, (order[k], order[k + 1]))
            if score is not None and score < 0.5:
                order[k], order[k + 1] = order[k + 1], order[k]
    rungs = range(len(rounds) % 2, players - 1, 2)
    return [Pairing(min(order[k : k + 2]), max(order[k : k + 2]), games) for k in rungs], order


def default_rounds(form: str, players: int) -> int:
    """How many rounds a form takes: enough to tell a winner."""
    log = max(1, math.ceil(math.log2(max(2, players))))
    return {"swiss": log + 1, "knockout": log, "ladder": players}.get(form, 1)


def next_round(
    form: str, players: int, games: int, rounds: Sequence[Round], *, limit: int = 0, challengers: int = 1
) -> tuple[list[Pairing], tuple[int, ...]] | None:
    """Pairings and byes of the round after those played; None when the tournament is over.

    limit: how many rounds there are, 0 for the form's own number.
    """
    wanted = default_rounds(form, players)
    if limit and form in ("swiss", "ladder"):
        wanted = limit
    if len(rounds) >= wanted:
        return None
    one: Mapping[str, Callable[[], tuple[list[Pairing], tuple[int, ...]]]] = {
        "roundrobin": lambda: (round_robin(players, games), ()),
        "gauntlet": lambda: (gauntlet(players, games, challengers), ()),
        "swiss": lambda: swiss(players, games, rounds),
        "knockout": lambda: (knockout(players, games, rounds)[0], ()),
        "ladder": lambda: (ladder(players, games, rounds)[0], ()),
    }
    return one[form]()
