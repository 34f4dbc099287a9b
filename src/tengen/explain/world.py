"""An action in a world of images explained: a network of action values, what it sees, what it does."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.envs.screens import Screen as WorldScreen
from tengen.envs.worlds import Observations, WorldSpec
from tengen.errors import TengenError
from tengen.explain import gradients, layers, perturbation
from tengen.explain.maps import METHODS, Explanation, Map, Screen
from tengen.networks.q import QNetwork
from tengen.networks.torsos import image_shape

VALUE, ADVANTAGE = 0, 1  # targets
LEAST_FRAMES, MOST_FRAMES = 20, 100  # that tell the background of an episode
TRIED = 3  # actions whose next step is looked at


def check_images(spec: WorldSpec) -> None:
    """Raise TengenError unless a world shows images."""
    if image_shape(spec) is None:
        raise TengenError(
            f"{spec.name} shows vectors, no images; maps are drawn of images only, as atari/Pong's"
        )


class WorldAction:
    """A network before an observation in which it is asked about an action."""

    def __init__(
        self,
        network: QNetwork,
        observation: Observations,
        action: int,
        names: Sequence[str],
        background: NDArray[Any] | None = None,
    ) -> None:
        """observation: [stack, *frame_shape]. names: of the actions.

        background: what integrated gradients begin at, [*frame_shape]; None is an even picture.
        """
        self.network = network.float().eval().requires_grad_(False)
        network.remove_noise()
        self.spec, self.action, self.names, self.background = network.spec, action, names, background
        self.inputs = as_images(observation)
        self.shape = tuple(observation.shape)

    def judge(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, 2]: the best action's value, and the action's above the mean of all."""
        values = self.network.q_values(inputs.unflatten(1, self.shape[: len(self.shape) - 2]))
        return torch.stack([values.amax(1), values[:, self.action] - values.mean(1)], 1)

    def baseline(self) -> Tensor:
        """The background, or an even picture in the commonest grey."""
        if self.background is not None:
            return as_images(np.stack([self.background] * self.shape[0]))
        values, counts = self.inputs.unique(return_counts=True)
        return torch.full_like(self.inputs, float(values[counts.argmax()]))

    def maps(self, methods: Sequence[str], seed: int = 0) -> list[Map]:
        """The maps [H, W] of these methods, each for value and action."""
        found = []
        height, width = self.inputs.shape[2:]
        names = ("value", f"{self.names[self.action]} over the mean action")
        for method in methods:
            note = METHODS[method].format(
                nothing="an even grey" if self.background is None else "the episode's background",
                samples=gradients.SAMPLES,
                hidden="all frames are blurred",
            )
            places = perturbation.blur_losses(self.judge, self.inputs) if method == "occlusion" else None
            for target, name in enumerate(names):
                more = ""
                if places is not None:
                    values = perturbation.spread(places[target], height, width)
                elif method == "gradient":
                    values = gradients.plain(self.judge, self.inputs, target)
                elif method == "smoothgrad":
                    values = gradients.smooth(self.judge, self.inputs, target, seed)
                else:
                    values, amiss = gradients.integrated(self.judge, self.inputs, self.baseline(), target)
                    more = f": {float(values.sum()):+.3f}, and {float(values.sum()) - amiss:+.3f} is right"
                found.append(Map(method, name, values.numpy(), note + more))
        return found

    def values(self) -> NDArray[np.float32]:
        """[A]."""
        with torch.no_grad():
            found: NDArray[np.float32] = self.network.q_values(
                self.inputs.unflatten(1, self.shape[: len(self.shape) - 2])
            )[0].numpy()
        return found

    def explain(
        self,
        title: str,
        facts: list[str],
        screen: Screen,
        methods: Sequence[str],
        *,
        layer: str | None,
        filters: bool,
        after: Callable[[int], tuple[Observations, float, bool]] | None,
        seed: int = 0,
    ) -> Explanation:
        """All of it. after: observation, reward and end one step after an action."""
        values = self.values()
        order = [int(action) for action in np.argsort(-values, kind="stable")]
        rows = [
            ["now", f"{values.max():+.3f}", "", ", ".join(f"{self.names[a]} {values[a]:+.3f}" for a in order)]
        ]
        tried = [self.action, *[a for a in order if a != self.action]][:TRIED] if after is not None else []
        for action in tried:
            assert after is not None
            observation, reward, over = after(action)
            name = f"after {self.names[action]}"
            if over:
                rows.append([name, "", f"{reward:+g}", "the episode is over"])
                continue
            then = WorldAction(self.network, observation, action, self.names).values()
            best = ", ".join(f"{self.names[a]} {then[a]:+.3f}" for a in np.argsort(-then, kind="stable")[:3])
            rows.append([name, f"{then.max():+.3f}", f"{reward:+g}", best])
        head = ["", "value", "reward", "values of actions"]
        shown = Explanation(title, screen, facts, head, rows, self.maps(methods, seed))
        if layer is not None:
            output = layers.pick_layer(layers.activations(self.network, self.judge, self.inputs), layer)
            found = layers.channel_maps(output)
            if output.ndim == 4:
                height, width = self.inputs.shape[2:]
                mean = perturbation.spread(torch.from_numpy(np.abs(found).mean(0)), height, width).numpy()
                shown.maps.append(Map("layer", layer, mean, f"mean size of its {len(found)} channels"))
            shown.sheets.append(layers.activation_sheet(layer, found))
            shown.sheets += layers.sheets_of(self.network, layer, self._planes())
        first = layers.first_convolution(self.network)
        if filters and first is not None and first != layer:
            shown.sheets += layers.sheets_of(self.network, first, self._planes())
        return shown

    def _planes(self) -> tuple[str, ...]:
        stack = self.spec.stack
        if self.inputs.shape[1] != stack:
            return ()
        return ("oldest frame", *[f"{k} before" for k in range(stack - 2, 0, -1)], "newest")[:stack]


def as_images(observation: Observations) -> Tensor:
    """[stack, *frame_shape] as floats [1, C, H, W]; bytes become 0 to 1."""
    x = torch.from_numpy(np.ascontiguousarray(observation)).float()
    x = x / 255 if observation.dtype == np.uint8 else x
    return x.flatten(0, -3)[None]


class Course(NamedTuple):
    """An episode up to where it is looked at."""

    observation: Observations
    score: float
    actions: list[int]
    background: NDArray[Any] | None  # [*frame_shape], None of an episode that has just begun


def step_to(screen: WorldScreen, choose: Callable[[Observations], int], steps: int) -> Course:
    """Play so many steps of an episode. Raises TengenError if it ends before.

    The background is the median of frames over the whole course: what moves is not in it.
    """
    observation, score = screen.reset(), 0.0
    actions, seen = list[int](), list[NDArray[Any]]()
    every = max(1, steps // MOST_FRAMES)
    for step in range(steps):
        action = choose(observation)
        observation, reward, over = screen.step(action)
        actions.append(action)
        score += reward
        if step % every == 0:
            seen.append(observation[-1])
        if over:
            raise TengenError(
                f"--steps {steps}: the episode is over after {step + 1} steps; give fewer, or another --seed"
            )
    background = np.median(seen, axis=0).astype(observation.dtype) if len(seen) >= LEAST_FRAMES else None
    return Course(observation, score, actions, background)
