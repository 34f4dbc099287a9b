"""Evaluation on a GPU: one CUDA graph a batch size, pinned buffers, results fetched when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.networks.folding import InferenceNet
from tengen.networks.plain_inference import PlainInference

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
WARM_UP = 3  # calls before a capture, in which cuDNN and the compiler choose their kernels
SLOTS = 2  # evaluations of one batch size under way at a time


@dataclass
class Slot:
    """Buffers and graph of one evaluation of `size` positions."""

    host_obs: Tensor  # pinned, float32 [size, C, H, W] in channels-last memory
    device_obs: Tensor
    host_policy: Tensor  # pinned, float32 [size, A]
    host_value: Tensor  # pinned, float32 [size]
    graph: torch.cuda.CUDAGraph
    done: torch.cuda.Event = field(default_factory=torch.cuda.Event)
    pending: "GraphPending | None" = None


class GraphPending:
    """An evaluation under way on the GPU."""

    def __init__(self, slot: Slot, batch: int) -> None:
        self._slot: Slot | None = slot
        self._batch = batch
        self._policy: NDArray[np.float32]
        self._value: NDArray[np.float32]

    def result(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Wait for policy logits [B, A] and values [B]."""
        if self._slot is not None:
            self._slot.done.synchronize()
            self._policy = self._slot.host_policy.numpy()[: self._batch].copy()
            self._value = self._slot.host_value.numpy()[: self._batch].copy()
            self._slot.pending = None
            self._slot = None
        return self._policy, self._value


class GraphRunner:
    """Runs an InferenceNet by CUDA graphs on a stream of its own, batches in the order of submission."""

    def __init__(
        self, net: InferenceNet | PlainInference, forward: Forward, obs_shape: tuple[int, int, int]
    ) -> None:
        self._net = net
        self._forward = forward
        self._obs_shape = obs_shape
        self._device = next(net.buffers()).device
        self._stream = torch.cuda.Stream(self._device)
        self._slots: dict[int, list[Slot]] = {}

    def submit(self, obs: NDArray[np.float32], size: int) -> GraphPending:
        """Start evaluating obs [B, C, H, W], B <= size."""
        slots = self._slots.setdefault(size, [])
        if len(slots) < SLOTS:
            slots.append(self._capture(size))
        else:
            slots.append(slots.pop(0))  # the one used longest ago
        slot = slots[-1]
        if slot.pending is not None:
            slot.pending.result()
        batch = len(obs)
        slot.host_obs.numpy()[:batch] = obs
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            slot.device_obs.copy_(slot.host_obs, non_blocking=True)
            slot.graph.replay()
            slot.done.record()
        slot.pending = GraphPending(slot, batch)
        return slot.pending

    def load(self, load: Callable[[], None]) -> None:
        """Run `load`, which copies weights into the net, after the evaluations submitted before."""
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            load()

    def _capture(self, size: int) -> Slot:
        channels, height, width = self._obs_shape
        blank = torch.zeros(size, channels, height, width).contiguous(memory_format=torch.channels_last)
        host_obs = blank.pin_memory()
        device_obs = host_obs.to(self._device)
        graph = torch.cuda.CUDAGraph()
        exact = self._net.dtype == torch.float32
        with (
            torch.cuda.device(self._device),
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=not exact),
        ):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UP):
                    policy, value = self._forward(device_obs)
            host_policy = torch.empty(policy.shape, pin_memory=True)
            host_value = torch.empty(value.shape, pin_memory=True)
            self._stream.synchronize()
            # thread_local: other threads may use the GPU while this one captures.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                policy, value = self._forward(device_obs)
                host_policy.copy_(policy, non_blocking=True)
                host_value.copy_(value, non_blocking=True)
        return Slot(host_obs, device_obs, host_policy, host_value, graph)
