"""Agents of single-player worlds such as atari/Pong, and the strings that name them."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from tengen.agents.registry import AgentSpec, number_option, parse_agent
from tengen.config_faults import describe
from tengen.envs.worlds import Observations, WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError
from tengen.networks.paths import find_checkpoint

CONFIG = "config.yaml"  # of a run
EPSILON = 0.001  # of evaluation; Hessel et al. 2018, Rainbow, table 1


class WorldAgent(Protocol):
    """Chooses actions in N worlds at a time, from what each shows now."""

    name: str

    def act(self, observations: Observations) -> NDArray[np.int32]:
        """Actions [N] for observations [N, stack, *frame_shape]."""


class Evaluator(Protocol):
    """The part of a network that acts: the values of all actions."""

    def __call__(self, observations: Observations) -> NDArray[np.float32]:
        """[N, A] for observations [N, stack, *frame_shape]."""


class RandomWorldAgent:
    """Any action, each as likely."""

    def __init__(self, num_actions: int, seed: int = 0) -> None:
        """num_actions: A."""
        self.name = "random"
        self._num_actions = num_actions
        self._rng = np.random.default_rng(seed)

    def act(self, observations: Observations) -> NDArray[np.int32]:
        """See `WorldAgent`."""
        return self._rng.integers(self._num_actions, size=len(observations), dtype=np.int32)


class QAgent:
    """The action of the highest value; any action with probability epsilon."""

    def __init__(self, name: str, evaluator: Evaluator, epsilon: float = EPSILON, seed: int = 0) -> None:
        """epsilon: 0 is greedy."""
        self.name = name
        self.epsilon = epsilon
        self._evaluator = evaluator
        self._rng = np.random.default_rng(seed)

    def act(self, observations: Observations) -> NDArray[np.int32]:
        """See `WorldAgent`."""
        values = self._evaluator(observations)  # [N, A]
        count, actions = values.shape
        # Both are always drawn, so that what one world does never moves the luck of another.
        explores = self._rng.random(count) < self.epsilon
        anything = self._rng.integers(actions, size=count)
        return np.where(explores, anything, values.argmax(1)).astype(np.int32)


def make_world_agent(text: str, spec: WorldSpec, *, seed: int = 0) -> WorldAgent:
    """The agent that a string names (see `tengen agents`), for a world.

    Raises TengenError for whatever is wrong with the string, for an agent of board games, and for a network
    that was made for another world.
    """
    agent = parse_agent(text)
    if agent.kind == "random":
        if agent.target:
            raise TengenError(f"agent '{text}': random takes no target, got '{agent.target}'")
        return RandomWorldAgent(spec.num_actions, seed)
    if agent.kind != "dqn":
        raise TengenError(
            f"agent '{text}' plays board games, not {spec.name}; agents for it are random and dqn:CHECKPOINT"
        )
    return _q_agent(agent, spec, seed)


def default_world_agent(world: str) -> str:
    """The network that ships for a world, or else chance."""
    name = world.rpartition("/")[2].lower()
    return f"dqn:models/{name}" if (files("tengen.models") / name / "state.json").is_file() else "random"


def worlds_config(text: str, protocol: str | None = None) -> WorldsConfig:
    """How to set worlds up for an agent: as its network's run did, where that is known.

    A network that has learned with sticky actions, 18 actions or another frame skip is at home only there.
    protocol: "deepmind" or "machado", to start and disturb episodes as that says nevertheless.
    """
    agent = parse_agent(text)
    config = _learned_in(find_checkpoint(agent.target)) if agent.kind == "dqn" and agent.target else None
    config = config or WorldsConfig()
    if protocol is not None:
        config = WorldsConfig(
            **config.model_dump() | {"protocol": protocol, "noop_max": None, "sticky": None}
        )
    return config


def _learned_in(checkpoint: Path) -> WorldsConfig | None:
    """The worlds of the configuration beside a network that ships, or of the run that a checkpoint is of."""
    for folder in (checkpoint, checkpoint.parent, checkpoint.parent.parent):
        file = folder / CONFIG
        if file.is_file():
            worlds: Any = {}
            try:
                worlds = yaml.safe_load(file.read_text("utf-8")).get("worlds") or {}
                return WorldsConfig(**worlds)
            except ValidationError as error:
                sentence = describe(error, WorldsConfig, worlds, f"{file}: worlds", ())
                raise TengenError(sentence) from None
            except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
                reason = str(error).splitlines()[0]
                raise TengenError(f"{file}: does not say which worlds it was for ({reason})") from None
    return None


def _q_agent(agent: AgentSpec, spec: WorldSpec, seed: int) -> WorldAgent:
    if not agent.target:
        raise TengenError(f"agent '{agent.text}': dqn needs a checkpoint, as in dqn:runs/pong/latest")
    epsilon = number_option(agent, "epsilon", EPSILON, 0.0, 1.0)
    return QAgent(agent.text, _evaluator(agent.target, spec), epsilon, seed)


def _evaluator(checkpoint: str, spec: WorldSpec) -> Any:
    from tengen.networks.q_checkpoint import load_q_checkpoint
    from tengen.networks.q_evaluator import QEvaluator

    network, _ = load_q_checkpoint(checkpoint, spec)
    return QEvaluator(network, threads=1)
