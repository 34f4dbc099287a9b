"""What a store of games says, gathered for people to read: standings, payoffs, history, openings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.league.manager import ANCHOR, Member, read_members
from tengen.league.nash import Payoff, alpha_rank, nash_average, payoff
from tengen.league.notation import game_turns
from tengen.league.ratings import PLAIN_PRIOR, RatingList, Result, plain_ratings, rate
from tengen.league.result_files import clean_name
from tengen.league.store import Store, StoredGame
from tengen.league.timeline import timeline

MOST_CYCLES = 200  # players, beyond whom a Nash average takes long
CUTS = 12  # points of a curve made of a store's games alone
WORDED = 200  # openings written out in notation
HOUR_S = 3600.0
LONG_S = 2 * HOUR_S  # what takes longer is told in hours, else in minutes


class Point(NamedTuple):
    """A rating at a time."""

    x: float
    elo: float
    error: float
    name: str  # of the player then: a snapshot's own


class Curve(NamedTuple):
    """How a rating went. One point alone stands for a player that does not change."""

    name: str
    points: tuple[Point, ...]


class History(NamedTuple):
    """Curves over one measure of time."""

    axis: str  # "hours of training"
    curves: tuple[Curve, ...]


class Opening(NamedTuple):
    """What came of the games that began alike."""

    game: str
    turns: str
    games: int
    score: float  # of who moves first, points a game


class Cycles(NamedTuple):
    """Who is strong where strength goes in circles, in the order of the standings; see `nash`."""

    nash: list[float]  # shares of the mixture that nobody beats
    alpha_rank: list[float]  # shares of time of an evolving population


@dataclass(frozen=True)
class Report:
    """Everything about a store. Names are cleaned of control characters."""

    title: str
    games: int  # all that were kept
    void: int
    repeats: int
    standings: RatingList
    payoff: Payoff  # in the order of the standings
    cycles: Cycles | None  # None for two players, and for very many
    roles: Mapping[str, str]
    anchors: Mapping[str, float]
    histories: tuple[History, ...]
    openings: tuple[Opening, ...]
    kept: tuple[StoredGame, ...] = field(repr=False)  # those with moves, in order
    names: Mapping[str, str] = field(repr=False)  # content hash -> name

    def to_json(self) -> dict[str, Any]:
        """As `tengen league --json` prints it; None where two players never met."""
        rows = self.standings.to_json()
        for row in rows["ratings"]:
            row["role"] = self.roles.get(row["name"], "")
        score = np.where(self.payoff.games > 0, self.payoff.score, np.nan)
        return {
            "games": self.games,
            "void": self.void,
            "repeats": self.repeats,
            "standings": rows.pop("ratings"),
            **rows,
            "payoff": {"names": self.payoff.names, "score": score, "games": self.payoff.games},
            **(self.cycles._asdict() if self.cycles else {}),
            "history": [
                {"axis": h.axis, "curves": [[c.name, [p._asdict() for p in c.points]] for c in h.curves]}
                for h in self.histories
            ],
            "openings": [opening._asdict() for opening in self.openings],
        }


def gather(path: Path, anchors: Mapping[str, float] | None = None) -> Report:
    """Read a store and the members beside it.

    anchors: players held at an Elo, by name; without any, a training run has plain Elo over chance, as it
    logs it. Raises TengenError where there is nothing to rate, or an anchor has not played.
    """
    with Store.open(path, create=False) as store:
        games = list(store.games())
        names = {id_: clean_name(name) for id_, name in store.names().items()}
        repeats = store.repeats()
    counted = _counted(games)
    if not counted:
        raise TengenError(f"{path}: no finished game in it")
    results = results_of(counted, names)
    members = [member for member in read_members(path.parent) if member.id in names]
    anchors = dict(anchors or {})
    if is_run := not anchors and any(names[m.id] == ANCHOR for m in members):
        anchors = {ANCHOR: 0.0}  # on the scale that the run logs
    standings = plain_ratings(results, ANCHOR) if is_run else rate(results, anchors=anchors)
    ordered = _ordered(payoff(results), [r.name for r in standings.ratings])
    return Report(
        title=path.parent.name if path.stem == "league" else path.stem,
        games=len(games),
        void=sum(game.outcome is None for game in games),
        repeats=repeats,
        standings=standings,
        payoff=ordered,
        cycles=_cycles(ordered),
        roles={names[member.id]: member.role for member in members},
        anchors=anchors,
        histories=_histories(counted, results, members, names, anchors, plain=is_run),
        openings=openings_of(counted),
        kept=tuple(game for game in games if game.actions is not None and game.game),
        names=names,
    )


def _counted(games: Sequence[StoredGame]) -> list[StoredGame]:
    """The games that ratings are made of: not void, and none that repeats another's moves."""
    first: dict[tuple[str, str, str], StoredGame] = {}
    for game in games:
        if game.outcome is not None:
            first.setdefault((game.first_id, game.second_id, game.fingerprint), game)
    return list(first.values())


def results_of(games: Sequence[StoredGame], names: Mapping[str, str]) -> list[Result]:
    """The games added up by pair, who moved first against who moved second."""
    sums: dict[tuple[str, str], list[int]] = {}
    for game in games:
        assert game.outcome is not None
        row = sums.setdefault((names[game.first_id], names[game.second_id]), [0, 0, 0])
        row[1 - game.outcome] += 1
    return [Result(*pair, *row) for pair, row in sums.items()]


def _ordered(found: Payoff, names: list[str]) -> Payoff:
    order = [found.names.index(name) for name in names]
    return Payoff(names, found.score[np.ix_(order, order)], found.games[np.ix_(order, order)])


def _cycles(found: Payoff) -> Cycles | None:
    if not 2 < len(found.names) <= MOST_CYCLES:
        return None
    return Cycles(nash_average(found.advantage).mixture.tolist(), alpha_rank(found.advantage).tolist())


# --- history ----------------------------------------------------------------------------------------------


def _histories(
    games: Sequence[StoredGame],
    results: Sequence[Result],
    members: Sequence[Member],
    names: Mapping[str, str],
    anchors: Mapping[str, float],
    *,
    plain: bool,
) -> tuple[History, ...]:
    snapshots = [member for member in members if member.is_snapshot]
    if len(snapshots) > 1:
        unit, unit_s = _unit(max(m.seconds for m in snapshots))
        hours = {names[m.id]: (m.role, m.seconds / unit_s) for m in snapshots}
        counts = {names[m.id]: (m.role, float(m.games)) for m in snapshots}
        return (
            _of_run(f"{unit} of training", results, hours, anchors, plain),
            _of_run("games of self-play", results, counts, anchors, plain),
        )
    return _of_games(games, names, anchors)


def _unit(seconds: float) -> tuple[str, float]:
    return ("hours", HOUR_S) if seconds > LONG_S else ("minutes", 60.0)


def _of_run(
    axis: str,
    results: Sequence[Result],
    snapshots: Mapping[str, tuple[str, float]],
    anchors: Mapping[str, float],
    plain: bool,
) -> History:
    """A curve through the snapshots of each role, and a point for every other player."""
    times = {name: time for name, (_, time) in snapshots.items()}
    scale = {"advantage": 0.0, "draw_elo": 0.0, "prior_draws": PLAIN_PRIOR} if plain else {}
    found = timeline(results, times, anchors=anchors, **scale)
    curves: dict[str, list[Point]] = {}
    for moment in found.moments:
        curve = snapshots[moment.name][0] if moment.time is not None else moment.name
        point = Point(moment.time or 0.0, moment.elo, moment.error, moment.name)
        curves.setdefault(curve, []).append(point)
    return History(axis, tuple(Curve(name, tuple(points)) for name, points in curves.items()))


def _of_games(
    games: Sequence[StoredGame], names: Mapping[str, str], anchors: Mapping[str, float]
) -> tuple[History, ...]:
    """Ratings of all players by the first games only, by more, and by all."""
    began = games[0].ended
    unit, unit_s = _unit(games[-1].ended - began)
    by_count: dict[str, list[Point]] = {}
    by_hour: dict[str, list[Point]] = {}
    for end in sorted({round(len(games) * (k + 1) / CUTS) for k in range(CUTS)}):
        if end < 1:
            continue
        results = results_of(games[:end], names)
        playing = {name for r in results for name in (r.first, r.second)}
        held = {name: elo for name, elo in anchors.items() if name in playing}
        if anchors and not held:  # the scale has nothing to hang on yet
            continue
        for r in rate(results, anchors=held).ratings:
            hours = (games[end - 1].ended - began) / unit_s
            by_count.setdefault(r.name, []).append(Point(end, r.elo, r.error, r.name))
            by_hour.setdefault(r.name, []).append(Point(hours, r.elo, r.error, r.name))
    last = sorted(by_count, key=lambda name: -by_count[name][-1].elo)
    histories = [History("games played", tuple(Curve(name, tuple(by_count[name])) for name in last))]
    if games[-1].ended - began > 1:
        histories.append(
            History(f"{unit} since the first game", tuple(Curve(name, tuple(by_hour[name])) for name in last))
        )
    return tuple(histories)


# --- openings ---------------------------------------------------------------------------------------------


def openings_of(games: Sequence[StoredGame]) -> tuple[Opening, ...]:
    """How whoever moved first fared from each opening, those played most first."""
    sums: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for game in games:
        if game.actions is not None and game.game:
            row = sums.setdefault((game.game, game.actions[: game.opening_plies]), [0, 0.0])
            row[0] += 1
            row[1] += ((game.outcome or 0) + 1) / 2
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(
        Opening(name, _words(name, actions) if k < WORDED else "", int(count), points / count)
        for k, ((name, actions), (count, points)) in enumerate(ranked)
    )


def _words(game: str, actions: tuple[int, ...]) -> str:
    try:
        return " ".join(game_turns(make_game(game), actions))
    except TengenError:  # a game, or a move, that this Tengen does not know
        return "?"
