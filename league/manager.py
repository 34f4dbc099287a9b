"""A training run's population: who is in it, in which role, and every game that they played.

Members are kept in the run's league.json, games in its league.sqlite; ratings and payoffs are worked out from
the games whenever they are asked for. Both outlive the process.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tengen.errors import TengenError
from tengen.files import atomic_write_bytes, read_fault
from tengen.league.match import MatchResult
from tengen.league.matchmaking import UNKNOWN, Floats, Weighting, choose_pairs, fictitious
from tengen.league.ratings import Result, elo_ratings
from tengen.league.store import Store, StoredGame

STORE = "league.sqlite"
MEMBERS = "league.json"
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
    agent: str  # agent string, or the checkpoint's folder relative to the run
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
        known = [other.id for other in self.members]
        members = [member if other.id == member.id else other for other in self.members]
        members += [] if member.id in known else [member]
        if members != self.members:
            self.members = members
            self._save()

    def forget_after(self, update: int) -> None:
        """Drop snapshots that a resumed run no longer has; their games stay."""
        kept = [member for member in self.members if member.update <= update]
        if kept != self.members:
            self.members = kept
            self._save()

    def snapshots(self, pooled: bool = False) -> list[Member]:
        """Those that the run made, oldest first; with `pooled` only those who joined."""
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
        found = elo_ratings(results, ANCHOR)
        return {id_: found[name] for id_, name in names.items() if name in found}

    # --- matchmaking --------------------------------------------------------------------------------------

    def tests(self, newest: Member, count: int, games: int, but: Iterable[str] = ()) -> list[Member]:
        """The pooled snapshots against whom matches of so many games tell most about the newest."""
        pool = [m for m in self.snapshots(pooled=True) if m.id != newest.id and m.name not in set(but)]
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
        self, learner: Member, weighting: Weighting = "hard", power: float = 2.0
    ) -> tuple[list[Member], Floats]:
        """Whom the learner should train against, with probabilities: prioritised fictitious self-play.

        Raises TengenError while nobody may be drawn.
        """
        members = [m for m in self.opponents(learner.role) if m.id != learner.id]
        with self.store() as store:
            results, names = store.results(), store.names()
        rates = win_rates(results, names.get(learner.id, learner.name))
        p = np.array([rates.get(names.get(m.id, m.name), float("nan")) for m in members])
        return members, fictitious(p, weighting, power)

    def _save(self) -> None:
        rows = {"game": self.game, "members": [asdict(member) for member in self.members]}
        atomic_write_bytes(self.folder / MEMBERS, json.dumps(rows, indent=1, ensure_ascii=False).encode())


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
