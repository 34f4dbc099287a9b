"""Training against others than oneself: whom a league sends, and a search that two networks share."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.evaluators import ObservationEvaluator, forward
from tengen.envs.game import Floats, States
from tengen.networks.pending import Pending
from tengen.rundir import RunDir


class Opponent(NamedTuple):
    """A network to train against. Sent to the players whole."""

    id: str  # alike only for the same player
    name: str
    network: dict[str, Any]  # NetworkConfig's values: it may be of another size than the learner
    weights: Mapping[str, NDArray[np.generic]]


class Opponents(Protocol):
    """Who chooses whom the learner meets."""

    def draw(self, update: int) -> Opponent | None:
        """The opponent from update `update` on; None while there is nobody."""


class Meets(Protocol):
    """Whose games may be against an opponent."""

    def oppose(self, opponent: Opponent | None) -> None:
        """See `Rollouts.oppose`."""


class SharedLeaves:
    """Leaves judged by the network whose move their slot's search is for: the learner's, or an opponent's."""

    observes = True

    def __init__(self, learner: ObservationEvaluator, slots: int) -> None:
        self.learner = learner
        self.opponent: ObservationEvaluator | None = None
        self.is_opponents = np.zeros(slots, np.bool_)  # whether the slot's search is for the opponent's move
        self.leaf_slots = np.zeros(0, np.int32)  # `Search.leaf_slots`, set once the search is there

    def evaluate(self, states: States, observations: Floats) -> tuple[Floats, Floats]:
        """One batched forward for each network that has a leaf among them."""
        return self.submit(states, observations).result()

    def submit(self, states: States, observations: Floats) -> Pending:
        """The same, to be waited for."""
        theirs = self.is_opponents[self.leaf_slots[: len(states)]]
        if not theirs.any():
            return forward(self.learner, observations)
        assert self.opponent is not None  # no slot is an opponent's while there is none
        if theirs.all():
            return forward(self.opponent, observations)
        return Both(
            theirs,
            _forward(self.learner, observations, ~theirs),
            _forward(self.opponent, observations, theirs),
        )


class Both:
    """Two networks' evaluations of the leaves that are theirs, under way."""

    def __init__(self, theirs: NDArray[np.bool_], ours: Pending, other: Pending) -> None:
        self._theirs, self._ours, self._other = theirs, ours, other

    def result(self) -> tuple[Floats, Floats]:
        """Policy logits [B, A] and values [B]."""
        theirs = self._theirs
        (policy, values), (their_policy, their_values) = self._ours.result(), self._other.result()
        logits = np.empty((len(theirs), policy.shape[1]), np.float32)
        both = np.empty(len(theirs), np.float32)
        logits[~theirs], logits[theirs] = policy, their_policy
        both[~theirs], both[theirs] = values, their_values
        return logits, both


def _forward(network: ObservationEvaluator, observations: Floats, rows: NDArray[np.bool_]) -> Pending:
    """The network's answer for some of the rows, whose observations stay channels-last in memory."""
    return forward(network, observations.transpose(0, 2, 3, 1)[rows].transpose(0, 3, 1, 2))


class Season:
    """Has an opponent drawn when one is due, and tells the players and the log."""

    def __init__(self, opponents: Opponents | None, every: int, run: RunDir) -> None:
        self.opponents = opponents
        self.every = every
        self.run = run
        self._met: str | None = None
        self._is_first = True

    def draw_if_due(self, update: int, players: Meets) -> None:
        """Let the players meet whom the league sends, every so many updates and where a session begins."""
        if self.opponents is None or not (self._is_first or update % self.every == 0):
            return
        self._is_first = False
        opponent = self.opponents.draw(update)
        met = None if opponent is None else opponent.id
        if met == self._met:
            return
        self._met = met
        players.oppose(opponent)
        name = "nobody: plain self-play" if opponent is None else opponent.name
        self.run.log(f"update {update}: the opponent from the league is {name}")
