"""Ratings of a training run's checkpoints against baselines and one another, beside training."""

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import NamedTuple

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import make_agent
from tengen.console import Progress
from tengen.envs import Position, make_game
from tengen.errors import TengenError
from tengen.files import atomic_write_bytes
from tengen.league.match import MatchResult, play_match
from tengen.league.notation import game_suffix, game_text
from tengen.league.ratings import Result, elo_ratings
from tengen.machine import usable_cores
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.paths import STATE
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.config import TrainConfig

ANCHOR = "random"
GAMES_KEPT = 2  # of each match beside training
RESULTS = "evaluations.json"


class Pair(NamedTuple):
    """A match to play."""

    label: str
    first: Agent
    second: Agent


class LeagueJudge:
    """Plays the newest checkpoint against the configured opponents and its last rated self."""

    def __init__(self, config: TrainConfig, run: RunDir) -> None:
        self.config = config
        self.run = run
        self.game = make_game(config.game)
        self.results: list[Result] = []
        self._previous: int | None = None  # update of the last rated checkpoint
        for opponent in config.evaluation.opponents:
            make_agent(opponent, self.game).close()  # faults are told before training, not after
        self._load()

    def rate(self, update: int, progress: Progress, stop: Callable[[], bool]) -> dict[str, float]:
        """Matches of checkpoint `update`; prints a line and returns scores and ratings for the log.

        Once `stop` says True the evaluation is dropped, and there is nothing to return.
        """
        config = self.config.evaluation
        pairs = [Pair(name, self._player(update), self._baseline(name)) for name in config.opponents]
        if self._previous is not None and self._previous in checkpoints(self.run.path):
            pairs.append(Pair("previous", self._player(update), self._player(self._previous)))
        rated = len(pairs)
        if not self.results:  # let every baseline play random once, so that the scale has no gaps
            known = [name for name in config.opponents if name != ANCHOR]
            pairs += [Pair(name, self._baseline(name), self._baseline(ANCHOR)) for name in known]
        found = self._play(pairs, config.games, self.config.seed + update, stop)
        if stop() or not rated:
            return {}
        scores = {pair.label: match.score for pair, match in zip(pairs[:rated], found, strict=False)}
        self.results += [Result(m.first, m.second, m.wins, m.draws, m.losses) for m in found]
        self._previous = update
        self._save()
        for pair, match in zip(pairs[:rated], found, strict=False):
            self._save_games(update, pair.label, match)
        ratings = elo_ratings(self.results, ANCHOR)
        rating, error = ratings[self._name(update)]
        known_ratings = "".join(f", {n} {ratings[n][0]:.0f}" for n in config.opponents if n != ANCHOR)
        words = [f"{'itself before' if name == 'previous' else name} {s:.0%}" for name, s in scores.items()]
        line = (
            f"update {update}: rating {rating:.0f} (random 0{known_ratings}); "
            f"scores against {', '.join(words)}"
        )
        progress.say(line)
        self.run.log(line)
        return {f"score/{name}": s for name, s in scores.items()} | {"rating": rating, "rating_error": error}

    def final_table(self) -> list[MatchResult]:
        """The finished network against each opponent and against itself at a third of the training."""
        steps = list(checkpoints(self.run.path))
        pairs = [
            Pair(name, self._player(steps[-1]), self._baseline(name))
            for name in self.config.evaluation.opponents
        ]
        younger = younger_self(self.run)
        if younger is not None and younger != steps[-1]:
            label = f"itself at update {younger} of {steps[-1]}"
            pairs.append(Pair(label, self._player(steps[-1]), self._player(younger, label)))
        return self._play(pairs, self.config.evaluation.final_games, self.config.seed + 1000)

    def _play(
        self, pairs: Sequence["Pair"], games: int, seed: int, stop: Callable[[], bool] | None = None
    ) -> list[MatchResult]:
        """Every pair's match, as many at once as there are cores."""

        def match(pair: Pair) -> MatchResult:
            found = play_match(self.game, pair.first, pair.second, games, seed=seed, stop=stop)
            pair.first.close()
            pair.second.close()
            return found

        with ThreadPoolExecutor(usable_cores()) as pool:
            return list(pool.map(match, pairs))

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

    def _baseline(self, name: str) -> Agent:
        return make_agent(name, self.game, seed=self.config.seed)

    def _load(self) -> None:
        """Take up the results of a resumed run, up to its newest checkpoint. Raises TengenError."""
        path = self.run.path / RESULTS
        latest = self.run.latest_checkpoint()
        if latest is None or not path.is_file():
            return
        try:
            found = [Result(**row) for row in json.loads(path.read_text())]
            self.results = [r for r in found if _update(r.first) <= latest[0]]
            rated = [_update(r.first) for r in self.results]
        except (ValueError, TypeError, AttributeError) as error:
            raise TengenError(
                f"{path}: is damaged ({str(error).splitlines()[0]}); remove it to rate the run anew"
            ) from error
        self._previous = max(rated, default=0) or None

    def _save(self) -> None:
        rows = [asdict(result) for result in self.results]
        atomic_write_bytes(self.run.path / RESULTS, json.dumps(rows).encode())

    def _name(self, update: int) -> str:
        return f"update {update}"

    def _player(self, update: int, name: str | None = None) -> Agent:
        network, _ = load_checkpoint(checkpoints(self.run.path)[update], self.game)
        search = SearchConfig(
            rule=self.config.search.rule if self.config.evaluation.simulations else "puct",
            simulations=max(1, self.config.evaluation.simulations),
            considered=16,
        )
        leaves = NetworkLeaves(NetworkEvaluator(network, threads=1))
        return MctsAgent(
            name or self._name(update), self.game, leaves, search, seed=self.config.seed + update
        )


def _update(player: str) -> int:
    """The update of a checkpoint's name, 0 for other players."""
    return int(player.removeprefix("update ")) if player.startswith("update ") else 0


def younger_self(run: RunDir) -> int | None:
    """The checkpoint nearest to a third of what the run has done, by whatever ends it."""
    done = {}
    for step, folder in checkpoints(run.path).items():
        state = json.loads((folder / STATE).read_text())
        done[step] = float(state["extra"]["loop"].get("progress") or step)
    return min(done, key=lambda step: abs(done[step] - max(done.values()) / 3)) if done else None
