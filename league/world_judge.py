"""Raw scores of a run's newest network, played beside training in worlds of their own."""

import copy
import json
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from tengen.agents.dqn.agent import QAgent
from tengen.envs.make_worlds import make_worlds
from tengen.files import atomic_write_bytes
from tengen.league.evaluate import Evaluation, evaluate_worlds, evaluation_seed
from tengen.networks.q import QNetwork
from tengen.networks.q_checkpoint import save_q_checkpoint
from tengen.networks.q_evaluator import QEvaluator
from tengen.rundir import BEST, RunDir
from tengen.selfplay.dqn_config import DqnTrainConfig, PqnTrainConfig

RESULTS = "evaluations.json"


class EpisodeJudge:
    """Evaluates one network at a time, in a thread: emulators and torch release the interpreter lock."""

    def __init__(self, config: DqnTrainConfig | PqnTrainConfig, run: RunDir) -> None:
        self.config = config
        self.run = run
        self._thread = ThreadPoolExecutor(1, "judge")
        self._under_way: tuple[Future[Evaluation], QNetwork, int] | None = None  # with network and update
        self._stopped = False
        self._best = self._load_best()

    def begin(self, network: QNetwork, update: int) -> None:
        """See `WorldJudge.begin`."""
        if self._under_way is None:
            with torch.no_grad():
                frozen = copy.deepcopy(network).cpu().eval()
            episodes = self.config.evaluation.episodes
            future = self._thread.submit(self._play, frozen, episodes, self.config.seed + update)
            self._under_way = future, frozen, update

    def _play(self, network: QNetwork, episodes: int, seed: int) -> Evaluation:
        evaluation = self.config.evaluation
        count = min(evaluation.worlds, episodes)
        worlds = make_worlds(self.config.game, count, seed=evaluation_seed(seed), config=self.config.worlds)
        agent = QAgent("network", QEvaluator(network, threads=1), evaluation.epsilon, seed)

        try:
            return evaluate_worlds(agent, worlds, episodes, on_step=lambda ended: not self._stopped)
        finally:
            worlds.close()

    def finished(self, wait: bool = False) -> dict[str, float]:
        """See `WorldJudge.finished`."""
        if self._under_way is None or not (wait or self._under_way[0].done()):
            return {}
        future, network, update = self._under_way
        self._under_way = None
        found = future.result()
        if not found.returns:
            return {}
        self._keep_best(found, network, update)
        metrics = {
            "evaluation/update": float(update),
            "evaluation/mean": found.mean,
            "evaluation/median": found.median,
        }
        if found.interval:
            metrics |= {"evaluation/low": found.interval[0], "evaluation/high": found.interval[1]}
        if found.human_normalised is not None:
            metrics["evaluation/human_normalised"] = found.human_normalised
        self.run.log(f"update {update}: {describe(found)}")
        return metrics

    def close(self) -> None:
        """See `WorldJudge.close`."""
        self._stopped = True
        self._thread.shutdown()

    def _load_best(self) -> float:
        try:
            return float(json.loads((self.run.path / BEST / RESULTS).read_text())["mean"])
        except (OSError, ValueError, KeyError, TypeError):
            return float("-inf")

    def _keep_best(self, found: Evaluation, network: QNetwork, update: int) -> None:
        if found.mean < self._best:
            return
        self._best = found.mean
        with self.run.new_best() as folder:
            save_q_checkpoint(folder, network, step=update)
            atomic_write_bytes(folder / RESULTS, json.dumps(found.to_json()).encode())


def describe(found: Evaluation) -> str:
    """ "mean 18.3 (17.1 to 19.4) over 30 episodes"."""
    span = f" ({found.interval[0]:.1f} to {found.interval[1]:.1f})" if found.interval else ""
    return f"mean {found.mean:.1f}{span} over {found.episodes} episode{'s' if found.episodes != 1 else ''}"
