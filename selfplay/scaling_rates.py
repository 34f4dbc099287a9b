"""The rates of a configuration, measured in this process: one actor plays, the learner learns from it."""

import math
import pickle
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tengen.selfplay.config import TrainConfig
from tengen.selfplay.dqn_config import DqnTrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.scaling import Rates, round_size

if TYPE_CHECKING:
    from tengen.agents.dqn.learner import DqnLearner

ANSWER_S = 1.0e-3  # `tengen bench rollouts` measures it as call_ms
STEPS = 5  # of the learner that are measured, after two that are not
SHORT_GAMES = 16  # side by side, that tell how long games are
MOST_STEPS = 20_000  # in worlds, that the replay of a measurement holds
LONG_S = 3.0  # how many times as long as the measurement those games may take

OF_GAMES = {"items_per_game", "bytes_per_item", "ingest_s", "learn_s"}  # rates that whole games tell
OF_PLAY = {"items_per_s", "items_per_game"}  # that want an actor to play for long
OF_WORLDS = OF_GAMES | OF_PLAY

T = TypeVar("T")
Weights = Mapping[str, np.ndarray]


def measure_boards(
    config: TrainConfig, seconds: float, weights: Weights | None, given: Mapping[str, float]
) -> Rates:
    """Of self-play: an actor's rate with the games side by side that the configuration has.

    weights: of a trained network, since games of one that knows nothing are longer.
    given: fields of `Rates`, which are not measured.
    """
    from tengen.envs.registry import make_game
    from tengen.networks.hardware import choose_device
    from tengen.networks.spec import spec_for
    from tengen.networks.stack import make_network
    from tengen.selfplay.learner import Learner
    from tengen.selfplay.replay import Replay

    game = make_game(config.game)
    learner = Learner(make_network(config.network, spec_for(game)), config.learner, choose_device("auto"))
    found: dict[str, Any] = {
        "items_per_round": round_of(config),
        "items_per_update": config.rollouts.positions_per_update,
        "weights_bytes": sum(array.nbytes for array in learner.weights().values()),
        "answer_s": ANSWER_S,
    }
    if "items_per_s" not in given:
        found["items_per_s"] = _playing(config, seconds, weights)
    if OF_GAMES - given.keys():
        games = _finished(config, weights, LONG_S * seconds)
        sent = pickle.dumps(games, protocol=5)
        replay = Replay(
            game,
            config.replay.model_copy(update={"min_positions": 1}),
            value_from_search=config.learner.value_from_search,
            symmetries=config.learner.symmetries,
        )
        _, ingest = _timed(lambda: replay.add(pickle.loads(sent)))
        found |= {
            "items_per_game": games.positions / len(games),
            "bytes_per_item": len(sent) / games.positions,
            "ingest_s": ingest / games.positions,
        }
    if "learn_s" not in given:
        rng, size = np.random.default_rng(config.seed), config.learner.batch_size
        step_s = _per_step(lambda: learner.step(replay.sample(size, rng)))
        found["learn_s"] = config.learner.samples_per_position / size * step_s
    return Rates(**{**found, **given})


def round_of(config: TrainConfig) -> float:
    """Positions that the least answer of an actor brings; see `round_size`."""
    rollouts, cap = config.rollouts, config.rollouts.playout_cap
    full, small = (
        max(1, math.ceil(simulations / config.search.leaves))
        for simulations in (config.search.simulations, cap.simulations)
    )
    recorded = cap.full_fraction
    rounds = recorded * full + (1 - recorded) * small
    threads = max(1, rollouts.threads or int(rollouts.cpus_per_worker))
    return round_size(rollouts.games, rounds, recorded, threads)


def _playing(config: TrainConfig, seconds: float, weights: Weights | None) -> float:
    """Recorded positions a second of an actor."""
    from tengen.selfplay.rollouts import make_player

    player = make_player(config, config.seed)
    if weights is not None:
        player.publish(weights, 0)
    player.collect(1)  # kernels are loaded by their first call
    share = max(1, config.rollouts.games // 8)
    played, took = 0.0, 0.0
    while took < seconds:
        (_, counts), once = _timed(lambda: player.collect(share))
        played, took = played + counts["recorded"], took + once
    return played / took


def _finished(config: TrainConfig, weights: Weights | None, seconds: float) -> Games:
    """Some whole games. They are played with little thought: their length and size are what counts."""
    from tengen.selfplay.rollouts import Player

    quick = config.model_copy(
        update={
            "rollouts": config.rollouts.model_copy(
                update={"games": SHORT_GAMES, "playout_cap": type(config.rollouts.playout_cap)()}
            ),
            "search": config.search.model_copy(update={"simulations": min(4, config.search.simulations)}),
        }
    )
    player = Player(quick, config.seed + 1)
    if weights is not None:
        player.publish(weights, 0)
    parts: list[Games] = []
    began = time.perf_counter()
    while not parts or (sum(map(len, parts)) < SHORT_GAMES and time.perf_counter() - began < seconds):
        games, _ = player.collect(SHORT_GAMES)
        if len(games):
            parts.append(games)
    return Games.concatenate(parts)


def measure_worlds(config: DqnTrainConfig, seconds: float, given: Mapping[str, float]) -> Rates:
    """Of action values: an actor with its worlds, the replay, and gradient steps on what it played.

    given: fields of `Rates`, which are not measured.
    """
    from tengen.agents.dqn.learner import DqnLearner
    from tengen.envs.make_worlds import world_spec
    from tengen.networks.hardware import choose_device
    from tengen.networks.q import QNetwork

    network = QNetwork(config.network, world_spec(config.game, config.worlds))
    learner = DqnLearner(network, config.learner, choose_device("auto"), compile=False, seed=config.seed)
    answer = config.rollouts.steps * config.rollouts.worlds
    found: dict[str, Any] = {
        "items_per_round": answer,
        "items_per_update": answer,  # the learner publishes after every answer
        "splits_updates": False,
        "weights_bytes": sum(array.nbytes for array in learner.weights().values()),
        "answer_s": ANSWER_S,
    }
    if wanted := OF_WORLDS - given.keys():
        found |= _in_worlds(config, seconds if wanted & OF_PLAY else 0.0, learner, "learn_s" in wanted)
    return Rates(**{**found, **given})


def _in_worlds(
    config: DqnTrainConfig, seconds: float, learner: "DqnLearner", learns: bool
) -> dict[str, float]:
    """Rates of playing for so long, and for what the learner's steps need, where they are wanted too."""
    from tengen.agents.dqn.replay import FrameReplay
    from tengen.agents.dqn.transitions import Transitions
    from tengen.envs.make_worlds import world_spec
    from tengen.selfplay.world_rollouts import Actor

    rollouts, learning = config.rollouts, config.learner
    small = config.replay.model_copy(update={"capacity": MOST_STEPS, "min_steps": 1, "on_disk": False})
    spec = world_spec(config.game, config.worlds)
    replay = FrameReplay(
        spec, small, worlds=rollouts.worlds, n_step=learning.n_step, gamma=learning.gamma, folder=None
    )
    weights, epsilon = learner.weights(), np.full(rollouts.worlds, 0.1, np.float32)
    needed = learning.batch_size + learning.n_step * rollouts.worlds if learns else 0
    found: dict[str, float] = {}
    actor = Actor(config, config.seed)
    try:
        first, _ = actor.collect(weights, 0, epsilon)  # kernels are loaded by their first call
        assert isinstance(first, Transitions)
        replay.add(first)
        played, took, ingest, sent, episodes = 0, 0.0, 0.0, 0, 0
        while not played or took < seconds or replay.steps < needed:
            (answer, _), once = _timed(lambda: actor.collect(weights, 0, epsilon))
            assert isinstance(answer, Transitions)
            blob = pickle.dumps(answer, protocol=5)
            if played < MOST_STEPS // 2:
                _, into = _timed(lambda blob=blob: replay.add(pickle.loads(blob)))  # type: ignore[misc]
                ingest, sent = ingest + into, sent + len(blob)
                counted = played = played + answer.steps
            else:
                played += answer.steps
            took, episodes = took + once, episodes + len(answer.episodes)
        if learns:
            rng = np.random.default_rng(config.seed)
            step_s = _per_step(lambda: learner.step(replay.sample(learning.batch_size, rng, 1.0)))
            found["learn_s"] = step_s / learning.steps_per_update
    finally:
        actor.close()
        replay.close()
    return found | {
        "items_per_s": played / took,
        "items_per_game": played / max(1, episodes),
        "bytes_per_item": sent / counted,
        "ingest_s": ingest / counted,
    }


def _per_step(step: Callable[[], object]) -> float:
    for _ in range(2):
        step()
    return _timed(lambda: [step() for _ in range(STEPS)])[1] / STEPS


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began
