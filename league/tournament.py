"""The tournament: schedules games, gathers what workers play, goes on where it stopped."""

import hashlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from tengen.agents.base import Agent
from tengen.agents.registry import make_agent, parse_agent
from tengen.envs.checkers.tablebase import tablebase_for
from tengen.envs.game import Game
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.files import read_fault
from tengen.league.claims import Claims
from tengen.league.dispatch import Dispatch
from tengen.league.ending import GoReferee
from tengen.league.entrants import content_id, entrants
from tengen.league.openings import make_openings
from tengen.league.pairings import Pairing, Round, default_rounds, next_round
from tengen.league.places import Places
from tengen.league.schedule import Match, make_matches
from tengen.league.sprt import Sprt
from tengen.league.store import Outcome, Store
from tengen.league.syzygy import syzygy_tables
from tengen.league.tally import Tally
from tengen.league.tournament_config import OpeningsConfig, TournamentConfig
from tengen.league.worker import Report, Worker

MOST_OPENINGS = 10_000  # made beforehand; longer matches take them in turn
TICK_S = 0.25  # between looks at what the user wants and what other processes have played


class Tournament:
    """Plays a configured tournament into a store; several processes may play one tournament at once.

    Every finished game is in the store before it counts, so whatever ends the process, the next one plays
    only what is missing.
    """

    def __init__(self, config: TournamentConfig, store: Store) -> None:
        """Raises TengenError for whatever is wrong with game, players or openings."""
        self.config = config
        self.store = store
        self.game = make_game(config.game)
        self.event = config.event(*_contents(config.openings, self.game))
        self.players = entrants(config, self.game)
        for player in self.players:  # faults of agents are told before the night, not after
            if not player.is_engine:  # engines were started to learn who they are
                make_agent(player.agent, self.game).close()
        if config.adjudication.referee:
            if self.game.family != "go":
                raise TengenError(
                    f"adjudication.referee: a referee of dead stones is for Go, not for {self.game.name}"
                )
            GoReferee(config.adjudication.referee, config.seed).check(self.game)
        if config.adjudication.syzygy:
            if self.game.family != "chess":
                raise TengenError(
                    f"adjudication.syzygy: Syzygy's tables are for chess, not for {self.game.name}"
                )
            syzygy_tables(config.adjudication.syzygy)
        if config.adjudication.tablebase:
            tablebase_for(self.game, config.adjudication.tablebase, "adjudication.tablebase")
        self.openings = self._openings()
        self.matches: list[Match] = []  # of all rounds so far
        self.rounds: list[Round] = []
        self.new_games = 0  # that this process played
        self._sprt = _sprt(config)
        self.tally = Tally(self.players)
        self._known: dict[str, Outcome] = {}  # every finished game of the event
        self._last = 0
        self._places: dict[str, tuple[Match, int]] = {}  # of every scheduled game
        self._free: list[Worker] = []
        self._refresh()

    # --- the whole ----------------------------------------------------------------------------------------

    def play(
        self,
        stop: Callable[[], bool] | None = None,
        told: Callable[["Tournament"], None] | None = None,
    ) -> bool:
        """Play what is missing; whether all is played now. Games in flight are dropped once stop says True.

        `told` is called after each look at the workers, four times a second at least.
        """
        reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        halt = threading.Event()
        places = Places(self.config, self.game, len(self.store))
        workers = [Worker(player, reports, halt) for player in places.players]
        claims = Claims(self.store.path)
        try:
            self._free = list(workers)
            done = self._play_rounds(reports, claims, stop or (lambda: False), told or (lambda _: None))
            halt.set()
            _release(workers)
            self._gathered(_waiting(reports))
            return done
        finally:
            halt.set()
            for worker in workers:
                worker.jobs.put(None)
            claims.close()
            places.close()

    def _play_rounds(
        self,
        reports: "queue.SimpleQueue[Report]",
        claims: Claims,
        stop: Callable[[], bool],
        told: Callable[["Tournament"], None],
    ) -> bool:
        while (coming := self._next_round()) is not None:
            pairings, byes = coming
            label = "" if self.config.format in ("roundrobin", "gauntlet") else self._label()
            matches = make_matches(self.event, label, pairings, self.players)
            self._places |= {key: (match, n) for match in matches for n, key in enumerate(match.keys)}
            self.matches += matches
            for key in self._known:  # in the order in which they ended, which a sequential test goes by
                if key in self._places:
                    self._note(key)
            dispatch = Dispatch(self.config, self.openings, matches, claims, self._refresh)
            while not all(match.is_over for match in matches):
                if stop():
                    return False
                self._hand_out(dispatch)
                found = _waiting(reports, TICK_S)
                self._gathered(found)
                for report in found:
                    if report.error is not None:
                        raise report.error
                    if report.is_free and report.job is not None:
                        self._free.append(report.worker)
                        for key in report.job.keys:
                            claims.drop(key)
                dispatch.look_elsewhere()
                told(self)
            scores = {(m.pairing.first, m.pairing.second): m.score for m in matches}
            self.rounds.append(Round(scores, byes))
        return True

    def _next_round(self) -> tuple[list[Pairing], tuple[int, ...]] | None:
        config, players = self.config, len(self.players)
        limit, challengers = config.rounds, config.challengers
        return next_round(
            config.format, players, config.games, self.rounds, limit=limit, challengers=challengers
        )

    def _label(self) -> str:
        return f"{self.config.format}{len(self.rounds) + 1}"

    # --- handing out --------------------------------------------------------------------------------------

    def _hand_out(self, dispatch: Dispatch) -> None:
        while self._free and (job := dispatch.next_job()) is not None:
            worker = self._free.pop()
            if not worker.is_alive():
                worker.start()
            worker.jobs.put(job)

    def _openings(self) -> list[list[int]]:
        """The openings of this event: from the store if it has them, so that they are the same every time."""
        pairs = min(MOST_OPENINGS, (self.config.games + 1) // 2)
        config = self.config.openings
        found = self.store.openings(self.event)
        enough = len(found) >= pairs or (found and config.kind not in ("auto", "random"))
        if not enough:

            def searcher() -> Agent:
                return make_agent(config.agent, self.game, seed=self.config.seed)

            made = make_openings(config, self.game, pairs, self.config.seed, searcher)
            self.store.save_openings(self.event, made)
            found = self.store.openings(self.event)  # another process may have been first
        return found

    # --- gathering ----------------------------------------------------------------------------------------

    def _gathered(self, reports: list[Report]) -> None:
        """Put the games of reports on the disk, in one transaction, and count them."""
        games = [
            game for report in reports for game in report.games(self.event, self.game.name, self.config.seed)
        ]
        if games:
            self.new_games += self.store.add(games)
            self._refresh()

    def _refresh(self) -> None:
        """Count what the store has that is new: this process's games and others'."""
        for row in self.store.outcomes(self.event, self._last):
            self._last = row.number
            self._known[row.key] = row
            if row.key in self._places:
                self._note(row.key)

    def _note(self, key: str) -> None:
        match, number = self._places[key]
        if number not in match.outcomes:
            row = self._known[key]
            match.note(number, row.outcome, is_new=self.tally.add(row))
            if self._sprt is not None:
                match.test(self._sprt, self.config.sprt is not None and self.config.sprt.pentanomial)

    # --- looking ------------------------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """Games of this tournament that are finished."""
        return sum(len(match.outcomes) for match in self.matches)

    @property
    def total(self) -> int:
        """Games that the tournament has; of rounds to come, as many as the last one had."""
        known = sum(len(match.outcomes) if match.decided else len(match.keys) for match in self.matches)
        rounds = len({match.keys[0].split(":")[1] for match in self.matches})
        wanted = default_rounds(self.config.format, len(self.players))
        if self.config.rounds and self.config.format in ("swiss", "ladder"):
            wanted = self.config.rounds
        if self.config.format == "knockout":
            return known + sum(self.config.games * 2 ** (wanted - n - 1) for n in range(rounds, wanted))
        per_round = len(self.players) // 2 * self.config.games
        return known + max(0, wanted - rounds) * per_round if self.config.format != "roundrobin" else known


def _contents(openings: OpeningsConfig, game: Game) -> list[str]:
    """Hashes of what the openings are made from, where the configuration only says where it is."""
    found = []
    if openings.kind == "file":
        try:
            found.append(hashlib.sha256(Path(openings.file).read_bytes()).hexdigest())
        except OSError as error:
            raise read_fault(Path(openings.file), error) from None
    if openings.kind == "book":
        found.append(content_id(parse_agent(openings.agent), game))
    return found


def _waiting(reports: "queue.SimpleQueue[Report]", seconds: float = 0.0) -> list[Report]:
    """Every report there is; waits for the first one at most so long."""
    found = []
    try:
        found.append(reports.get(timeout=seconds) if seconds else reports.get_nowait())
        while True:
            found.append(reports.get_nowait())
    except queue.Empty:
        return found


def _release(workers: list[Worker]) -> None:
    """Wait until every worker has let its agents go; close them over its head if that is interrupted."""
    for worker in workers:
        worker.jobs.put(None)
    try:
        for worker in workers:
            if worker.is_alive():
                worker.join()
    except KeyboardInterrupt:
        for worker in workers:
            if worker.is_alive():
                worker.player.close()
        raise


def _sprt(config: TournamentConfig) -> Sprt | None:
    given = config.sprt
    return Sprt(given.elo0, given.elo1, given.alpha, given.beta, given.model) if given else None
