"""Two halves of the games that alternate between a device and the trees.

While one half's leaves are evaluated on a GPU, this thread walks the trees of the other half.
"""

import time
from typing import Any

import numpy as np

from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.envs.game import Game
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.worker import SelfPlayWorker


class TwoHalves:
    """Two `SelfPlayWorker`s of half the games each, with one evaluator and the face of one worker.

    The evaluator should have `submit`, as `NetworkEvaluator` has; else the halves merely take turns.
    """

    def __init__(self, game: Game, evaluator: ObservationEvaluator, config: TrainConfig, seed: int) -> None:
        """rollouts.games is 2 at least."""
        seeds = np.random.SeedSequence(seed).generate_state(2)
        games = config.rollouts.games
        self.halves = [
            SelfPlayWorker(
                game,
                evaluator,
                config.model_copy(update={"rollouts": config.rollouts.model_copy(update={"games": size})}),
                int(own),
            )
            for size, own in zip((games - games // 2, games // 2), seeds, strict=True)
        ]
        self.stop_requested = False

    def collect(self, positions: int) -> tuple[Games, dict[str, float]]:
        """See `SelfPlayWorker.collect`. Nothing is under way on the device when it returns."""
        started = time.perf_counter()
        finished: list[Games] = []
        recorded, asked, waiting = 0, *self.halves
        asked.ask()
        while recorded < positions and not self.stop_requested:
            waiting.ask()
            recorded += asked.take(finished)
            asked, waiting = waiting, asked
        recorded += asked.take(finished)
        reports = [half.report(finished if half is self.halves[0] else []) for half in self.halves]
        counts = {name: sum(counts[name] for _, counts in reports) for name in reports[0][1]}
        return reports[0][0], {**counts, "recorded": recorded, "seconds": time.perf_counter() - started}

    def take_version(self, version: int) -> None:
        """See `SelfPlayWorker.take_version`."""
        for half in self.halves:
            half.take_version(version)

    def oppose(self, opponent: ObservationEvaluator | None) -> None:
        """See `SelfPlayWorker.oppose`."""
        for half in self.halves:
            half.oppose(opponent)

    def state(self) -> dict[str, Any]:
        """The random streams, as JSON keeps them."""
        return {"halves": [half.state() for half in self.halves]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from saved random streams, those of one worker included; games in progress start anew."""
        if "halves" in state:
            for half, own in zip(self.halves, state["halves"], strict=True):
                half.restore(own)
            return
        first, second = self.halves
        first.restore(state)
        second.restore({"rng": first.rng.bit_generator.jumped().state})  # type: ignore[attr-defined]
