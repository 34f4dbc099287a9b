"""What does not fit a replay is told before it does harm."""

from typing import Any

import numpy as np

from tengen.agents.dqn.replay_room import spec_as_json
from tengen.agents.dqn.transitions import Transitions
from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError


def check_transitions(transitions: Transitions, spec: WorldSpec, worlds: int) -> None:
    """Raise ValueError where steps are not of the world, or of more worlds, or lack final frames."""
    t, n = transitions.actions.shape
    wanted = (t, n, *spec.frame_shape)
    if transitions.frames.shape != wanted or transitions.frames.dtype != np.dtype(spec.frame_dtype):
        raise ValueError(
            f"frames are {transitions.frames.dtype} {transitions.frames.shape}, "
            f"not {np.dtype(spec.frame_dtype)} {wanted}"
        )
    if not 0 <= transitions.first_world <= worlds - n:
        raise ValueError(
            f"worlds {transitions.first_world} to {transitions.first_world + n - 1} of a replay for {worlds}"
        )
    cut = transitions.truncations & ~transitions.terminals
    cut[transitions.final_at[:, 0], transitions.final_at[:, 1]] = False
    if cut.any():
        raise ValueError(f"{cut.sum()} steps were cut short and have no final frame")


def check_state(state: dict[str, Any], spec: WorldSpec, worlds: int, length: int) -> None:
    """Raise TengenError where a saved replay is of another world or size."""
    saved, wanted = state["spec"], spec_as_json(spec)
    for key, value in wanted.items():
        if saved.get(key) != value:
            raise TengenError(
                f"the saved replay is of {saved.get('name')} with {key} {saved.get(key)}, "
                f"this run's is of {wanted['name']} with {key} {value}: it cannot be taken up"
            )
    if (state["worlds"], state["length"]) != (worlds, length):
        raise TengenError(
            f"the saved replay has {state['worlds']} worlds of {state['length']} steps, this run's "
            f"{worlds} of {length}: capacity and number of worlds should stay as they were"
        )
