"""REINFORCE (Williams 1992), as AlphaGo's second stage uses it: what was won is made likelier."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tengen.agents.mcts.evaluators import ObservationEvaluator
from tengen.agents.policy import allowed
from tengen.envs.game import Floats, Game
from tengen.errors import TengenError
from tengen.machine import usable_cores
from tengen.networks.heads import BoardNetwork
from tengen.networks.threads import threads as intra_op_threads
from tengen.selfplay.policy_games import Played
from tengen.selfplay.reinforce_config import ReinforceConfig
from tengen.selfplay.supervised_data import turned


def policy_gradient_loss(logits: Tensor, allowed: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """-sum of advantages [B] * log p(actions [B]) []; p: softmax of logits [B, A] over what is allowed."""
    chosen = F.log_softmax(logits.masked_fill(~allowed, -torch.inf), 1).gather(1, actions[:, None])[:, 0]
    return -(advantages * chosen).sum()


class PolicyGradient:
    """Trains a network in place by the games that it played."""

    def __init__(
        self,
        network: BoardNetwork,
        config: ReinforceConfig,
        device: torch.device,
        slower: Mapping[str, float],
        baseline: ObservationEvaluator | None = None,
    ) -> None:
        self.network = network.to(device)
        self.config, self.settings, self.device, self.baseline = config, config.learner, device, baseline
        groups = [
            {"params": [parameter], "lr": slower.get(name, 1.0) * config.learner.learning_rate}
            for name, parameter in network.named_parameters()
        ]
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(groups, momentum=config.learner.momentum)
            if config.learner.optimizer == "sgd"
            else torch.optim.Adam(groups)
        )
        self._threads = config.learner.threads or usable_cores()

    def step(self, played: Played, game: Game, rng: np.random.Generator) -> dict[str, float]:
        """One step by the moves of actor 0; the gradient is the mean over games, as in the paper.

        Returns the entropy of the policy, the share of the drawn moves' probability and the gradient's norm.
        Raises TengenError, and makes no step, when the loss is no number any more.
        """
        plies = np.flatnonzero(played.by == 0)
        number = played.part.game_of[plies]
        own = played.part.outcomes[number]  # player 0's
        self.network.eval()  # batch norm keeps the statistics that the games were played with
        self.optimizer.zero_grad(set_to_none=True)
        sums = {"entropy": 0.0, "likelihood": 0.0}
        mean = 0.0
        if self.settings.baseline == "mean":
            states = played.part.states(game, plies)
            mean = float((own * np.where(states["to_play"] == 0, 1, -1)).mean())
        with intra_op_threads(self._threads):
            for begin in range(0, len(plies), self.settings.batch_size):
                some = plies[begin : begin + self.settings.batch_size]
                for name, value in self._learn(played, some, game, rng, mean).items():
                    sums[name] += value
            norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
            if not torch.isfinite(norm):
                raise TengenError(
                    f"the policy gradient became {float(norm)}; go on from the last checkpoint with "
                    f"learner.learning_rate below {self.settings.learning_rate:g}"
                )
            self.optimizer.step()
        return {name: value / max(1, len(plies)) for name, value in sums.items()} | {"gradient": float(norm)}

    def _learn(
        self, played: Played, plies: NDArray[np.int64], game: Game, rng: np.random.Generator, mean: float
    ) -> dict[str, float]:
        """Add the gradient of some moves."""
        samples = played.part.at(game, plies)
        mask = allowed(game, played.part.states(game, plies), self.config.passes_last)
        advantages = samples.outcomes.astype(np.float32) - mean - self._expected(samples.observations)
        observations, actions = samples.observations, samples.actions.astype(np.int64)
        if self.settings.symmetries and len(game.point_symmetries) > 1:
            chosen = rng.integers(len(game.point_symmetries), size=len(plies))
            observations = turned(observations, game, chosen)
            table = game.action_symmetries[chosen]  # [B, A]
            actions = np.take_along_axis(table, actions[:, None], 1)[:, 0].astype(np.int64)
            moved = np.zeros_like(mask)
            np.put_along_axis(moved, table.astype(np.int64), mask, 1)
            mask = moved
        output = self.network(torch.from_numpy(observations).to(self.device))
        logits = output.policy.float() / self.config.temperature
        legal, drawn = torch.from_numpy(mask).to(self.device), torch.from_numpy(actions).to(self.device)
        gains = torch.from_numpy(advantages).to(self.device)
        loss = policy_gradient_loss(logits, legal, drawn, gains)
        loss = loss / self.config.games_per_update
        loss.backward()
        with torch.no_grad():
            chance = F.softmax(logits.masked_fill(~legal, -torch.inf), 1)
            entropy = torch.special.entr(chance).sum()
            return {
                "entropy": float(entropy),
                "likelihood": float(chance.gather(1, drawn[:, None]).sum()),
            }

    def _expected(self, observations: Floats) -> Floats | float:
        return 0.0 if self.baseline is None else self.baseline(observations)[1]

    def tensors(self) -> dict[str, Tensor]:
        """What a resumed run needs beside the weights: the optimizer's moments."""
        return {
            f"optimizer.{i}.{key}": value.detach().cpu().contiguous()
            for i, slot in self.optimizer.state_dict()["state"].items()
            for key, value in slot.items()
            if isinstance(value, Tensor)
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on with moments of an earlier optimizer."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
