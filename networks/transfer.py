"""Weights of one network taken over by another: of another board, with other planes, of another size.

What is named alike and has the same shape is copied. Weights for each place of a board are laid onto a board
of another size by their distance from its nearer edge, and the first layer's by the names of the planes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from tengen.errors import TengenError
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.heads import BoardNetwork
from tengen.networks.layers.point_bias import PointBias
from tengen.networks.layers.symmetric import SymmetricLinear
from tengen.networks.stack import ValueHead

NEW, OTHER, FITTED, LEFT = "new", "other", "fitted", "left"


@dataclass
class Transfer:
    """What a network took over."""

    source: str
    taken: int = 0  # tensors copied as they stand
    tensors: int = 0  # that the network has
    lines: list[str] = field(default_factory=list)  # all that was not simply copied, a part a line


def take_over(network: BoardNetwork, planes: Sequence[str], path: Path | str) -> Transfer:
    """Give a network, which sees `planes`, what fits of the checkpoint at `path`.

    Raises TengenError where there is no checkpoint of a board game's network, or no layer of it fits.
    """
    source, meta = load_checkpoint(path)
    theirs, ours = source.state_dict(), network.state_dict()
    fates: dict[str, tuple[str, str]] = {}
    found = Transfer(f"{meta.folder} ({meta.game}, step {meta.step})", tensors=len(ours))
    with torch.no_grad():
        for name, own in ours.items():
            if name not in theirs:
                fates[name] = NEW, ""
                continue
            fitted, note = _fitted(name, network, planes, source, meta.planes)
            if fitted is None or fitted.shape != own.shape:
                fates[name] = OTHER, note or f"{_shape(theirs[name])} there, {_shape(own)} here"
                continue
            own.copy_(fitted)
            found.taken += not note
            fates[name] = (FITTED, note) if note else ("", "")
    lower = [fate for name, fate in fates.items() if name.startswith(("tower.", "body."))]
    if all(fate in (NEW, OTHER) for fate, _ in lower):
        why = next((words for fate, words in lower if fate == OTHER), "it has none")
        raise TengenError(
            f"init: no layer of {meta.folder} fits this network (the first one that differs: {why}); "
            "take a network of the same architecture and as many channels"
        )
    fates |= {name: (LEFT, "") for name in theirs if name not in ours}
    found.lines = told(fates)
    return found


def _fitted(
    name: str,
    network: BoardNetwork,
    planes: Sequence[str],
    source: BoardNetwork,
    their_planes: Sequence[str],
) -> tuple[Tensor | None, str]:
    """The source's tensor as the network needs it, None where that cannot be; what happened, "" a copy."""
    own, other = network.state_dict()[name], source.state_dict()[name]
    owner, _, leaf = name.rpartition(".")
    if owner == first_layer(network) and leaf == "weight" and tuple(planes) != tuple(their_planes):
        return by_planes(own, other, planes, their_planes)
    if _sides(network) != _sides(source):
        fit = _fit_of(network.get_submodule(owner), dict(source.named_modules()).get(owner))
        if fit is not None:
            fitted = fit(network, source, owner, leaf, other)
            return fitted, "" if fitted is other else "laid onto the other board"
    return other, ""


def by_planes(
    own: Tensor, other: Tensor, planes: Sequence[str], their_planes: Sequence[str]
) -> tuple[Tensor | None, str]:
    """The first layer's weights [out, C, ...] for other planes, and what happened in words.

    Planes of the same name keep theirs. Those that the source does not see begin at zero, so that the
    network first says what it said; without a single plane in common nothing is taken over.
    """
    common = [plane for plane in planes if plane in their_planes]
    if own.shape[0] != other.shape[0] or own.shape[2:] != other.shape[2:]:
        return None, ""
    if not common:
        return None, "sees none of the planes there"
    fitted = torch.zeros_like(own)
    for at, plane in enumerate(planes):
        if plane in their_planes:
            fitted[:, at] = other[:, list(their_planes).index(plane)]
    left = len(their_planes) - len(common)
    return fitted, (
        f"{len(common)} of {len(planes)} planes by name, the others from zero; "
        f"{left} of {len(their_planes)} there are not seen here"
    )


def rows_there(here: int, there: int) -> list[int]:
    """Which row of a board of `there` rows stands for each one of `here`: as far from the nearer edge.

    Rows further in than the other board goes are its middle.
    """
    middle = (there - 1) // 2
    rows = [min(row, here - 1 - row, middle) for row in range(here)]
    return [near if row < here / 2 else there - 1 - near for row, near in enumerate(rows)]


def points_there(here: tuple[int, int], there: tuple[int, int]) -> Tensor:
    """[H * W] the place on a board of size `there` for each one of `here`."""
    rows, columns = rows_there(here[0], there[0]), rows_there(here[1], there[1])
    return torch.tensor([row * there[1] + column for row in rows for column in columns])


def first_layer(network: BoardNetwork) -> str:
    """Name of the convolution that sees the planes."""
    return "tower.stem.conv" if hasattr(network, "tower") else "body.0"


Fit = Callable[[BoardNetwork, BoardNetwork, str, str, Tensor], Tensor]


def _fit_of(module: nn.Module | None, other: nn.Module | None) -> Fit | None:
    """How weights for each place come onto a board of another size; None where there are none of these."""
    if type(module) is not type(other):
        return None
    if isinstance(module, PointBias):
        return _point_bias
    if isinstance(module, SymmetricLinear):
        return _symmetric
    if isinstance(module, nn.Linear):
        return _value_hidden
    return None


def _sides(network: BoardNetwork) -> tuple[int, int]:
    return network.spec.height, network.spec.width


def _point_bias(here: BoardNetwork, there: BoardNetwork, owner: str, leaf: str, other: Tensor) -> Tensor:
    points = points_there(_sides(here), _sides(there))
    return other.flatten(1)[:, points].unflatten(1, _sides(here))


def _value_hidden(here: BoardNetwork, there: BoardNetwork, owner: str, leaf: str, other: Tensor) -> Tensor:
    """The layer of AlphaGo's value head over all places: with more places each counts for less."""
    parent = here.get_submodule(owner.rpartition(".")[0])
    if not (isinstance(parent, ValueHead) and owner.endswith(".hidden") and leaf == "weight"):
        return other
    points = points_there(_sides(here), _sides(there))
    return other[:, points] * (other.shape[1] / len(points))


def _symmetric(here: BoardNetwork, there: BoardNetwork, owner: str, leaf: str, other: Tensor) -> Tensor:
    """A tied layer from all places to all: a pair keeps its displacement, as far from the edges as it was."""
    own, old = here.get_submodule(owner), there.get_submodule(owner)
    assert isinstance(own, SymmetricLinear) and isinstance(old, SymmetricLinear)
    points = points_there((own.size, own.size), (old.size, old.size))
    if leaf == "bias":
        return _tied(other[old.spot[points]][None], own.spot)[0]
    row, column = torch.arange(own.size).repeat_interleave(own.size), torch.arange(own.size).repeat(own.size)
    to_row = (points // old.size)[:, None] + row[None, :] - row[:, None]  # [out, in]
    to_column = (points % old.size)[:, None] + column[None, :] - column[:, None]
    is_there = (to_row >= 0) & (to_row < old.size) & (to_column >= 0) & (to_column < old.size)
    source = (to_row * old.size + to_column).where(is_there, torch.zeros(()).long())
    pair = old.pair[points[:, None].expand_as(source), source]
    values = other[:, pair] * is_there  # [C, out, in]
    return _tied(values.flatten(1), own.pair.flatten())


def _tied(values: Tensor, orbit: Tensor) -> Tensor:
    """The mean of values [C, N] over each orbit [N] -> [C, orbits]."""
    count = torch.bincount(orbit).clamp(min=1)
    return values.new_zeros(len(values), len(count)).index_add_(1, orbit, values) / count


def told(fates: Mapping[str, tuple[str, str]]) -> list[str]:
    """What was not simply copied, a line for the largest part that shares its fate."""
    words = {
        NEW: "begins anew, the source has none",
        OTHER: "begins anew: ",
        FITTED: "taken over: ",
        LEFT: "left behind, this network has none",
    }
    lines: list[str] = []
    for fate, text in words.items():
        of = {name for name, (own, _) in fates.items() if own == fate}
        seen: set[str] = set()
        for name in [name for name in fates if name in of]:
            part = _largest(name, of, fates)
            if part not in seen:
                seen.add(part)
                lines.append(f"{part}: {text}{fates[name][1]}")
    return lines


def _largest(name: str, of: set[str], fates: Mapping[str, object]) -> str:
    """The longest-reaching prefix of a tensor's name under which all share its fate."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length])
        if all(other in of for other in fates if other.startswith(f"{prefix}.")):
            return prefix
    return name


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"
