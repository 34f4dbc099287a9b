"""The inference evaluator: the fastest forward pass this machine offers, for NumPy batches."""

import copy
import logging
import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tengen.errors import TengenError
from tengen.networks.folding import InferenceNet
from tengen.networks.hardware import choose_device, choose_precision
from tengen.networks.heads import PolicyValueNet
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import load_weights

log = logging.getLogger(__name__)

#: Batches are padded up to one of these, so that few shapes are prepared; past the last, to its multiples.
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)

Compile = Literal["auto", "background"] | bool
Evaluation = tuple[NDArray[np.float32], NDArray[np.float32]]


def padded_size(batch: int) -> int:
    """The prepared batch size that holds `batch` positions."""
    for size in BATCH_SIZES:
        if batch <= size:
            return size
    return -(-batch // BATCH_SIZES[-1]) * BATCH_SIZES[-1]


class Pending:
    """An evaluation under way."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def result(self) -> Evaluation:
        """Wait for policy logits [B, A] and values [B]."""
        return self._evaluation


class NetworkEvaluator:
    """Policy and value of batches of observations by a private, folded copy of a network.

    device: "auto" (CUDA when present), "cpu", "cuda", "cuda:N".
    precision: "auto" (bfloat16 where the hardware has it), "float32", "bfloat16", "float16".
    compile: True, False, "background" (start at once, change over when compiled), "auto".
    threads: intra-op threads of the thread that calls; None leaves torch's setting alone.

    Give each Python thread its own evaluator; torch releases the GIL, so they run side by side.
    """

    def __init__(
        self,
        network: PolicyValueNet,
        *,
        device: str = "auto",
        precision: str = "auto",
        compile: Compile = "auto",
        threads: int | None = None,
        version: int = 0,
    ) -> None:
        self.spec = network.spec
        self.config = network.config
        self.version = version
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.threads = threads
        self._lock = threading.Lock()
        self._master = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
        self._net = InferenceNet(self._master, self.dtype, self.device)

    def __call__(self, obs: NDArray[np.float32]) -> Evaluation:
        """Observations float32 [B, C, H, W] -> policy logits float32 [B, A], P(win) - P(loss) float32 [B]."""
        return self.submit(obs).result()

    def submit(self, obs: NDArray[np.float32]) -> Pending:
        """Start an evaluation; on a GPU the caller may work until it asks for the result."""
        with self._lock, intra_op_threads(self.threads), torch.inference_mode():
            batch = len(obs)
            policy, value = self._net(self._prepare(obs, padded_size(batch)))
            return Pending((policy[:batch].cpu().numpy(), value[:batch].cpu().numpy()))

    def _prepare(self, obs: NDArray[np.float32], size: int) -> torch.Tensor:
        """Observations as a channels-last tensor [size, C, H, W], zeros after the batch."""
        batch = len(obs)
        if obs.shape[1:] != self.spec.obs_shape:
            raise TengenError(
                f"observations are {list(obs.shape[1:])}; this network takes {list(self.spec.obs_shape)}"
            )
        if batch == size and obs.flags.writeable and obs.transpose(0, 2, 3, 1).flags.c_contiguous:
            return torch.from_numpy(obs).to(self.device)
        channels, height, width = self.spec.obs_shape
        padded = np.zeros((size, height, width, channels), np.float32)
        padded[:batch] = obs.transpose(0, 2, 3, 1)
        return torch.from_numpy(padded).permute(0, 3, 1, 2).to(self.device)

    def load_weights(self, weights: Mapping[str, NDArray[Any]], version: int) -> None:
        """Take over weights (as `network_weights` gives them, read-only or not) in place."""
        with self._lock, torch.no_grad():
            load_weights(self._master, weights)
            self._net.load(self._master)
            self.version = version

    def describe(self) -> str:
        """What was chosen, in words: "cpu, bf16, channels-last, BN folded, fused, 1 thread"."""
        names = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
        parts = [str(self.device), names[self.dtype], "channels-last", "BN folded"]
        if self._net.packs:
            parts.append("oneDNN fused")
        if self.device.type == "cpu":
            threads = self.threads or torch.get_num_threads()
            parts.append(f"{threads} thread{'s' if threads > 1 else ''}")
        return ", ".join(parts)
