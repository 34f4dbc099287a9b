"""The inference evaluator: the fastest forward pass this machine offers, for NumPy batches."""

import copy
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen._runtime import cache_root
from tengen.errors import TengenError
from tengen.networks.hardware import choose_device, choose_precision, cpp_compiler
from tengen.networks.heads import BoardNetwork
from tengen.networks.pending import Done, Evaluation, Pending
from tengen.networks.plain_inference import make_inference
from tengen.networks.threads import keep_freed_memory
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import load_weights

log = logging.getLogger(__name__)

#: Batches are padded up to one of these, so that few shapes are prepared; past the last, to its multiples.
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)


def padded_size(batch: int) -> int:
    """The prepared batch size that holds `batch` positions."""
    for size in BATCH_SIZES:
        if batch <= size:
            return size
    return -(-batch // BATCH_SIZES[-1]) * BATCH_SIZES[-1]


class NetworkEvaluator:
    """Policy and value of batches of observations by a private, folded copy of a network.

    device: "auto" (CUDA when present), "cpu", "cuda", "cuda:N".
    precision: "auto" (bfloat16 where the hardware has it), "float32", "bfloat16", "float16".
    compile: torch.compile instead of the fused convolutions. Off unless asked for: it takes half a minute,
    and on CPUs the fused convolutions reach its speed.
    threads: intra-op threads of each call, whatever the calling thread's own number; None leaves that alone.

    Give each Python thread its own evaluator; torch releases the GIL, so they run side by side. Ownership and
    score are only computed by `outlook`.
    """

    def __init__(
        self,
        network: BoardNetwork,
        *,
        device: str = "auto",
        precision: str = "auto",
        compile: bool = False,
        threads: int | None = None,
        version: int = 0,
    ) -> None:
        self.spec = network.spec
        self.config = network.config
        self.version = version
        self.busy_s = 0.0  # seconds in forward passes; on a GPU nothing is counted
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self.threads = threads
        if compile and cpp_compiler() is None:
            log.warning("no C++ compiler found: networks run uncompiled; install g++ for torch.compile")
            compile = False
        self.is_compiled = compile
        self._lock = threading.Lock()
        keep_freed_memory()
        self._master = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
        self._net = make_inference(self._master, self.dtype, self.device, fused=not compile)
        self._forward = _compiled(self._net) if compile else self._net
        self._graphs = None
        if self.device.type == "cuda":
            from tengen.networks.cuda import GraphRunner

            self._graphs = GraphRunner(self._net, self._forward, self.spec.obs_shape)

    def __call__(self, obs: NDArray[np.float32]) -> Evaluation:
        """Observations float32 [B, C, H, W] -> policy logits float32 [B, A], P(win) - P(loss) float32 [B].

        Channels-last memory (`Game.new_observation`) saves a copy. Raises TengenError for another shape.
        """
        return self.submit(obs).result()

    def submit(self, obs: NDArray[np.float32]) -> Pending:
        """Start an evaluation; on a GPU the caller may work until it asks for the result.

        obs may be overwritten as soon as this returns. On a CPU the result is there already.
        """
        if obs.shape[1:] != self.spec.obs_shape or not len(obs):
            wanted = ", ".join(str(size) for size in self.spec.obs_shape)
            raise TengenError(f"observations have shape {list(obs.shape)}; this network takes [B, {wanted}]")
        batch = len(obs)
        size = padded_size(batch)
        with self._lock:
            if self._graphs is not None:
                return self._graphs.submit(obs, size)
            started = time.perf_counter()
            with intra_op_threads(self.threads), torch.inference_mode():
                policy, value = self._forward(_padded(obs, size))
                answer = Done((policy[:batch].numpy(), value[:batch].numpy()))
            self.busy_s += time.perf_counter() - started
            return answer

    def outlook(self, obs: NDArray[np.float32]) -> Evaluation | None:
        """Ownership [B, H * W] in [-1, 1] and score in points [B], the mover's; None without such heads.

        By the network as it was trained, on the CPU: slow, and for showing to people.
        """
        _, height, width = self.spec.obs_shape
        with self._lock, intra_op_threads(self.threads), torch.inference_mode():
            output = self._master(_padded(obs, len(obs)))
            if output.ownership is None or output.score is None:
                return None
            return output.ownership.numpy(), (output.score * height * width).numpy()

    def load_weights(self, weights: Mapping[str, NDArray[Any]], version: int) -> None:
        """Take over weights (as `network_weights` gives them, read-only or not) and their version, in place.

        Raises TengenError for the weights of another network; the old ones then stay.
        """
        with self._lock, intra_op_threads(self.threads):
            load_weights(self._master, weights)
            if self._graphs is not None:
                self._graphs.load(lambda: self._net.load(self._master))
            else:
                self._net.load(self._master)
            self.version = version

    def describe(self) -> str:
        """What was chosen, in words: "cpu, bf16, channels-last, BN folded, fused by oneDNN, 1 thread"."""
        names = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
        on_gpu = self.device.type == "cuda"
        parts = [str(self.device), names[self.dtype], "channels-last", "BN folded"]
        if self._net.fused:
            parts.append(f"fused by {'cuDNN' if on_gpu else 'oneDNN'}")
        parts.append("compiled" if self.is_compiled else "eager")
        if on_gpu:
            parts.append("CUDA graphs")
        else:
            threads = self.threads or torch.get_num_threads()
            parts.append(f"{threads} thread{'s' if threads > 1 else ''}")
        return ", ".join(parts)


def _padded(obs: NDArray[np.float32], size: int) -> Tensor:
    """Observations as a channels-last tensor [size, C, H, W], anything after the batch, copied if need be."""
    batch, channels, height, width = obs.shape
    points_first = obs.transpose(0, 2, 3, 1)
    whole = obs.base
    # The front of a larger buffer: whatever stands behind it serves as padding, and nothing is copied.
    if (
        batch < size
        and whole is not None
        and whole.dtype == np.float32
        and whole.shape[1:] == (height, width, channels)
        and len(whole) >= size
        and whole.ctypes.data == obs.ctypes.data
    ):
        points_first, batch = whole[:size], size
    if batch != size or not points_first.flags.c_contiguous or not points_first.flags.writeable:
        padded = np.zeros((size, height, width, channels), np.float32)
        padded[:batch] = points_first
        points_first = padded
    # The strides that torch calls channels-last, also where a dimension of 1 leaves them open.
    strides = (height * width * channels, 1, width * channels, channels)
    return torch.from_numpy(points_first).as_strided((size, channels, height, width), strides)


def _compiled(net: torch.nn.Module) -> Any:
    """torch.compile of net, one fixed batch size at a time; code is kept under Tengen's cache folder."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "inductor"))
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(BATCH_SIZES))
    return torch.compile(net, dynamic=False)
