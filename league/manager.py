"""A training run's population: who is in it, in which role, and every game that they played.

Members are kept in the run's league.json, games in its league.sqlite; ratings and payoffs are worked out from
the games whenever they are asked for. Both outlive the process. Several processes may write: the run, and
those that train exploiters of it.
"""

import contextlib
import fcntl
import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tengen.errors import TengenError
from tengen.files import atomic_write_bytes, disk_faults, read_fault
from tengen.league.match import MatchResult
from tengen.league.matchmaking import UNKNOWN, Floats, Weighting, choose_pairs, fictitious, win_probability
from tengen.league.ratings import Result, plain_ratings
from tengen.league.score import Z95
from tengen.league.store import Store, StoredGame

STORE = "league.sqlite"
MEMBERS = "league.json"
LOCK = ".league.lock"  # held while league.json is read and written again
ANCHOR = "random"
EVENT = "league"
Role = Literal["main", "exploiter", "baseline"]
ROLES: tuple[Role, ...] = ("main", "exploiter", "baseline")


@dataclass(frozen=True)
class Member:
    """A player of a league.

    main: a snapshot of what the run is about; exploiter: one that is trained to find faults in mains;
    baseline: a fixed agent that ratings are measured by.
    """

    name: str
    id: str  # content hash, as `entrants.content_id` makes it
    role: Role
    agent: str  # agent string, or the checkpoint's folder relative to the league's
    update: int = 0  # of the training run; 0 for players who are no snapshots
    games: int = 0  # of self-play until then
    seconds: float = 0.0  # of training until then
    pooled: bool = True  # may be drawn as an opponent; False: was rated, and did not join
    why: str = ""  # it joined: "first", "due", "beat the pool"

    @property
    def is_snapshot(self) -> bool:
        return self.role != "baseline"


class League:
    """The members and games of one folder. Raises TengenError where its files are damaged."""

    def __init__(self, folder: Path, game: str) -> None:
        self.folder = folder
        self.game = game
        self.members: list[Member] = read_members(folder)

    # --- who is in it -------------------------------------------------------------------------------------

    def add(self, member: Member) -> None:
        """Take a player in, or replace what is known of it."""
        if member.role not in ROLES:
            raise TengenError(f"member '{member.name}': role '{member.role}' is none of {', '.join(ROLES)}")

        def with_it(members: list[Member]) -> list[Member]:
            known = [other.id for other in members]
            found = [member if other.id == member.id else other for other in members]
            return found if member.id in known else [*found, member]

        self._change(with_it)

    def forget_after(self, update: int, run: Path | None = None) -> None:
        """Drop snapshots that a resumed run (default: the league's own) no longer has; their games stay."""
        self._change(
            lambda members: [
                m for m in members if m.update <= update or not self.is_of(m, run or self.folder)
            ]
        )

    def refresh(self) -> None:
        """Learn who joined by other processes."""
        self.members = read_members(self.folder)

    def checkpoint(self, member: Member) -> Path:
        """The folder of a snapshot's weights."""
        return self.folder / member.agent

    def is_of(self, member: Member, run: Path) -> bool:
        """Whether a snapshot is one that this run made; its checkpoint need not be there any more."""
        return member.is_snapshot and (
            self.checkpoint(member).resolve().parent == (run / "checkpoints").resolve()
        )

    def snapshots(self, pooled: bool = False) -> list[Member]:
        """Those that a run made, oldest first; with `pooled` only those who joined."""
        found = [m for m in self.members if m.is_snapshot and (m.pooled or not pooled)]
        return sorted(found, key=lambda member: member.update)

    def opponents(self, role: Role) -> list[Member]:
        """Whom a player of this role trains against: exploiters meet mains only, mains everybody."""
        return [m for m in self.members if m.pooled and (role == "main" or m.role == "main")]

    def why_joins(self, score: float | None, *, due: bool, beats: float) -> str:
        """Why a new snapshot with this score against the pool joins; "" if it does not."""
        if not self.snapshots(pooled=True):
            return "first"
        if score is not None and score >= beats:
            return "beat the pool"
        return "due" if due else ""

    # --- games --------------------------------------------------------------------------------------------

    def record(self, first: Member, second: Member, match: MatchResult, key: str, seed: int = 0) -> int:
        """Keep a match's games; returns how many are new. `key` tells this match from all others."""
        with self.store() as store:
            return store.add(stored_games(first, second, match, key, seed))

    def store(self) -> Store:
        """The games. To be closed."""
        return Store.open(self.folder / STORE, check=False)

    def results(self) -> list[Result]:
        """What ratings are made of; nothing where nobody has played."""
        if not (self.folder / STORE).exists():
            return []
        with self.store() as store:
            return store.results()

    def ratings(self) -> dict[str, tuple[float, float]]:
        """Elo and 95 % error by id, relative to the random player's 0."""
        if not (self.folder / STORE).exists():
            return {}
        with self.store() as store:
            results, names = store.results(), store.names()
        found = {r.name: (r.elo, r.error) for r in plain_ratings(results, ANCHOR).ratings}
        return {id_: found[name] for id_, name in names.items() if name in found}

    # --- matchmaking --------------------------------------------------------------------------------------

    def tests(self, newest: Member, count: int, games: int, but: Iterable[str] = ()) -> list[Member]:
        """The pooled snapshots against whom matches of so many games tell most about the newest."""
        met = {m.id for m in self.opponents(newest.role)}
        pool = [m for m in self.snapshots(pooled=True) if m.id in met and m.id != newest.id]
        pool = [m for m in pool if m.name not in set(but)]
        if not pool:
            return []
        ratings = self.ratings()
        players = [*pool, newest]
        known = [ratings.get(m.id, (float("nan"), UNKNOWN)) for m in players]
        elo, error = np.array([k[0] for k in known]), np.array([k[1] for k in known])
        # A snapshot that has not played is taken to be as strong as the one before it.
        before = elo[np.isfinite(elo)]
        elo = np.where(np.isfinite(elo), elo, before[-1] if len(before) else 0.0)
        allowed = np.zeros((len(players), len(players)), bool)
        allowed[-1, :-1] = True
        return [pool[i] for i, _ in choose_pairs(elo, error, count, games, allowed)]

    def training_odds(
        self,
        learner: Member,
        weighting: Weighting = "hard",
        power: float = 2.0,
        among: Collection[str] | None = None,
    ) -> tuple[list[Member], Floats]:
        """Whom the learner should train against, with probabilities: prioritised fictitious self-play.

        Where it has not met somebody its win rate is what ratings say, or even where they say nothing.
        `among`: ids of those who can be had, where not all can. Raises TengenError while nobody may be drawn.
        """
        members = [m for m in self.opponents(learner.role) if m.id != learner.id]
        members = [m for m in members if among is None or m.id in among]
        with self.store() as store:
            results, names = store.results(), store.names()
        rates = win_rates(results, names.get(learner.id, learner.name))
        ratings = self.ratings()
        p = [rates.get(names.get(m.id, m.name), _expected(ratings, learner, m)) for m in members]
        return members, fictitious(np.array(p), weighting, power)

    def _change(self, change: Callable[[list[Member]], list[Member]]) -> None:
        """Change what the file holds now, which others may have written to since it was read."""
        with self._alone():
            self.refresh()
            members = change(self.members)
            if members == self.members:
                return
            rows = {"game": self.game, "members": [asdict(member) for member in members]}
            atomic_write_bytes(self.folder / MEMBERS, json.dumps(rows, indent=1, ensure_ascii=False).encode())
            self.members = members

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others, threads too, from writing; the kernel drops the lock of who dies."""
        path = self.folder / LOCK
        with disk_faults(path, "lock the league"):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            with disk_faults(path, "lock the league"):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def path_from(league: Path, checkpoint: Path) -> str:
    """The folder of a checkpoint as seen from a league's, to be found from there by every process."""
    return os.path.relpath(checkpoint.resolve(), league.resolve())


def read_members(folder: Path) -> list[Member]:
    """The members kept in a folder; none where it is no run's. Raises TengenError."""
    path = folder / MEMBERS
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise read_fault(path, error) from None
    try:
        found = [Member(**row) for row in json.loads(text)["members"]]
        if not all(isinstance(m.name, str) and isinstance(m.update, int) and m.role in ROLES for m in found):
            raise ValueError("a member is not of the form that Tengen writes")
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TengenError(f"{path}: is damaged ({reason}); remove it to start the league anew") from None
    return found


def win_rates(results: Iterable[Result], player: str) -> dict[str, float]:
    """Points a game of a player against each whom it met."""
    points: dict[str, float] = {}
    games: dict[str, int] = {}
    for r in results:
        if player not in (r.first, r.second) or not r.games:
            continue
        other = r.second if r.first == player else r.first
        won = r.wins if r.first == player else r.losses
        points[other] = points.get(other, 0.0) + won + r.draws / 2
        games[other] = games.get(other, 0) + r.games
    return {other: points[other] / games[other] for other in games}


def _expected(ratings: Mapping[str, tuple[float, float]], player: Member, other: Member) -> float:
    """Points a game of a player against another, by their ratings; NaN where one has none."""
    (elo, error), (other_elo, other_error) = (
        ratings.get(m.id, (float("nan"), UNKNOWN)) for m in (player, other)
    )
    known = [e if math.isfinite(e) else UNKNOWN for e in (error, other_error)]
    return float(win_probability(np.array(elo - other_elo), math.hypot(*known) / Z95))


def stored_games(
    first: Member, second: Member, match: MatchResult, key: str, seed: int = 0
) -> list[StoredGame]:
    """A match's games as the store keeps them: there, `first` is who moved first."""
    found = []
    for record in match.records:
        one, other = (first, second) if record.first_agent_plays == 0 else (second, first)
        found.append(
            StoredGame(
                key=f"{EVENT}:{key}:{first.id}:{second.id}:{record.number}",
                event=EVENT,
                game=match.game,
                first=one.name,
                second=other.name,
                first_id=one.id,
                second_id=other.id,
                outcome=record.outcome * (1 - 2 * record.first_agent_plays),
                result=record.result,
                opening_plies=record.opening_plies,
                actions=record.actions,
                seed=seed,
            )
        )
    return found
