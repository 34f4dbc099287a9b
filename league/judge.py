"""Ratings of a training run's checkpoints against baselines and one another, beside training."""

import json
from collections.abc import Callable
from dataclasses import asdict

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import make_agent
from tengen.console import Progress
from tengen.envs import make_game
from tengen.errors import TengenError
from tengen.files import atomic_write_bytes
from tengen.league.match import MatchResult, play_match
from tengen.league.ratings import Result, elo_ratings
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.evaluator import NetworkEvaluator
from tengen.networks.paths import STATE
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.config import TrainConfig

ANCHOR = "random"
RESULTS = "evaluations.json"


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
        names = list(config.opponents)
        results = list(self.results) or self._compare_baselines(stop)
        newest = self._player(update)
        scores: dict[str, float] = {}
        for number, name in enumerate(names):
            opponent = make_agent(name, self.game, seed=self.config.seed + number)
            scores[name] = self._match(newest, opponent, update, results, stop)
            opponent.close()
        if self._previous is not None and self._previous in checkpoints(self.run.path):
            scores["previous"] = self._match(newest, self._player(self._previous), update, results, stop)
        if stop() or not scores:
            return {}
        self.results, self._previous = results, update
        self._save()
        ratings = elo_ratings(self.results, ANCHOR)
        rating, error = ratings[self._name(update)]
        known = ", ".join(f"{name} {ratings[name][0]:.0f}" for name in names if name != ANCHOR)
        words = [f"{'itself before' if name == 'previous' else name} {s:.0%}" for name, s in scores.items()]
        progress.say(
            f"update {update}: rating {rating:.0f} +- {error:.0f} "
            f"(random 0{', ' + known if known else ''}); scores against {', '.join(words)}"
        )
        return {f"score/{name}": s for name, s in scores.items()} | {"rating": rating, "rating_error": error}

    def final_table(self) -> list[MatchResult]:
        """The finished network against each opponent and against itself at a third of the training."""
        steps = list(checkpoints(self.run.path))
        games = self.config.evaluation.final_games
        newest = self._player(steps[-1])
        opponents: list[Agent] = [
            make_agent(name, self.game, seed=self.config.seed + 1000 + i)
            for i, name in enumerate(self.config.evaluation.opponents)
        ]
        younger = younger_self(self.run)
        if younger is not None and younger != steps[-1]:
            opponents.append(self._player(younger, f"itself at update {younger} of {steps[-1]}"))
        results = []
        for opponent in opponents:
            results.append(play_match(self.game, newest, opponent, games, seed=self.config.seed + 1))
            opponent.close()
        return results

    def _compare_baselines(self, stop: Callable[[], bool]) -> list[Result]:
        """Let every baseline play random once, so that the scale has no gaps."""
        results: list[Result] = []
        anchor = make_agent(ANCHOR, self.game, seed=self.config.seed)
        for number, name in enumerate(self.config.evaluation.opponents):
            if name != ANCHOR:
                opponent = make_agent(name, self.game, seed=self.config.seed + number)
                self._match(opponent, anchor, 0, results, stop)
                opponent.close()
        return results

    def _match(
        self, first: Agent, second: Agent, update: int, results: list[Result], stop: Callable[[], bool]
    ) -> float:
        """The first agent's score in a match, which is added to the results."""
        games, seed = self.config.evaluation.games, self.config.seed + update
        found = play_match(self.game, first, second, games, seed=seed, stop=stop)
        results.append(Result(first.name, second.name, found.wins, found.draws, found.losses))
        return found.score

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
        done[step] = float(state["extra"]["loop"]["progress"]) or float(step)
    return min(done, key=lambda step: abs(done[step] - max(done.values()) / 3)) if done else None
