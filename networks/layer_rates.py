"""Lower layers that learn more slowly than the heads, or not at all."""

from torch import nn

from tengen.errors import TengenError
from tengen.networks.heads import BoardNetwork, PolicyValueNet
from tengen.networks.stack import StackNet


class FrozenNorm(nn.BatchNorm2d):
    """A batch norm that stays as it is: its statistics are those of the games it learned from."""

    def train(self, mode: bool = True) -> "FrozenNorm":
        """Stay in evaluation mode, whatever the network is told."""
        super().train(False)
        return self


def lower_layers(network: BoardNetwork) -> list[nn.Module]:
    """The layers below the heads, lowest first: a stem and residual blocks, or convolutions in a row."""
    if isinstance(network, PolicyValueNet):
        return [network.tower.stem, *network.tower.blocks]
    assert isinstance(network, StackNet)
    layers: list[nn.ModuleList] = []
    for part in network.body:
        if hasattr(part, "weight") and hasattr(part, "in_channels"):
            layers.append(nn.ModuleList())
        layers[-1].append(part)
    return list(layers)


def set_rates(network: BoardNetwork, freeze: int, slower: float) -> dict[str, float]:
    """Freeze the `freeze` lowest layers; returns factors of the learning rate, by name, of the rest below
    the heads.

    Raises TengenError where there are fewer layers.
    """
    layers = lower_layers(network)
    if freeze > len(layers):
        raise TengenError(
            f"init.freeze: {freeze} is more than the {len(layers)} layers of the network below its heads"
        )
    for layer in layers[:freeze]:
        layer.requires_grad_(False)
        for part in layer.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.__class__ = FrozenNorm
                part.eval()
    if slower == 1:
        return {}
    slow = {id(parameter) for layer in layers[freeze:] for parameter in layer.parameters()}
    return {name: slower for name, parameter in network.named_parameters() if id(parameter) in slow}
