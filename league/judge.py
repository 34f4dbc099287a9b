"""Ratings of a training run's checkpoints against baselines and one another, beside training."""

import json
from dataclasses import asdict

from tengen.networks.checkpoint import load_checkpoint

from tengen.agents.base import Agent
from tengen.agents.mcts.agent import MctsAgent
from tengen.agents.mcts.config import SearchConfig
from tengen.agents.mcts.evaluators import NetworkLeaves
from tengen.agents.registry import make_agent
from tengen.console import Progress
from tengen.envs import make_game
from tengen.files import atomic_write_bytes
from tengen.league.match import MatchResult, play_match
from tengen.league.ratings import Result, elo_ratings
from tengen.networks.evaluator import NetworkEvaluator
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

    def rate(self, update: int, progress: Progress) -> dict[str, float]:
        """Matches of checkpoint `update`; prints a line and returns scores and ratings for the log."""
        config = self.config.evaluation
        newest = self._player(update)
        names = list(config.opponents)
        if not self.results:
            self._compare_baselines()
        metrics: dict[str, float] = {}
        words = []
        for number, name in enumerate(names):
            opponent = make_agent(name, self.game, seed=self.config.seed + number)
            score = self._match(newest, opponent, update).score
            opponent.close()
            metrics[f"score/{name}"] = score
            words.append(f"{name} {score:.0%}")
        if self._previous is not None and self._previous in checkpoints(self.run.path):
            metrics["score/previous"] = self._match(newest, self._player(self._previous), update).score
            words.append(f"itself before {metrics['score/previous']:.0%}")
        self._previous = update
        self._save()
        ratings = elo_ratings(self.results, ANCHOR)
        metrics["rating"], metrics["rating_error"] = ratings[self._name(update)]
        known = ", ".join(f"{name} {ratings[name][0]:.0f}" for name in names if name != ANCHOR)
        progress.say(
            f"update {update}: rating {metrics['rating']:.0f} +- {metrics['rating_error']:.0f} "
            f"(random 0{', ' + known if known else ''}); scores against {', '.join(words)}"
        )
        return metrics

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

    def _compare_baselines(self) -> None:
        """Let every baseline play random once, so that the scale has no gaps."""
        anchor = make_agent(ANCHOR, self.game, seed=self.config.seed)
        for number, name in enumerate(self.config.evaluation.opponents):
            if name != ANCHOR:
                opponent = make_agent(name, self.game, seed=self.config.seed + number)
                found = play_match(
                    self.game, opponent, anchor, self.config.evaluation.games, seed=self.config.seed
                )
                self.results.append(Result(name, ANCHOR, found.wins, found.draws, found.losses))

    def _match(self, newest: Agent, opponent: Agent, update: int) -> MatchResult:
        games = self.config.evaluation.games
        found = play_match(self.game, newest, opponent, games, seed=self.config.seed + update)
        self.results.append(Result(newest.name, opponent.name, found.wins, found.draws, found.losses))
        return found

    def _load(self) -> None:
        """Take up the results of a resumed run, up to its newest checkpoint."""
        path = self.run.path / RESULTS
        latest = self.run.latest_checkpoint()
        if latest is None or not path.is_file():
            return
        self.results = [Result(**row) for row in json.loads(path.read_text())]
        rated = [int(r.first.split()[-1]) for r in self.results if r.first.startswith("update ")]
        self._previous = rated[-1] if rated else None

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


def younger_self(run: RunDir) -> int | None:
    """The checkpoint nearest to a third of the run's updates."""
    steps = list(checkpoints(run.path))
    return min(steps, key=lambda step: abs(step - steps[-1] / 3)) if steps else None
