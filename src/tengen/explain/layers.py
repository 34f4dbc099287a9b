"""What layers hold: names and shapes, what comes out of one, filters of convolutions as pictures."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tengen.errors import TengenError
from tengen.explain.maps import Judge, Sheet
from tengen.networks.layers.symmetric import SymmetricConv2d
from tengen.words import nearest

MOST_TILES = 32  # filters or channels that are shown
MOST_INPUTS = 64  # planes of a filter that are shown


def activations(network: nn.Module, judge: Judge, inputs: Tensor) -> dict[str, Tensor]:
    """What comes out of every layer for inputs [1, C, H, W], by name, in the order of computation."""
    found: dict[str, Tensor] = {}

    def note(name: str):  # type: ignore[no-untyped-def]
        def hook(layer: nn.Module, given: object, output: object) -> None:
            if isinstance(output, Tensor) and len(output) == 1:
                found[name] = output.detach().float()

        return hook

    handles = [layer.register_forward_hook(note(name)) for name, layer in network.named_modules() if name]
    try:
        with torch.no_grad():
            judge(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def pick_layer(found: dict[str, Tensor], name: str) -> Tensor:
    """What comes out of the layer of a name. Raises TengenError with the names there are."""
    if name in found:
        return found[name]
    near = nearest(name, found)
    shapes = ", ".join(f"{known} ({'x'.join(map(str, out.shape[1:]))})" for known, out in found.items())
    hint = f"did you mean {near}? " if near else ""
    raise TengenError(f"--layer: this network has no layer '{name}'; {hint}layers: {shapes}")


def channel_maps(output: Tensor) -> NDArray[np.float32]:
    """A layer's output for one input as pictures [channels, H, W]; one without places as a single picture."""
    values = output[0].numpy()
    if values.ndim == 3:
        return values
    flat = values.reshape(-1)
    columns = math.ceil(math.sqrt(len(flat)))
    padded = np.full(columns * -(-len(flat) // columns), np.nan, np.float32)
    padded[: len(flat)] = flat
    return padded.reshape(1, -1, columns)


def activation_sheet(name: str, maps: NDArray[np.float32]) -> Sheet:
    """The strongest channels [N, H, W] of a layer."""
    strength = np.nan_to_num(np.abs(maps)).mean((1, 2))
    order = np.argsort(-strength, kind="stable")[:MOST_TILES]
    shown = (
        f"the {len(order)} strongest of {len(maps)} channels" if len(maps) > len(order) else "all channels"
    )
    captions = tuple(str(channel) for channel in order) if len(maps) > 1 else ("units",)
    return Sheet(
        f"Layer {name}: {shown}, each from its least (dark) to its most (bright)", maps[order], captions, 8
    )


def first_convolution(network: nn.Module) -> str | None:
    """The name of the layer that sees the inputs first; None in a network without convolutions."""
    return next((name for name, layer in network.named_modules() if filters_of(layer) is not None), None)


def sheets_of(network: nn.Module, name: str, planes: tuple[str, ...]) -> list[Sheet]:
    """The filters of a layer, where it has any wider than a point. planes: of the network's inputs."""
    weight = filters_of(network.get_submodule(name))
    sheet = (
        None
        if weight is None
        else filter_sheet(name, weight, planes if name == first_convolution(network) else ())
    )
    return [] if sheet is None else [sheet]


def filters_of(layer: nn.Module) -> Tensor | None:
    """Weights [out, in, K, K] of a convolution; None for other layers."""
    if isinstance(layer, SymmetricConv2d):
        return layer.weight.detach()[:, :, layer.place].unflatten(2, (layer.kernel, layer.kernel)).float()
    weight = getattr(layer, "weight", None)
    return weight.detach().float() if isinstance(weight, Tensor) and weight.ndim == 4 else None


def filter_sheet(name: str, weight: Tensor, planes: tuple[str, ...]) -> Sheet | None:
    """Filters, each as its planes side by side; None where they are single points.

    The planes' own names tell their order, as far as they are known.
    """
    count, inputs, kernel = min(len(weight), MOST_TILES), min(weight.shape[1], MOST_INPUTS), weight.shape[2]
    if kernel == 1:
        return None
    columns = inputs if inputs <= 4 else math.ceil(math.sqrt(inputs))
    rows = -(-inputs // columns)
    step = kernel + 1  # a gap between planes
    tiles = np.full((count, rows * step - 1, columns * step - 1), np.nan, np.float32)
    for i in range(inputs):
        top, left = i // columns * step, i % columns * step
        tiles[:, top : top + kernel, left : left + kernel] = weight[:count, i].numpy()
    shown = f"{count} of {len(weight)} filters" if len(weight) > count else f"{count} filters"
    order = f", planes in rows: {', '.join(planes)}" if len(planes) == weight.shape[1] else ""
    title = f"Layer {name}: {shown} of {kernel}x{weight.shape[3]}{order}; grey is 0, bright above, dark below"
    return Sheet(title, _centred(tiles), tuple(map(str, range(count))), 8 if columns > 4 or kernel < 5 else 4)


def _centred(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each tile over the largest number in it, so that 0 is grey in all."""
    most = np.nanmax(np.abs(tiles), axis=(1, 2), keepdims=True)
    return np.asarray(tiles / np.where(most > 0, most, 1))
