"""What tells how well a run learns: games that it does not learn from, and how varied games begin."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tengen.envs.game import Game
from tengen.networks.threads import threads as intra_op_threads
from tengen.selfplay import losses
from tengen.selfplay.config import ReplayConfig
from tengen.selfplay.games import Games
from tengen.selfplay.learner import Learner
from tengen.selfplay.replay import Batch, Replay

BATCH = 512  # of them that the network is tried on between two updates
BINS = 10
OPENING_PLIES = 6


class HeldOutGames:
    """Every so many games are kept from the learner, and the acting network is tried on them.

    They reach as far back as those that the learner draws from, so that losses compare; a resumed run gathers
    them anew, and has newer ones for a while.
    """

    def __init__(self, game: Game, config: ReplayConfig, value_from_search: float = 0.0) -> None:
        """config: the learner's replay; its `held_out` is the share of all games, 0 keeps none."""
        self.share = config.held_out
        self._seen = 0
        self._rng = np.random.default_rng(0)  # of its own: what is tried changes nothing of the run
        base, most = (max(1, int(self.share * n)) for n in (config.base, config.max_positions))
        window = config.model_copy(update={"base": base, "max_positions": most})
        self._kept = Replay(game, window, value_from_search=value_from_search, symmetries=False)

    def split(self, games: Games) -> Games:
        """Keep some of the games; the others are to be learnt from."""
        owed = np.floor(self.share * np.arange(self._seen, self._seen + len(games) + 1) + 1e-9)
        is_kept = np.diff(owed) > 0
        self._seen += len(games)
        if not is_kept.any():
            return games
        self._kept.add(games.only(is_kept))
        return games.only(~is_kept)

    def go_on_from(self, replay: Replay) -> None:
        """Keep games as long as a replay does that was restored."""
        self._kept.total_positions = int(self.share * replay.total_positions)

    def test(self, learner: Learner) -> dict[str, float]:
        """Losses of the acting network on held-out positions, calibration and entropies; nothing without any.

        held_policy_loss, held_value_loss: as in training. held_top1: share of positions whose best move by
        the network is the search's; illegal moves count as all others. held_calibration: how far the score
        that it expects is from the one that games brought, in the mean of tenths of the expected score,
        weighted by their positions. policy_entropy, search_entropy: nats, of what the network and the search
        would play. held_games: that they are of.
        """
        if not self._kept.positions:
            return {}
        batch = self._kept.sample(BATCH, self._rng)
        network = learner.acting()
        was_training = network.training
        network.eval()
        with torch.inference_mode(), intra_op_threads(learner.threads):
            output = network(torch.from_numpy(batch.observations).to(learner.device))
            policy, value = output.policy.float().cpu(), output.value.float().cpu()
        network.train(was_training)
        return {**measured(policy, value, batch), "held_games": float(self._kept.games)}


def measured(policy: Tensor, value: Tensor, batch: Batch) -> dict[str, float]:
    """The figures of `HeldOutGames.test`: policy logits [B, A], value logits [B, 3]."""
    target, outcome = torch.from_numpy(batch.policy), torch.from_numpy(batch.value)
    log_policy = F.log_softmax(policy, 1)
    chances = F.softmax(value, 1)
    expected, came = chances[:, 0] + chances[:, 1] / 2, outcome[:, 0] + outcome[:, 1] / 2
    tenth = (expected * BINS).long().clamp(max=BINS - 1)
    gaps = torch.zeros(BINS).index_add_(0, tenth, expected - came)
    return {
        "held_policy_loss": float(losses.policy_loss(policy, target)),
        "held_value_loss": float(losses.value_loss(value, outcome)),
        "held_top1": float((policy.argmax(1) == target.argmax(1)).float().mean()),
        "held_calibration": float(gaps.abs().sum() / len(target)),
        "policy_entropy": float(-(log_policy.exp() * log_policy).sum(1).mean()),
        "search_entropy": float(-torch.special.xlogy(target, target).sum(1).mean()),
    }


def distinct_openings(games: Games) -> float:
    """How many beginnings there are, over games: 1 where all begin differently."""
    if not len(games):
        return 1.0
    starts = np.concatenate([[0], np.cumsum(games.lengths)[:-1]])
    plies = np.arange(OPENING_PLIES)
    rows = games.actions[np.minimum(starts[:, None] + plies, len(games.actions) - 1)]
    rows = np.where(plies < games.lengths[:, None], rows, -1)
    return len(np.unique(rows, axis=0)) / len(games)
