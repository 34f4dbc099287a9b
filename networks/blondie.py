"""The checkers networks of Chellapilla and Fogel in torch; agents/minimax/blondie.py has them compiled."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tengen.networks.blondie_layout import BLONDIE_1999, LAYOUTS, SUBSQUARES, Layout


class BlondieNet(nn.Module):
    """What a position is worth in (-1, 1), from boards [B, 32] with +-1 for men and +-K for kings.

    `weights` is the flat vector that evolution moves, in the order of the layout.
    """

    def __init__(self, layout: Layout, flat: NDArray[np.floating] | None = None) -> None:
        super().__init__()
        self.layout = layout
        start = np.zeros(layout.size, np.float32) if flat is None else np.asarray(flat, np.float32)
        self.weights = nn.Parameter(torch.from_numpy(start.copy()))
        nodes = np.repeat(np.arange(len(SUBSQUARES)), [len(squares) for squares in SUBSQUARES])
        places = nodes * 32 + np.concatenate(SUBSQUARES)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def forward(self, boards: Tensor) -> Tensor:
        """Values [B]."""
        parts: dict[str, Tensor] = {}
        at = 0
        for name, shape in self.layout.parts:
            count = int(np.prod(shape))
            parts[name] = self.weights[at : at + count].view(shape)
            at += count
        if self.layout is BLONDIE_1999:
            h = torch.tanh(boards @ parts["first.weight"].T + parts["first.bias"])  # [B, 40]
        else:
            dense = self.weights.new_zeros(len(SUBSQUARES) * 32)
            dense = dense.scatter(0, self.places, parts["local.weight"]).view(-1, 32)  # type: ignore[arg-type]
            h = torch.tanh(boards @ dense.T + parts["local.bias"])  # [B, 91]
            h = torch.tanh(h @ parts["hidden.weight"].T + parts["hidden.bias"])  # [B, 40]
        h = torch.tanh(h @ parts["last.weight"].T + parts["last.bias"])  # [B, 10]
        return torch.tanh(h @ parts["output.weight"] + parts["output.bias"] + boards.sum(1))


def blondie(name: str, flat: NDArray[np.floating] | None = None) -> BlondieNet:
    """The network "blondie1999" or "blondie2001"."""
    return BlondieNet(LAYOUTS[name], flat)
