"""Self-play in Ray actors."""

from collections.abc import Mapping
from typing import Any

from tengen.envs import make_game
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.opponents import Opponent
from tengen.selfplay.pooled import Pooled, sound
from tengen.selfplay.ray_cluster import own_gpus_only
from tengen.selfplay.ray_pool import ActorPool
from tengen.selfplay.rollouts import Player, Rates, Team, Weights, make_player, worker_seed
from tengen.selfplay.timed import timed


class RayPlayer:
    """A `Player` in an actor, made with the first call so that its faults are that call's answer."""

    def __init__(self, config: dict[str, Any], seed: int) -> None:
        self._config = config
        self._seed = seed
        self._player: Player | Team | None = None
        self._version: int | None = None
        self._opponent: str | None = None

    def ready(self) -> None:
        """Answers when the actor is there."""

    @timed
    def collect(
        self, positions: int, weights: Weights, version: int, opponent: Opponent | None = None
    ) -> tuple[Games, dict[str, float]]:
        """See `SelfPlayWorker.collect`; by these weights, which Ray fetches once a machine."""
        if self._player is None:
            own_gpus_only()
            self._player = make_player(TrainConfig.model_validate(self._config), self._seed)
        if version != self._version:
            self._player.publish(weights, version)
            self._version = version
        met = None if opponent is None else opponent.id
        if met != self._opponent:
            self._player.oppose(opponent)
            self._opponent = met
        return self._player.collect(positions)


class RayRollouts(Pooled):
    """`Rollouts` whose players are actors, as many as `rollouts.workers` says."""

    actor_class: type = RayPlayer

    def __init__(self, config: TrainConfig, booked: Mapping[str, float] | None = None) -> None:
        self.config = config
        self._version = 0
        self._weights: Any = None
        self._opponent: Any = None
        self._rates = Rates()
        self._game = make_game(config.game)
        self._points = self._game.obs_shape[1] * self._game.obs_shape[2] if self._game.has_ownership else 0
        self._too_old = 0  # games, since they were last reported
        self._received: list[Games] = []  # that nobody has collected yet
        self._waiting = 0  # positions that answers brought beyond what was asked for
        self.pool = ActorPool(
            self.actor_class,
            config.rollouts,
            lambda index, restarts: (
                config.model_dump(),
                worker_seed(config.seed, index, restarts),
            ),
            lambda actor, index: actor.collect.remote(
                self._share(), self._weights, self._version, self._opponent
            ),
            follows=True,
            check=self._fault,
            booked=booked,
        )

    def _fault(self, answer: tuple[Games, dict[str, float]]) -> str | None:
        """What is wrong with an actor's answer."""
        games, _ = answer
        return games.fault(self._game.num_actions, self._points) or games.unsound()

    def _share(self) -> int:
        """Positions of one answer: about one comes from each actor every update."""
        return max(1, self.config.rollouts.positions_per_update // max(1, len(self.pool.actors)))

    def publish(self, weights: Weights, version: int) -> None:
        """See `Rollouts.publish`; the first call starts the actors."""
        self._version = version
        self._weights = self.pool.put(sound(weights))
        self.pool.start()

    def oppose(self, opponent: Opponent | None) -> None:
        """See `Rollouts.oppose`; it holds from the actors' next calls on."""
        self._opponent = None if opponent is None else self.pool.put(opponent)

    def collect(self) -> Games:
        """See `Rollouts.collect`; returns when the actors have recorded an update's worth of positions."""
        wanted = self.config.rollouts.positions_per_update
        while self._waiting < wanted:
            self.pool.feed()
            self._received += self._next_answer()
        self._waiting -= wanted
        self.pool.feed()  # actors play on while the learner learns
        return self.received()

    def received(self) -> Games:
        """See `Rollouts.received`."""
        parts, self._received = self._received, []
        return Games.concatenate(parts) if parts else Games.none(0, 0)

    def rest(self) -> Games:
        """Wait for the calls under way; the actors then rest until the next `collect`."""
        while self.pool.calls:
            self._received += self._next_answer()
        return self.received()

    def _next_answer(self) -> list[Games]:
        """The games of the call that is answered first; nothing where it was lost."""
        answer = self.pool.next_answer()
        if answer is None:
            return []
        games, counts = answer
        self._waiting += int(counts["recorded"])
        self._rates.add(games, counts, self._version)
        limit = self.config.rollouts.max_staleness
        if limit and len(games):
            is_new = self._version - games.versions <= limit
            self._too_old += int((~is_new).sum())
            games = games.only(is_new)
        return [games]

    def stats(self) -> dict[str, float]:
        """See `Rollouts.stats`; and how the actors fare."""
        too_old, self._too_old = self._too_old, 0
        old = {"too_old": float(too_old)} if self.config.rollouts.max_staleness else {}
        return {**self._rates.take(), **self.pool.stats(), **old}
