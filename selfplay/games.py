"""Finished self-play games as arrays: what workers send, the replay keeps and shards store."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass
class Games:
    """G games of T plies in all, one after the other.

    Actions and results rebuild every position, so no observation is stored. Values are from the side of the
    player to move, results and scores from player 0's.
    """

    lengths: NDArray[np.int32]  # [G] plies
    results: NDArray[np.float32]  # [G] in {-1, 0, 1}, player 0's
    scores: NDArray[np.float32]  # [G] player 0's points minus player 1's
    ownership: NDArray[np.int8]  # [G, H * W] of the last position, or [G, 0]
    is_scored: NDArray[np.bool_]  # [G] whether ownership and score are there: games ended by the rules
    versions: NDArray[np.int32]  # [G] of the weights when the game began
    actions: NDArray[np.int16]  # [T]
    to_play: NDArray[np.int8]  # [T]
    is_recorded: NDArray[np.bool_]  # [T] whether the move was searched in full, so that it can be learnt from
    policy: NDArray[np.float16]  # [R, A] improved policy of the search at each of the R recorded plies
    values: NDArray[np.float16]  # [T] of the root, for the side to move

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def positions(self) -> int:
        """Recorded positions."""
        return int(self.is_recorded.sum())

    def fault(self, actions: int, points: int) -> str | None:
        """What is inconsistent about the arrays of a game of `actions` actions and `points` of ownership."""
        plies, recorded, games = len(self.actions), self.positions, len(self)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(
            ("actions", "to_play", "is_recorded", "values"), (plies,)
        )
        shapes |= dict.fromkeys(("results", "scores", "is_scored", "versions"), (games,))
        shapes |= {"lengths": (games,), "policy": (recorded, actions), "ownership": (games, points)}
        for name, empty in Games.none(actions, points).arrays().items():
            found = getattr(self, name)
            if found.shape != shapes[name] or found.dtype != empty.dtype:
                return f"{name} is {found.dtype} {list(found.shape)}, not {empty.dtype} {list(shapes[name])}"
        if (self.lengths < 1).any() or self.lengths.sum() != plies:
            return f"lengths of games add up to {self.lengths.sum()}, not to {plies} plies"
        if plies and not 0 <= self.actions.min() <= self.actions.max() < actions:
            return f"actions reach from {self.actions.min()} to {self.actions.max()} of {actions}"
        return None

    def unsound(self) -> str | None:
        """Which arrays hold values that no game has, as of a player whose arithmetic went wrong."""
        for name in ("policy", "values", "scores"):
            if not np.isfinite(getattr(self, name)).all():
                return f"its {name} are not all numbers"
        if not np.isin(self.results, (-1, 0, 1)).all():
            return "its results are none that a game has"
        return None

    def only(self, keep: NDArray[np.bool_]) -> "Games":
        """The games [G] to keep."""
        plies = np.repeat(keep, self.lengths)  # [T]
        rows = dict.fromkeys(("actions", "to_play", "is_recorded", "values"), plies)
        rows["policy"] = plies[self.is_recorded]
        return Games(**{name: array[rows.get(name, keep)] for name, array in self.arrays().items()})  # type: ignore[arg-type]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Name -> array, for shards and transport."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def concatenate(cls, parts: Sequence["Games"]) -> "Games":
        """All games of the parts, in order."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    @classmethod
    def none(cls, actions: int, points: int) -> "Games":
        """No games, with the right shapes."""
        return cls(
            lengths=np.zeros(0, np.int32),
            results=np.zeros(0, np.float32),
            scores=np.zeros(0, np.float32),
            ownership=np.zeros((0, points), np.int8),
            is_scored=np.zeros(0, np.bool_),
            versions=np.zeros(0, np.int32),
            actions=np.zeros(0, np.int16),
            to_play=np.zeros(0, np.int8),
            is_recorded=np.zeros(0, np.bool_),
            policy=np.zeros((0, actions), np.float16),
            values=np.zeros(0, np.float16),
        )
