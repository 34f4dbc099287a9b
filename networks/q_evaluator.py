"""Action values for acting: NumPy in, NumPy out, as fast as one core does it."""

import copy
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tengen.envs.worlds import Observations
from tengen.errors import TengenError
from tengen.networks.hardware import choose_device, choose_precision
from tengen.networks.q import QNetwork
from tengen.networks.q_inference import for_inference
from tengen.networks.threads import keep_freed_memory
from tengen.networks.threads import threads as intra_op_threads
from tengen.networks.weights import load_weights


class QEvaluator:
    """Expected returns of actions by a private copy of a network.

    device: "auto" (CUDA when present), "cpu", "cuda", "cuda:N".
    precision: "auto" (bfloat16 where the hardware has it), "float32", "bfloat16", "float16".
    threads: intra-op threads of each call; None leaves the calling thread's number alone.
    noisy: whether noisy layers draw new noise for each call; otherwise they use their means.

    Calls may come from several threads; each waits for the one before. Give each thread its own.
    """

    def __init__(
        self,
        network: QNetwork,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = 1,
        version: int = 0,
        noisy: bool = False,
    ) -> None:
        self.spec, self.config = network.spec, network.config
        self.version, self.threads, self.noisy = version, threads, noisy
        self.device = choose_device(device)
        self.dtype = choose_precision(precision, self.device)
        self._frame_dtype = np.dtype(network.spec.frame_dtype)
        self._noise = torch.Generator(self.device)
        self._lock = threading.Lock()
        keep_freed_memory()
        self._master = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
        self._master.remove_noise()
        with intra_op_threads(threads):
            self._net = for_inference(self._master, self.dtype, self.device)

    def __call__(self, observations: Observations) -> NDArray[np.float32]:
        """Observations [B, stack, *frame_shape] -> expected returns float32 [B, A], in an array of its own.

        Raises TengenError for another shape, and for other numbers where the world shows bytes.
        """
        x = torch.from_numpy(self._checked(observations))
        with self._lock, intra_op_threads(self.threads), torch.inference_mode():
            if self.noisy:
                self._net.resample_noise(self._noise)
            values: NDArray[np.float32] = self._net.q_values(x.to(self.device)).cpu().numpy()
            return values

    def seed_noise(self, seed: int) -> None:
        """Let the noise of the calls that follow be that of a seed, from 0 to 2**63 - 1."""
        with self._lock:
            self._noise.manual_seed(seed)

    def load_weights(self, weights: Mapping[str, NDArray[Any]], version: int) -> None:
        """Take over weights (as `network_weights` gives them, read-only or not) and their version.

        Raises TengenError for the weights of another network; the old ones then stay.
        """
        with self._lock, intra_op_threads(self.threads):
            load_weights(self._master, weights)
            del self._net  # before there is another: they are of a size that counts
            self._net = for_inference(self._master, self.dtype, self.device)
            self.version = version

    def describe(self) -> str:
        """What was chosen, in words: "cpu, bf16, packed for oneDNN, 1 thread"."""
        names = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
        parts = [str(self.device), names[self.dtype]]
        if self.device.type == "cpu":
            from tengen.networks.packed import packed_kernels_work

            parts.append("packed for oneDNN" if packed_kernels_work(self.dtype) else "plain kernels")
            threads = self.threads or torch.get_num_threads()
            parts.append(f"{threads} thread{'s' if threads > 1 else ''}")
        return ", ".join(parts)

    def _checked(self, observations: Observations) -> Observations:
        """Observations in the world's type, in order in memory."""
        wanted = (self.spec.stack, *self.spec.frame_shape)
        if observations.shape[1:] != wanted or not len(observations):
            sizes = ", ".join(str(size) for size in wanted)
            raise TengenError(
                f"observations have shape {list(observations.shape)}; this network takes [B, {sizes}]"
            )
        if self._frame_dtype == np.uint8 and observations.dtype != np.uint8:
            raise TengenError(f"observations are {observations.dtype}; {self.spec.name} shows bytes (uint8)")
        array = np.ascontiguousarray(observations, dtype=self._frame_dtype)
        # torch does not like to look at what it may not write.
        return array if array.flags.writeable else array.copy()
