"""The plain class that plays worlds for a replay; threads and Ray actors wrap it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.dqn.transitions import Played, Rollout, Transitions
from tengen.envs.worlds import Episode, Observations, Worlds

ActionValues = Callable[[Observations], NDArray[np.float32]]  # [N, ...] -> [N, A]


class Collector:
    """Plays N worlds epsilon-greedily, and hands over what happened in runs of T steps.

    With `priorities` it holds the last n steps back until it knows what they led to, and sends the absolute
    n-step error of every step with it (Horgan et al. 2018, algorithm 1).
    """

    def __init__(
        self,
        worlds: Worlds,
        values: ActionValues,
        *,
        seed: int,
        first_world: int = 0,
        priorities: bool = False,
        n_step: int = 1,
        gamma: float = 0.99,
    ) -> None:
        self.worlds = worlds
        self.values = values
        self.first_world = first_world
        self.rng = np.random.default_rng(seed)
        self.n_step, self.gamma = n_step, gamma
        self.priorities = priorities
        self._observations = worlds.reset()
        self._firsts = np.ones(worlds.count, np.bool_)
        self._held: list[dict[str, Any]] = []  # steps not handed over yet

    def collect(self, steps: int, epsilons: NDArray[np.float32], version: int = 0) -> Transitions:
        """Play `steps` more steps of every world, with epsilons [N] of the run's worlds that are ours."""
        episodes: list[Episode] = []
        for _ in range(steps):
            self._held.append(self._step(epsilons, episodes))
        if not self.priorities:
            ready, self._held = self._held, []
            return self._pack(ready, episodes, version)
        # The value of the state that the last step led to is known once the next action is chosen.
        keep = self.n_step
        ready, rest = self._held[:-keep], self._held[-keep:]
        packed = self._pack(ready, episodes, version)
        packed.priorities = self._errors(ready, rest)
        self._held = rest
        return packed

    def rollout(self, steps: int, epsilons: NDArray[np.float32], version: int = 0) -> Played:
        """Play `steps` more steps of every world; keeps whole observations, for learners without replay."""
        episodes: list[Episode] = []
        spec, count = self.worlds.spec, self.worlds.count
        seen = np.empty((steps, count, spec.stack, *spec.frame_shape), spec.frame_dtype)
        rows = []
        for t in range(steps):
            seen[t] = self._observations
            rows.append(self._step(epsilons, episodes, bootstraps=True))
        after = [row["best"] for row in rows[1:]] + [self.values(self._observations).max(1)]
        for row, values in zip(rows, after, strict=True):
            row["next"] = values.copy()
            for world, best in row["final_best"].items():
                row["next"][world] = best
        names = ("actions", "rewards", "terminals", "truncations")
        rollout = Rollout(
            observations=seen,
            next_values=np.stack([row["next"] for row in rows]),
            **{name: np.stack([row[name] for row in rows]) for name in names},
        )
        return Played(rollout, version, self._numbered(episodes))

    def _numbered(self, episodes: list[Episode]) -> list[Episode]:
        return [episode._replace(world=episode.world + self.first_world) for episode in episodes]

    def _step(
        self, epsilons: NDArray[np.float32], episodes: list[Episode], bootstraps: bool = False
    ) -> dict[str, Any]:
        values = self.values(self._observations)
        greedy = values.argmax(1).astype(np.int32)
        count, actions = values.shape
        wander = self.rng.random(count) < epsilons
        chosen = np.where(wander, self.rng.integers(actions, size=count, dtype=np.int32), greedy)
        row = {
            "frames": self._observations[:, -1].copy(),
            "firsts": self._firsts,
            "actions": chosen,
            "q": values[np.arange(count), chosen],
            "best": values.max(1),
        }
        step = self.worlds.step(chosen)
        row |= {
            "rewards": step.rewards.copy(),
            "terminals": step.terminals.copy(),
            "truncations": step.truncations.copy(),
            "final": {world: frames[-1].copy() for world, frames in step.final_observations.items()},
        }
        row["final_best"] = {}
        if (self.priorities or bootstraps) and step.final_observations:
            final = np.stack(list(step.final_observations.values()))
            row["final_best"] = dict(zip(step.final_observations, self.values(final).max(1), strict=True))
        self._observations, self._firsts = step.observations, step.firsts.copy()
        episodes += step.episodes
        return row

    def _pack(self, rows: list[dict[str, Any]], episodes: list[Episode], version: int) -> Transitions:
        spec, count = self.worlds.spec, self.worlds.count

        def stacked(name: str, dtype: Any, *shape: int) -> NDArray[Any]:
            if not rows:
                return np.zeros((0, count, *shape), dtype)
            return np.stack([row[name] for row in rows]).astype(dtype, copy=False)

        finals = [(t, world, frame) for t, row in enumerate(rows) for world, frame in row["final"].items()]
        return Transitions(
            frames=stacked("frames", spec.frame_dtype, *spec.frame_shape),
            firsts=stacked("firsts", np.bool_),
            actions=stacked("actions", np.int32),
            rewards=stacked("rewards", np.float32),
            terminals=stacked("terminals", np.bool_),
            truncations=stacked("truncations", np.bool_),
            final_frames=np.array([frame for _, _, frame in finals], spec.frame_dtype).reshape(
                len(finals), *spec.frame_shape
            ),
            final_at=np.array([(t, world) for t, world, _ in finals], np.int32).reshape(len(finals), 2),
            first_world=self.first_world,
            version=version,
            episodes=self._numbered(episodes),
        )

    def _errors(self, ready: list[dict[str, Any]], rest: list[dict[str, Any]]) -> NDArray[np.float32]:
        """|n-step return + gamma^n max q - q| of the steps in `ready`; `rest` are the n steps after them."""
        rows = ready + rest
        errors = np.zeros((len(ready), self.worlds.count), np.float32)
        for t in range(len(ready)):
            total = np.zeros(self.worlds.count, np.float32)
            discount = np.ones(self.worlds.count, np.float32)  # 0 from where the episode has ended
            for row in rows[t : t + self.n_step]:
                total += discount * row["rewards"]
                discount *= self.gamma * ~row["terminals"]
                for world, best in row["final_best"].items():
                    total[world] += discount[world] * best
                discount *= ~row["truncations"]
            total += discount * rows[t + self.n_step]["best"]
            errors[t] = np.abs(total - ready[t]["q"])
        return errors

    def state(self) -> dict[str, Any]:
        """The random stream, and where the worlds are if they can tell, as JSON keeps them."""
        worlds = getattr(self.worlds, "state", None)
        return {"rng": self.rng.bit_generator.state, "worlds": worlds() if worlds else None}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, of worlds that could tell where they were."""
        self.rng.bit_generator.state = state["rng"]
        self._held = []
        self._observations, self._firsts = self.worlds.restore(state["worlds"])  # type: ignore[attr-defined]
