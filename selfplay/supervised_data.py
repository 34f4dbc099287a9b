"""Batches of recorded positions, in an order that a run can be resumed in."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats, Game
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.selfplay import augment
from tengen.selfplay.recorded_positions import Part, Samples
from tengen.selfplay.records import NO_RESULT, Dataset
from tengen.selfplay.replay import Batch


def open_dataset(folder: str, game: Game) -> Dataset:
    """The data set of a run. Raises TengenError where it is none, or its games are not of this board."""
    dataset = Dataset(folder)
    recorded = make_game(dataset.game)
    if recorded.family != game.family or recorded.num_actions != game.num_actions:
        raise TengenError(f"{folder}: holds games of {recorded.name}, and the run is of {game.name}")
    return dataset


Positions = Literal["all", "one", "valued"]


def plies_of(part: Part, skip: int, positions: Positions, seed: int) -> NDArray[np.int64]:
    """The plies before which positions stand: all but the first of each game, one a game, or those valued."""
    wanted = np.arange(len(part)) - part.starts[part.game_of] >= skip
    if positions == "valued":
        wanted &= ~np.isnan(part.values)
    plies = np.flatnonzero(wanted)
    if positions == "one":
        drawn = np.random.default_rng([seed, 1]).permutation(plies)
        plies = np.sort(drawn[np.unique(part.game_of[drawn], return_index=True)[1]])
    return plies


class EpochBatches:
    """Batch number n of a run: every position once an epoch, in an order of its own.

    Order and symmetries follow from seed and number alone, so that a resumed run goes on in mid-epoch. The
    positions left over at the end of an epoch, fewer than a batch, are left out. One batch is made ahead, by
    a thread.
    """

    def __init__(
        self,
        part: Part,
        game: Game,
        batch_size: int,
        *,
        seed: int,
        skip: int = 0,
        symmetries: bool = True,
        positions: Positions = "all",
    ) -> None:
        """Raises TengenError where there is not one batch of positions."""
        self.part, self.game, self.batch_size = part, game, batch_size
        self.seed, self.symmetries = seed, symmetries
        self.plies = plies_of(part, skip, positions, seed).astype(np.uint32)
        self.batches = len(self.plies) // batch_size
        if not self.batches:
            raise TengenError(
                f"the data set has {len(self.plies):,} positions to learn from, less than a batch of "
                f"{batch_size:,}; lower learner.batch_size"
            )
        self._epoch = -1
        self._order = self.plies
        self._ahead: tuple[int, Future[Batch]] | None = None
        self._thread = ThreadPoolExecutor(1, "batches")

    def batch(self, number: int) -> Batch:
        """Batch `number` of the run, from 0."""
        ahead, self._ahead = self._ahead, None
        made = ahead[1].result() if ahead is not None and ahead[0] == number else None
        if made is None:
            made = self._thread.submit(self.make, number).result()
        self._ahead = number + 1, self._thread.submit(self.make, number + 1)
        return made

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def make(self, number: int) -> Batch:
        """The batch, made now and by the caller; as `batch` gives it."""
        epoch, index = divmod(number, self.batches)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.plies)
        plies = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        samples = self.part.at(self.game, plies.astype(np.int64))
        rng = np.random.default_rng([self.seed, epoch, index])
        return as_batch(samples, self.game, rng if self.symmetries else None)


def as_batch(samples: Samples, game: Game, rng: np.random.Generator | None = None) -> Batch:
    """Samples as the learner takes them, each turned by a random symmetry where there is an rng."""
    size = len(samples.actions)
    observations, actions = samples.observations, samples.actions
    if rng is not None and len(game.point_symmetries) > 1:
        chosen = rng.integers(len(game.point_symmetries), size=size)
        observations = turned(observations, game, chosen)
        actions = game.action_symmetries[chosen, actions]
    policy = np.zeros((size, game.num_actions), np.float32)
    policy[np.arange(size), actions] = 1
    points = game.obs_shape[1] * game.obs_shape[2] if game.has_ownership else 0
    return Batch(
        observations,
        policy,
        value_targets(samples.outcomes),
        np.zeros((size, points), np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )


def value_targets(outcomes: NDArray[np.int8]) -> Floats:
    """[B] -> [B, 3] probabilities of win, draw and loss; all zero, which costs nothing, where unknown."""
    known = outcomes != NO_RESULT
    classes = [known & (outcomes == outcome) for outcome in (1, 0, -1)]
    return np.stack(classes, 1).astype(np.float32)


def turned(observations: Floats, game: Game, chosen: NDArray[np.int64]) -> Floats:
    """Observations [B, C, H, W], each turned by its symmetry."""
    batch, channels, height, width = observations.shape
    out = game.new_observation(batch)
    augment.permute_points(
        observations.transpose(0, 2, 3, 1).reshape(batch, height * width, channels),
        out.transpose(0, 2, 3, 1).reshape(batch, height * width, channels),
        game.point_symmetries,
        chosen,
    )
    return out
