"""Ratings of a training run's checkpoints against baselines and its league."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tengen.agents.registry import AgentSpec, make_agent, parse_agent
from tengen.console import Progress
from tengen.envs import Position, make_game
from tengen.files import atomic_write_bytes
from tengen.league.entrants import content_id
from tengen.league.judge_matches import Matches, MatchesHere, MatchesLost, Pair, judged_search
from tengen.league.manager import ANCHOR, League, Member, path_from
from tengen.league.match import MatchResult
from tengen.league.notation import game_suffix, game_text
from tengen.machine import usable_cores
from tengen.networks.paths import STATE
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.config import TrainConfig

GAMES_KEPT = 2  # of each match beside training, as files; the store keeps all


class Evaluation(NamedTuple):
    """Matches of a checkpoint under way, played by a thread of its own."""

    newest: Member
    pairs: list[Pair]
    rated: int  # the first so many are the newest's own
    matches: Future[list[MatchResult]]


class LeagueJudge:
    """Plays the newest checkpoint against the configured opponents, its last rated self and the league.

    The league is the run's own or, where it trains an exploiter, that of the run whose mains this meets.
    """

    def __init__(self, config: TrainConfig, run: RunDir) -> None:
        self.config = config
        self.run = run
        self.game = make_game(config.game)
        for opponent in config.evaluation.opponents:
            make_agent(opponent, self.game).close()  # faults are told before training, not after
        self.role = config.league.role
        self.league = League(league_folder(config, run.path), self.game.name)
        latest = run.latest_checkpoint()
        self.league.forget_after(latest[0] if latest else 0, run.path)
        self._matches = _place(config, self.league.folder)
        self._thread = ThreadPoolExecutor(1, "judge")
        self._under_way: Evaluation | None = None
        self._ids: dict[Path, str] = {}  # checkpoint -> content hash
        self._closed = False

    # --- beside training ----------------------------------------------------------------------------------

    def begin(self, update: int, stop: Callable[[], bool]) -> None:
        """Start the matches of checkpoint `update`; while earlier ones are under way it is passed over.

        Once `stop` says True they are dropped.
        """
        if self._under_way is not None:
            return
        config = self.config.evaluation
        self.league.refresh()
        newest = self._snapshot(update)
        baselines = {name: self._baseline(name) for name in config.opponents}
        pairs = [Pair(name, newest, member) for name, member in baselines.items()]
        # Weights that did not change between two evaluations are one player, who does not meet itself.
        before = [m for m in self._still_there(self._own(), update) if m.id != newest.id]
        if before:
            pairs.append(Pair("previous", newest, before[-1]))
        if config.pool:
            chosen = self.league.tests(newest, config.pool, config.games, but=[m.name for m in before[-1:]])
            pool = self._still_there(chosen, update)
            pairs += [Pair(m.name, newest, m) for m in pool if m.id != newest.id]
        rated = len(pairs)
        if not self.league.results():  # let every baseline play random once, so that the scale has no gaps
            random = self._baseline(ANCHOR)
            pairs += [Pair(name, m, random) for name, m in baselines.items() if name != ANCHOR]
        matches = self._thread.submit(
            self._matches.play, pairs, config.games, self.config.seed + update, lambda: self._closed or stop()
        )
        self._under_way = Evaluation(newest, pairs, rated, matches)

    def finished(self, progress: Progress, wait: bool) -> dict[str, float]:
        """What the matches begun last came to, once they are over: scores and ratings for the log.

        Keeps their games, decides whether the checkpoint joins the league, and prints a line. Matches that
        were dropped or lost on the way count for nothing.
        """
        found = self._under_way
        if found is None or not (wait or found.matches.done()):
            return {}
        self._under_way = None
        try:
            matches = found.matches.result()
        except MatchesLost as lost:
            again = "the next evaluation begins when it is due"
            self._say(progress, f"update {found.newest.update}: not rated ({lost}); {again}")
            return {}
        whole = [match for match in matches if match.games >= self.config.evaluation.games]
        if not found.rated or len(whole) < len(found.pairs):
            return {}
        return self._take_up(found, matches, progress)

    def close(self) -> None:
        """Drop what is under way."""
        self._closed = True
        self._thread.shutdown()
        self._matches.close()

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
        pool = [match for pair, match in own if self._counts(pair.second)]
        games = sum(match.games for match in pool)
        against_pool = sum(match.score * match.games for match in pool) / games if games else None
        rated_before = [m for m in self._own() if m.id != found.newest.id]
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
        self._say(progress, line)
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
        matches = MatchesHere(self.config, self.league.folder, threads=usable_cores())
        return matches.play(pairs, self.config.evaluation.final_games, self.config.seed + 1000)

    def _say(self, progress: Progress, line: str) -> None:
        progress.say(line)
        self.run.log(line)

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
        folder = checkpoints(self.run.path)[update]
        loop = json.loads((folder / STATE).read_text())["extra"]["loop"]
        whose = f"{self.run.path.resolve().name} " if self.role == "exploiter" else ""
        return Member(
            name=f"{whose}update {update}",
            id=self._id(folder),
            role=self.role,
            agent=path_from(self.league.folder, folder),
            update=update,
            games=int(loop.get("games", 0)),
            seconds=float(loop.get("seconds", 0.0)),
        )

    def _id(self, folder: Path) -> str:
        """Of a checkpoint as the configuration lets it play now; hashed once."""
        folder = folder.resolve()
        if folder not in self._ids:
            search = judged_search(self.config)
            options = {"sims": str(self.config.evaluation.simulations), "rule": search.rule}
            self._ids[folder] = content_id(AgentSpec(str(folder), "mcts", str(folder), options), self.game)
        return self._ids[folder]

    def _own(self) -> list[Member]:
        return [member for member in self.league.snapshots() if self.league.is_of(member, self.run.path)]

    def _counts(self, member: Member) -> bool:
        """Whether a score against a member tells if the newest should join: an exploiter's against mains."""
        return member.is_snapshot and (self.role == "main" or member.role == "main")

    def _still_there(self, members: Iterable[Member], update: int) -> list[Member]:
        """Those whose weights are kept, as the configuration lets them play now; own ones before `update`."""
        found = [
            replace(member, id=self._id(folder))
            for member in members
            if ((folder := self.league.checkpoint(member)) / STATE).exists()
            and (member.update < update or not self.league.is_of(member, self.run.path))
        ]
        return list({member.id: member for member in found}.values())


def league_folder(config: TrainConfig, run: Path) -> Path:
    """Where the league is that a run trains for."""
    return Path(config.league.of).expanduser() if config.league.of else run


def _place(config: TrainConfig, league: Path) -> Matches:
    if config.evaluation.where == "thread":
        return MatchesHere(config, league)
    from tengen.league.ray_matches import MatchesOnRay

    return MatchesOnRay(config, league)


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
