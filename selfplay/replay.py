"""The window of finished games that the learner samples from.

Positions are kept as moves, search policies and results: some 200 bytes a 9x9 position. Observations are
made again by the game's own kernels when a batch is drawn. The window is a queue of chunks of games, each
written to disk once as a shard; the oldest chunk leaves when the rest is large enough, so memory and disk
are bounded.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Floats, Game
from tengen.selfplay import augment
from tengen.selfplay.config import ReplayConfig
from tengen.selfplay.games import Games


@dataclass
class Batch:
    """Training samples, all from the side to move."""

    observations: Floats  # [B, C, H, W], channels-last memory
    policy: Floats  # [B, A]
    value: Floats  # [B, 3] probabilities of win, draw, loss
    ownership: Floats  # [B, H * W] in {-1, 0, 1}; [B, 0] without ownership
    score: Floats  # [B] points; 0 where unknown
    is_scored: Floats  # [B] 1 where ownership and score are known


class Chunk:
    """Games that came together, indexed for sampling."""

    def __init__(self, number: int, games: Games) -> None:
        self.number = number  # of the chunk in the run; names its shard
        self.games = games
        self.recorded = np.flatnonzero(games.is_recorded)  # [R] plies to learn from
        self.starts = np.concatenate([[0], np.cumsum(games.lengths)[:-1]]).astype(np.int64)  # [G]
        self.game_of = np.repeat(np.arange(len(games), dtype=np.int32), games.lengths)  # [T]


class Replay:
    """Whole games, the oldest dropped as the window moves on."""

    def __init__(
        self, game: Game, config: ReplayConfig, *, value_from_search: float = 0.0, symmetries: bool = True
    ) -> None:
        self.game = game
        self.config = config
        self.value_from_search = value_from_search
        self.symmetries = symmetries and len(game.point_symmetries) > 1
        self.chunks: deque[Chunk] = deque()
        self.positions = 0  # in the window
        self.total_positions = 0
        self.total_games = 0
        self._next_chunk = 0

    @property
    def window(self) -> int:
        """How many positions the window holds at this point of the run."""
        config = self.config
        return int(min(config.max_positions, config.base + config.growth * self.total_positions))

    @property
    def games(self) -> int:
        """In the window."""
        return sum(len(chunk.games) for chunk in self.chunks)

    @property
    def is_ready(self) -> bool:
        """Whether there is enough to learn from."""
        return self.positions >= self.config.min_positions

    def add(self, games: Games) -> None:
        """Take finished games in, and let the oldest chunks go."""
        self.total_games += len(games)
        if not games.positions:
            return
        self.total_positions += games.positions
        self._append(Chunk(self._next_chunk, games))
        self._let_go()

    def _let_go(self) -> None:
        """Drop the oldest chunks that the window does not need."""
        while len(self.chunks) > 1 and self.positions - len(self.chunks[0].recorded) >= self.window:
            self.positions -= len(self.chunks.popleft().recorded)

    def _append(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.positions += len(chunk.recorded)
        self._next_chunk = chunk.number + 1

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """A batch of positions drawn uniformly from the window, each turned by a random symmetry."""
        ends = np.cumsum([len(chunk.recorded) for chunk in self.chunks])
        drawn = np.sort(rng.integers(ends[-1], size=size))
        cuts = np.searchsorted(drawn, np.concatenate([[0], ends]))
        parts = []
        for i, chunk in enumerate(self.chunks):
            if cuts[i] < cuts[i + 1]:
                offset = ends[i] - len(chunk.recorded)
                parts.append(self._targets(chunk, drawn[cuts[i] : cuts[i + 1]] - offset))
        longest = max(moves.shape[1] for moves, _, _ in parts)
        moves = np.concatenate([np.pad(m, ((0, 0), (0, longest - m.shape[1]))) for m, _, _ in parts])
        plies = np.concatenate([n for _, n, _ in parts])
        columns = [
            np.concatenate(column) for column in zip(*(targets for _, _, targets in parts), strict=True)
        ]
        observations = self._observe(moves, plies)
        policy, value, ownership, score, is_scored = columns
        if self.symmetries:
            observations, policy, ownership = self._turn(observations, policy, ownership, rng)
        return Batch(observations, policy, value, ownership, score, is_scored)

    def _targets(
        self, chunk: Chunk, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int16], NDArray[np.int64], tuple[Floats, ...]]:
        """Of recorded rows [R] of a chunk: moves before each [R, longest], their number [R], the targets."""
        games = chunk.games
        plies = chunk.recorded[rows]
        game = chunk.game_of[plies]
        counts = plies - chunk.starts[game]
        columns = np.arange(counts.max())
        moves = games.actions[np.minimum(chunk.starts[game][:, None] + columns, len(games.actions) - 1)]
        sign = np.where(games.to_play[plies] == 0, 1.0, -1.0).astype(np.float32)
        result = games.results[game] * sign
        value = np.stack([result > 0, result == 0, result < 0], 1).astype(np.float32)
        if self.value_from_search:
            q = games.values[plies].astype(np.float32)
            searched: Floats = np.stack([(1 + q) / 2, np.zeros_like(q), (1 - q) / 2], 1)
            share = np.float32(self.value_from_search)
            value = ((1 - share) * value + share * searched).astype(np.float32)
        is_scored = games.is_scored[game].astype(np.float32)
        ownership = games.ownership[game] * (sign * is_scored)[:, None]
        score = games.scores[game] * sign * is_scored
        policy = games.policy[rows].astype(np.float32)
        return (
            moves,
            counts,
            (policy, value.astype(np.float32), ownership.astype(np.float32), score, is_scored),
        )

    def _observe(self, moves: NDArray[np.int16], counts: NDArray[np.int64]) -> Floats:
        """Observations after counts [B] of the moves [B, longest], by playing them all together."""
        order = np.argsort(-counts, kind="stable")  # those with most moves first: a prefix is still playing
        moves, sorted_counts = moves[order], counts[order]
        states = self.game.new_states(len(counts))
        for ply in range(moves.shape[1]):
            playing = int(np.searchsorted(-sorted_counts, -ply))
            self.game.step(states[:playing], moves[:playing, ply].astype(np.int32))
        back = np.empty_like(states)
        back[order] = states
        observations = self.game.new_observation(len(counts))
        self.game.observe(back, observations)
        return observations

    def _turn(
        self, observations: Floats, policy: Floats, ownership: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        tables = self.game.point_symmetries
        chosen = rng.integers(len(tables), size=len(policy))
        batch, channels, height, width = observations.shape
        turned = self.game.new_observation(batch)
        augment.permute_points(
            observations.transpose(0, 2, 3, 1).reshape(batch, height * width, channels),
            turned.transpose(0, 2, 3, 1).reshape(batch, height * width, channels),
            tables,
            chosen,
        )
        policy = augment.permute(policy, self.game.action_symmetries, chosen)
        if ownership.shape[1]:
            ownership = augment.permute(ownership, tables, chosen)
        return turned, policy, ownership

    def stats(self) -> dict[str, float]:
        """For the log."""
        return {"games": self.total_games, "positions": self.total_positions, "window": self.positions}

    def state(self) -> dict[str, int]:
        """Counters, as JSON keeps them."""
        return {
            "total_positions": self.total_positions,
            "total_games": self.total_games,
            "next_chunk": self._next_chunk,
        }

    def restore(self, state: dict[str, int], chunks: list[Chunk]) -> None:
        """Go on from saved counters and the chunks that could be read."""
        self.chunks.clear()
        self.positions = 0
        for chunk in chunks:
            self._append(chunk)
        self.total_positions = state["total_positions"]
        self.total_games = state["total_games"]
        self._next_chunk = state["next_chunk"]
        self._let_go()  # a crash may have left shards that had already gone from the window
