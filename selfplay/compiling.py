"""torch.compile of the learner's forward and backward pass, where it pays."""

import os
from collections.abc import Callable

import torch
from torch import Tensor

from tengen._runtime import cache_root
from tengen.networks.hardware import cpp_compiler
from tengen.networks.heads import BoardNetwork, NetworkOutput
from tengen.selfplay.config import TrainConfig

LONG_RUN_MINUTES = 20  # compiling takes a minute or two of two cores, and saves a third of the learner's time


def pays(config: TrainConfig, device: torch.device) -> bool:
    """Whether the run's learner should be compiled."""
    choice, stop = config.learner.compile, config.stop
    if choice != "auto":
        return choice
    is_endless = not (stop.minutes or stop.games or stop.updates)
    is_long = is_endless or stop.minutes >= LONG_RUN_MINUTES
    return device.type == "cpu" and is_long and cpp_compiler() is not None


def compiled(network: BoardNetwork) -> Callable[[Tensor], NetworkOutput]:
    """The forward of one batch size, compiled when first called; the module itself is untouched."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "inductor"))
    forward: Callable[[Tensor], NetworkOutput] = torch.compile(network, dynamic=False)
    return forward
