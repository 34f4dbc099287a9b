"""Weights as a dict of NumPy arrays: what travels between processes and into checkpoints."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tengen.errors import TengenError


def network_weights(network: nn.Module) -> dict[str, NDArray[Any]]:
    """A copy of every weight and batch-norm statistic, float32 or int64, by name."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def load_weights(network: nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Copy weights into the network in place; the arrays may be read-only.

    Raises TengenError naming a weight that is missing, unknown or of another shape; the network is then as it
    was.
    """
    ours = network.state_dict()
    if missing := ours.keys() - weights.keys():
        raise TengenError(f"weights lack '{min(missing)}' ({len(missing)} of {len(ours)} are missing)")
    if unknown := weights.keys() - ours.keys():
        raise TengenError(f"weights hold '{min(unknown)}', which this network does not have")
    for name, tensor in ours.items():
        if weights[name].shape != tuple(tensor.shape):
            raise TengenError(
                f"weight '{name}' is {list(weights[name].shape)}; this network's is {list(tensor.shape)}"
            )
    with torch.no_grad():
        for name, tensor in ours.items():
            if tensor.device.type == "cpu" and tensor.dtype != torch.bfloat16:
                np.copyto(tensor.numpy(), weights[name])
            else:
                tensor.copy_(torch.from_numpy(np.array(weights[name])))
