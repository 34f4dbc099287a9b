"""Networks of action values: a torso, hidden layers, a head."""

import torch
from torch import Tensor, nn

from tengen.envs.worlds import WorldSpec
from tengen.errors import TengenError
from tengen.networks.layers.decay import elastic_net, limit_norms
from tengen.networks.layers.noisy import NoisyLinear
from tengen.networks.q_config import QNetworkConfig
from tengen.networks.q_heads import Hidden, QHead, QuantileEmbedding
from tengen.networks.torsos import make_torso


class QNetwork(nn.Module):
    """Values of the A actions of a world, or distributions over returns.

    Observations are [B, stack, *frame_shape]: uint8, taken as 0 to 1, or float, taken as it is. Outputs by
    head: q [B, A]; c51 logits [B, A, atoms]; qr [B, A, quantiles]; iqn [B, A, N] at N quantiles.

    Raises TengenError where the configuration does not fit the world.
    """

    support: Tensor  # [atoms] the returns that c51's outputs stand for; empty for other heads
    quantile_midpoints: Tensor  # [quantiles] of qr, or those that iqn's values are the mean of; else empty

    def __init__(self, config: QNetworkConfig, spec: WorldSpec) -> None:
        super().__init__()
        if spec.num_actions < 1:
            raise TengenError(f"{spec.name} has {spec.num_actions} actions; a network needs at least one")
        self.config, self.spec = config, spec
        self.torso = make_torso(config, spec)
        self.head = QHead(config, self.torso.features, spec.num_actions)
        self.embedding = None
        if config.head == "iqn":
            self.embedding = QuantileEmbedding(config.iqn_cosines, self.head.joint_features)
        atoms = config.atoms if config.head == "c51" else 0
        quantiles = {"qr": config.quantiles, "iqn": config.iqn_policy_samples}.get(config.head, 0)
        support = torch.linspace(config.value_min, config.value_max, atoms)
        midpoints = (torch.arange(quantiles) + 0.5) / max(quantiles, 1)
        self.register_buffer("support", support, persistent=False)
        self.register_buffer("quantile_midpoints", midpoints, persistent=False)
        if config.initial == "he" and config.torso != "impala":
            start_by_he(self)
        self._noisy = [module for module in self.modules() if isinstance(module, NoisyLinear)]
        if torch.get_default_device().type == "cpu":
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, observations: Tensor, taus: Tensor | None = None) -> Tensor:
        """Outputs of the head. taus [B, N]: iqn's quantiles; None draws `config.iqn_samples` at random."""
        x = self.torso(self._flat_stack(observations))
        if self.embedding is None:
            outputs: Tensor = self.head(x)
            return outputs.squeeze(2) if self.config.head == "q" else outputs
        if taus is None:
            taus = torch.rand(len(x), self.config.iqn_samples, device=x.device)
        x = self.head.shared(x)
        joint = x[:, None] * self.embedding(taus).to(x.dtype)  # [B, N, F]
        values: Tensor = self.head.answer(joint.flatten(0, 1)).squeeze(2)  # [B * N, A]
        return values.unflatten(0, taus.shape).transpose(1, 2)  # [B, A, N]

    def q_values(self, observations: Tensor) -> Tensor:
        """Expected returns [B, A], float32; iqn's over evenly spread quantiles."""
        if self.config.head == "iqn":
            taus = self.quantile_midpoints.expand(len(observations), -1)
            return self(observations, taus).float().mean(2)
        return self.expected(self(observations))

    def expected(self, outputs: Tensor) -> Tensor:
        """Expected returns [B, A], float32, of what `forward` gave."""
        if self.config.head == "q":
            return outputs.float()
        if self.config.head == "c51":
            # No matrix product: autocast would take it in bfloat16.
            return (outputs.float().softmax(2) * self.support).sum(2)
        return outputs.float().mean(2)

    def resample_noise(self, generator: torch.Generator | None = None) -> None:
        """New noise for noisy layers, which have none before the first call. Nothing without such layers."""
        for layer in self._noisy:
            layer.resample_noise(generator)

    def remove_noise(self) -> None:
        """Let noisy layers use their mean weights."""
        for layer in self._noisy:
            layer.remove_noise()

    def penalty(self) -> Tensor | None:
        """What `l1` and `l2` add to the loss, a scalar; None where both are 0."""
        config = self.config
        return elastic_net(self, config.l1, config.l2) if config.l1 or config.l2 else None

    def constrain(self) -> None:
        """Hold weights to `max_norm`; to be called after each step of the optimiser."""
        if self.config.max_norm is not None:
            limit_norms(self, self.config.max_norm)

    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    def _flat_stack(self, observations: Tensor) -> Tensor:
        """[B, stack, C, H, W] -> [B, stack * C, H, W]; raises TengenError for wrong shapes."""
        wanted = (self.spec.stack, *self.spec.frame_shape)
        if observations.shape[1:] != wanted:
            sizes = ", ".join(str(size) for size in wanted)
            raise TengenError(
                f"observations have shape {list(observations.shape)}; this network takes [B, {sizes}]"
            )
        return observations.flatten(1, 2) if len(wanted) == 4 else observations


def start_by_he(network: QNetwork) -> None:
    """Draw the weights of convolutions and hidden layers anew, normal with variance 2 / inputs; biases are 0.

    He et al., Delving deep into rectifiers (ICCV 2015), equation 10. Output layers begin at a tenth of their
    weights: the first values are small, and no large error drives units to where no gradient reaches them.
    Of noisy layers these are the means; the noise begins as its paper has it.
    """
    modules = list(network.head.modules())
    hidden = [module.linear for module in modules if isinstance(module, Hidden)]
    linear = [module for module in modules if isinstance(module, nn.Linear | NoisyLinear)]
    outputs = [module for module in linear if module not in hidden]
    for layer in [*network.torso.modules(), *hidden]:
        if isinstance(layer, nn.Conv2d | nn.Linear | NoisyLinear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        for layer in outputs:
            layer.weight *= 0.1
