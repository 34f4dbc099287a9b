"""How well a network foretells the moves, and the winners, of games that it did not learn from."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from tengen.envs.game import Game
from tengen.networks.heads import BoardNetwork
from tengen.networks.threads import threads as intra_op_threads
from tengen.selfplay.recorded_positions import Part
from tengen.selfplay.records import NO_RESULT
from tengen.selfplay.supervised_data import Positions, plies_of, value_targets

BATCH = 256
BINS = 10


class HeldOut:
    """The test of a run: always the same positions, and none of those where only one move is legal.

    These are counted apart (`test_forced`, a share): foretelling them is no skill.
    """

    def __init__(
        self, part: Part, game: Game, positions: int, *, skip: int = 0, kind: Positions = "all"
    ) -> None:
        """`positions` at most, of those that `kind` says."""
        self.part, self.game = part, game
        chosen = np.random.default_rng(0).permutation(plies_of(part, skip, kind, 0))[:positions]
        self.plies: NDArray[np.int64] = np.sort(chosen)

    def test(self, network: BoardNetwork, device: torch.device, threads: int) -> dict[str, float]:
        """Shares of moves foretold by the best and the best five of the legal ones, and cross entropies.

        test_top1, test_top5; test_policy_loss over all actions, as in training; over positions of games that
        somebody won test_value_loss, test_value_accuracy, test_value_mse (of the value in [-1, 1]) and
        test_value_calibration: how far the winning chance that it gives is from the share of games that were
        won, in the mean of tenths of the chance, weighted by their positions.
        """
        names = ("open", "forced", "top1", "top5", "policy", "known", "value", "right", "square")
        sums = dict.fromkeys(names, 0.0)
        bins = np.zeros((BINS, 3))
        was_training = network.training
        network.eval()
        with torch.inference_mode(), intra_op_threads(threads):
            for begin in range(0, len(self.plies), BATCH):
                for name, value in self._batch(
                    network, device, self.plies[begin : begin + BATCH], bins
                ).items():
                    sums[name] += value
        network.train(was_training)
        count, known = max(1.0, sums["open"]), max(1.0, sums["known"])
        return {
            "test_top1": sums["top1"] / count,
            "test_top5": sums["top5"] / count,
            "test_policy_loss": sums["policy"] / count,
            "test_value_loss": sums["value"] / known,
            "test_value_accuracy": sums["right"] / known,
            "test_value_mse": sums["square"] / known,
            "test_value_calibration": float(np.abs(bins[:, 1] - bins[:, 2]).sum() / known),
            "test_positions": sums["open"],
            "test_forced": sums["forced"] / max(1, len(self.plies)),
        }

    def _batch(
        self,
        network: BoardNetwork,
        device: torch.device,
        plies: NDArray[np.int64],
        bins: NDArray[np.float64],
    ) -> dict[str, float]:
        """Sums over some positions; adds to bins [BINS, 3] positions, chances of winning, and games won."""
        samples = self.part.at(self.game, plies)
        mask = self.game.new_mask(len(plies))
        self.game.legal_mask(self.part.states(self.game, plies), mask)
        output = network(torch.from_numpy(samples.observations).to(device))
        logits, value = output.policy.float().cpu(), output.value.float().cpu()
        actions = torch.from_numpy(samples.actions.astype(np.int64))
        is_open = torch.from_numpy(mask.sum(1) > 1)
        legal = torch.from_numpy(mask)
        legal[torch.arange(len(plies)), actions] = True  # played, whatever rules the game went by
        allowed = logits.masked_fill(~legal, -torch.inf)
        own = allowed.gather(1, actions[:, None])
        rank = (allowed > own).sum(1)  # [B] legal moves that it holds to be better
        decided = torch.from_numpy((samples.outcomes != NO_RESULT) & (samples.outcomes != 0))
        targets = torch.from_numpy(value_targets(samples.outcomes))
        losses = -(targets * F.log_softmax(value, 1)).sum(1)
        right = (value[:, 0] > value[:, 2]) == (targets[:, 0] > 0)
        chances = F.softmax(value, 1)
        lead, result = chances[:, 0] - chances[:, 2], targets[:, 0] - targets[:, 2]
        won = ((lead + 1) / 2)[decided].double().numpy()
        tenth = np.minimum((won * BINS).astype(np.int64), BINS - 1)
        np.add.at(bins, tenth, np.stack([np.ones_like(won), won, targets[decided, 0].numpy()], 1))
        return {
            "open": float(is_open.sum()),
            "forced": float((~is_open).sum()),
            "top1": float((rank[is_open] < 1).sum()),
            "top5": float((rank[is_open] < 5).sum()),
            "policy": float(F.cross_entropy(logits, actions, reduction="none")[is_open].sum()),
            "known": float(decided.sum()),
            "value": float(losses[decided].sum()),
            "right": float(right[decided].sum()),
            "square": float((lead - result).square()[decided].sum()),
        }
