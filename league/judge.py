"""Ratings of a training run's checkpoints against baselines and its league."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import AgentSpec, make_agent, parse_agent
from tengen.console import Progress
from tengen.envs import Position, make_game
from tengen.files import atomic_write_bytes
from tengen.league.entrants import content_id
from tengen.league.manager import ANCHOR, League, Member
from tengen.league.match import MatchResult, play_match
from tengen.league.notation import game_suffix, game_text
from tengen.machine import usable_cores
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.paths import STATE
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.config import TrainConfig

GAMES_KEPT = 2  # of each match beside training, as files; the store keeps all


class Pair(NamedTuple):
    """A match to play."""

    label: str
    first: Member
    second: Member


class Evaluation(NamedTuple):
    """Matches of a checkpoint under way, played by a thread of its own."""

    newest: Member
    pairs: list[Pair]
    rated: int  # the first so many are the newest's own
    matches: Future[list[MatchResult]]


class LeagueJudge:
    """Plays the newest checkpoint against the configured opponents, its last rated self and the league."""

    def __init__(self, config: TrainConfig, run: RunDir) -> None:
        self.config = config
        self.run = run
        self.game = make_game(config.game)
        for opponent in config.evaluation.opponents:
            make_agent(opponent, self.game).close()  # faults are told before training, not after
        self.league = League(run.path, self.game.name)
        latest = run.latest_checkpoint()
        self.league.forget_after(latest[0] if latest else 0)
        self._thread = ThreadPoolExecutor(1, "judge")
        self._under_way: Evaluation | None = None
        self._known: dict[int, Member] = {}  # update -> its checkpoint, hashed once
        self._closed = False

    # --- beside training ----------------------------------------------------------------------------------

    def begin(self, update: int, stop: Callable[[], bool]) -> None:
        """Start the matches of checkpoint `update`; while earlier ones are under way it is passed over.

        Once `stop` says True they are dropped.
        """
        if self._under_way is not None:
            return
        config = self.config.evaluation
        newest = self._snapshot(update)
        baselines = {name: self._baseline(name) for name in config.opponents}
        pairs = [Pair(name, newest, member) for name, member in baselines.items()]
        # Weights that did not change between two evaluations are one player, who does not meet itself.
        before = [m for m in self._still_there(self.league.snapshots(), update) if m.id != newest.id]
        if before:
            pairs.append(Pair("previous", newest, before[-1]))
        if config.pool and len(before) > 1:
            chosen = self.league.tests(newest, config.pool, config.games, but=[before[-1].name])
            pairs += [Pair(m.name, newest, m) for m in self._still_there(chosen, update)]
        rated = len(pairs)
        if not self.league.results():  # let every baseline play random once, so that the scale has no gaps
            random = self._baseline(ANCHOR)
            pairs += [Pair(name, m, random) for name, m in baselines.items() if name != ANCHOR]
        matches = self._thread.submit(
            self._play, pairs, config.games, self.config.seed + update, lambda: self._closed or stop()
        )
        self._under_way = Evaluation(newest, pairs, rated, matches)

    def finished(self, progress: Progress, wait: bool) -> dict[str, float]:
        """What the matches begun last came to, once they are over: scores and ratings for the log.

        Keeps their games, decides whether the checkpoint joins the league, and prints a line. Matches that
        were dropped on the way count for nothing.
        """
        found = self._under_way
        if found is None or not (wait or found.matches.done()):
            return {}
        self._under_way = None
        matches = found.matches.result()
        if not found.rated or any(match.games < self.config.evaluation.games for match in matches):
            return {}
        return self._take_up(found, matches, progress)

    def close(self) -> None:
        """Drop what is under way."""
        self._closed = True
        self._thread.shutdown()
        self._closed = False

    # --- the parts ----------------------------------------------------------------------------------------

    def _take_up(self, found: Evaluation, matches: list[MatchResult], progress: Progress) -> dict[str, float]:
        config, update = self.config.evaluation, found.newest.update
        for pair, match in zip(found.pairs, matches, strict=True):
            for member in (pair.first, pair.second):
                if member.id != found.newest.id:
                    self.league.add(member)
            self.league.record(pair.first, pair.second, match, f"update {update}", self.config.seed + update)
            self._save_games(update, pair.label, match)
        own = list(zip(found.pairs[: found.rated], matches, strict=False))
        pool = [match for pair, match in own if pair.second.is_snapshot]
        games = sum(match.games for match in pool)
        against_pool = sum(match.score * match.games for match in pool) / games if games else None
        rated_before = [m for m in self.league.snapshots() if m.id != found.newest.id]
        due = (len(rated_before) + 1) % config.join_every == 0
        why = self.league.why_joins(against_pool, due=due, beats=config.join_score)
        self.league.add(replace(found.newest, pooled=bool(why), why=why))

        scores = {pair.label: match.score for pair, match in own}
        ratings = self.league.ratings()
        rating, error = ratings[found.newest.id]
        baselines = {m.name: ratings[m.id][0] for _, _, m in found.pairs if not m.is_snapshot}
        known = "".join(f", {name} {elo:.0f}" for name, elo in baselines.items() if name != ANCHOR)
        words = [f"{'itself before' if name == 'previous' else name} {s:.0%}" for name, s in scores.items()]
        line = f"update {update}: rating {rating:.0f} (random 0{known}); scores against {', '.join(words)}"
        progress.say(line)
        self.run.log(line)
        logged = {f"score/{pair.label}": m.score for pair, m in own if pair.label in _kept(config.opponents)}
        if against_pool is not None:
            logged["score/pool"] = against_pool
        return logged | {"rating": rating, "rating_error": error, "rating_update": float(update)}

    def final_table(self) -> list[MatchResult]:
        """The finished network against each opponent and against itself at a third of the training."""
        steps = list(checkpoints(self.run.path))
        newest = self._snapshot(steps[-1])
        pairs = [Pair(name, newest, self._baseline(name)) for name in self.config.evaluation.opponents]
        younger = younger_self(self.run)
        if younger is not None and younger != steps[-1]:
            label = f"itself at update {younger} of {steps[-1]}"
            pairs.append(Pair(label, newest, replace(self._snapshot(younger), name=label)))
        return self._play(
            pairs, self.config.evaluation.final_games, self.config.seed + 1000, threads=usable_cores()
        )

    def _play(
        self,
        pairs: Sequence[Pair],
        games: int,
        seed: int,
        stop: Callable[[], bool] | None = None,
        threads: int | None = None,
    ) -> list[MatchResult]:
        """Every pair's match, so many at once as the configuration gives cores to."""

        def match(pair: Pair) -> MatchResult:
            first, second = self._player(pair.first), self._player(pair.second)
            try:
                return play_match(self.game, first, second, games, seed=seed, stop=stop)
            finally:
                first.close()
                second.close()

        with ThreadPoolExecutor(self._threads() if threads is None else threads) as pool:
            return list(pool.map(match, pairs))

    def _threads(self) -> int:
        config = self.config.evaluation
        share = usable_cores() // 4 if config.beside else usable_cores()
        return config.threads or max(1, share)

    def _save_games(self, update: int, label: str, match: MatchResult) -> None:
        """The first pair of games of a match, for people to look at."""
        for record in match.records[:GAMES_KEPT]:
            played = Position(self.game)
            for action in record.actions:
                played.apply(action)
            names = (match.first, match.second)
            players = names if record.first_agent_plays == 0 else names[::-1]
            file = re.sub(r"[^A-Za-z0-9]+", "-", f"{update:08d} {label} {record.number}") + game_suffix(
                self.game
            )
            text = game_text(self.game, played, players, record.result)
            atomic_write_bytes(self.run.path / "games" / file, text.encode())

    # --- players ------------------------------------------------------------------------------------------

    def _baseline(self, name: str) -> Member:
        return Member(name, content_id(parse_agent(name), self.game), "baseline", name)

    def _snapshot(self, update: int) -> Member:
        """A checkpoint as a member; alike in two runs only where weights and search are alike."""
        if update in self._known:
            return self._known[update]
        folder = checkpoints(self.run.path)[update]
        loop = json.loads((folder / STATE).read_text())["extra"]["loop"]
        search = {"sims": str(self.config.evaluation.simulations), "rule": self._search().rule}
        spec = AgentSpec(str(folder), "mcts", str(folder), search)
        self._known[update] = Member(
            name=f"update {update}",
            id=content_id(spec, self.game),
            role="main",
            agent=str(folder.relative_to(self.run.path)),
            update=update,
            games=int(loop.get("games", 0)),
            seconds=float(loop.get("seconds", 0.0)),
        )
        return self._known[update]

    def _search(self) -> SearchConfig:
        simulations = self.config.evaluation.simulations
        rule = self.config.search.rule if simulations else "puct"
        return SearchConfig(rule=rule, simulations=max(1, simulations), considered=16)

    def _still_there(self, members: Iterable[Member], update: int) -> list[Member]:
        """Snapshots older than `update` whose weights are kept, as the configuration lets them play now."""
        kept = checkpoints(self.run.path)
        found = [
            replace(member, id=self._snapshot(member.update).id)
            for member in members
            if member.update < update and member.update in kept
        ]
        return list({member.id: member for member in found}.values())

    def _player(self, member: Member) -> Agent:
        if not member.is_snapshot:
            return make_agent(member.agent, self.game, seed=self.config.seed)
        network, _ = load_checkpoint(self.run.path / member.agent, self.game)
        leaves = NetworkLeaves(NetworkEvaluator(network, threads=1))
        seed = self.config.seed + member.update
        return MctsAgent(member.name, self.game, leaves, self._search(), seed=seed)


def _kept(opponents: Sequence[str]) -> set[str]:
    """Labels whose scores have a curve of their own; those of members of the league come and go."""
    return {*opponents, "previous"}


def younger_self(run: RunDir) -> int | None:
    """The checkpoint nearest to a third of what the run has done, by whatever ends it."""
    done = {}
    for step, folder in checkpoints(run.path).items():
        state = json.loads((folder / STATE).read_text())
        done[step] = float(state["extra"]["loop"].get("progress") or step)
    return min(done, key=lambda step: abs(done[step] - max(done.values()) / 3)) if done else None
