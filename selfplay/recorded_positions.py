"""Positions of recorded games, made again by playing their moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats, Game, States
from tengen.envs.go.game import Go
from tengen.envs.go.recorded import Starts, play_to
from tengen.errors import TengenError

UNKNOWN = np.float16(np.nan)


@dataclass
class Samples:
    """Positions drawn from a data set, all from the side to move."""

    observations: Floats  # [B, C, H, W]
    actions: NDArray[np.int32]  # [B] that were played
    outcomes: NDArray[np.int8]  # [B] of the game: 1 won, 0 drawn, -1 lost, NO_RESULT unknown
    values: Floats  # [B] what the player thought; nan where unknown


@dataclass
class Part:
    """Games as arrays, from which positions are drawn."""

    lengths: NDArray[np.int32]  # [G]
    outcomes: NDArray[np.int8]  # [G] player 0's
    actions: NDArray[np.int16]  # [T]
    values: NDArray[np.float16]  # [T] for the mover
    go: Starts | None = None

    def __post_init__(self) -> None:
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        self.game_of = np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths)

    def __len__(self) -> int:
        return len(self.actions)

    def sample(self, game: Game, size: int, rng: np.random.Generator, *, skip: int = 0) -> Samples:
        """Positions drawn uniformly from all but the first `skip` plies of each game, which books play.

        Raises TengenError where no game is as long.
        """
        ends = np.cumsum(np.maximum(self.lengths - skip, 0))
        if not ends[-1]:
            raise TengenError(f"no game of the data set has more than {skip} plies")
        drawn = rng.integers(ends[-1], size=size)
        number = np.searchsorted(ends, drawn, side="right")
        plies = (self.starts[number] + self.lengths[number] - (ends[number] - drawn)).astype(np.int64)
        return self.at(game, plies)

    def at(self, game: Game, plies: NDArray[np.int64]) -> Samples:
        """The positions before plies [B]."""
        number = self.game_of[plies]
        states = self.states(game, plies)
        observations = game.new_observation(len(plies))
        game.observe(states, observations)
        sign = np.where(states["to_play"] == 0, 1, -1).astype(np.int8)
        outcomes = self.outcomes[number]
        return Samples(
            observations,
            self.actions[plies].astype(np.int32),
            np.where(np.abs(outcomes) > 1, outcomes, outcomes * sign),
            self.values[plies].astype(np.float32),
        )

    def states(self, game: Game, plies: NDArray[np.int64]) -> States:
        """The states [B] before plies [B], made by playing the games to there."""
        number = self.game_of[plies]
        counts = plies - self.starts[number]
        if self.go is not None and isinstance(game, Go):
            return play_to(game, self.go, number, self.actions, self.starts[number], counts)
        order = np.argsort(-counts, kind="stable")  # those with most moves first: a prefix is still playing
        begins, ordered = self.starts[number][order], counts[order]
        states = game.new_states(len(plies))
        for ply in range(int(counts.max(initial=0))):
            playing = int(np.searchsorted(-ordered, -ply))
            game.step(states[:playing], self.actions[begins[:playing] + ply].astype(np.int32))
        back = np.empty_like(states)
        back[order] = states
        return back


def part_of(shards: Sequence[dict[str, NDArray[Any]]]) -> Part:
    """The games of all shards, one or more."""

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([arrays[name] for arrays in shards])

    actions = joined("actions")
    if any("values" in arrays for arrays in shards):
        unknown = [np.full(len(arrays["actions"]), UNKNOWN) for arrays in shards]
        values = np.concatenate([a.get("values", u) for a, u in zip(shards, unknown, strict=True)])
    else:
        values = np.broadcast_to(UNKNOWN, actions.shape)
    go = None
    if "setup" in shards[0]:
        names = ("komi2", "first", "ranks", "setup_lengths", "setup")
        go = Starts(*(joined(name) for name in names))
    return Part(joined("lengths"), joined("outcomes"), actions, values, go)
