"""Play filmed with what mattered laid over: the value in red, the action in blue."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tengen.envs.screens import Screen
from tengen.envs.worlds import Observations
from tengen.explain.drawing import overlay
from tengen.explain.world import WorldAction
from tengen.networks.q import QNetwork
from tengen.ui.viewers import VideoViewer

MEMORY = 0.95  # of the largest number so far, a picture later: scales follow the play slowly


def film(
    network: QNetwork,
    screen: Screen,
    observation: Observations,
    choose: Callable[[Observations], int],
    method: str,
    pictures: int,
    viewer: VideoViewer,
    stopped: Callable[[], bool],
    seed: int = 0,
) -> int:
    """Play on from an observation for so many pictures, or to the episode's end; how many there are."""
    scales = np.zeros(2)
    for count in range(1, pictures + 1):
        action = choose(observation)
        maps = WorldAction(network, observation, action, screen.action_names).maps((method,), seed)
        sizes = [np.abs(map_.values) for map_ in maps]
        # Each picture by its own largest number would flicker, and make nothing look like something.
        scales = np.maximum(MEMORY * scales, [size.max() for size in sizes])
        shares = [_share(size, scale) for size, scale in zip(sizes, scales, strict=True)]
        viewer.show(
            overlay(screen.screen, shares[0], shares[1]), [f"{count} pictures", screen.action_names[action]]
        )
        observation, _, over = screen.step(action)
        if over or stopped():
            return count
    return pictures


def _share(size: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """0 to 1, nothing below a quarter: what is faint everywhere would only dim the play."""
    share = size / scale if scale > 0 else size * 0
    return np.asarray(np.clip((share - 0.25) / 0.75, 0, 1), np.float32)
