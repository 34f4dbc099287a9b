"""What a configuration may say of a network of action values."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.config import ConfigModel
from tengen.networks.layers.pooling import PoolKind

Torso = Literal["nature", "mnih2013", "impala", "minatar", "mlp"]
Head = Literal["q", "c51", "qr", "iqn"]
Normalisation = Literal["none", "layer", "batch"]

Units = Annotated[int, Field(ge=1, le=16_384)]
Count = Annotated[int, Field(ge=2, le=1_024)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Decay = Annotated[float, Field(ge=0, le=1)]

#: Units of the fully connected layers as published; of the mlp, two layers that serve small vectors.
PUBLISHED_HIDDEN: dict[str, tuple[int, ...]] = {
    "nature": (512,),
    "mnih2013": (256,),
    "impala": (256,),
    "minatar": (128,),
    "mlp": (128, 128),
}


class QNetworkConfig(ConfigModel):
    """A torso that sees, fully connected layers, and a head that gives values of actions."""

    torso: Torso = "nature"
    """nature (Mnih 2015), mnih2013, impala (ResNet; Espeholt 2018), minatar (Young 2019); mlp for vectors."""
    width: Annotated[float, Field(gt=0, le=16)] = 1.0
    """Factor on the channels of the torso's convolutions."""
    hidden: Units | tuple[Units, ...] | None = None
    """Units of fully connected layers, a number or a list, null as published. Dueling doubles the last."""
    dueling: bool = False
    """Value and advantage apart (Wang et al. 2016)."""
    noisy: bool = False
    """Factorised Gaussian noise in the fully connected layers (Fortunato et al. 2018)."""
    sigma0: Annotated[float, Field(gt=0, le=10)] = 0.5
    """Noise at the start, before the division by the square root of a layer's inputs."""
    head: Head = "q"
    """q; c51 (Bellemare 2017); qr (Dabney 2018a); iqn (Dabney 2018b)."""
    atoms: Count = 51
    """Points of c51's support..."""
    value_min: float = -10.0
    """... from this return..."""
    value_max: float = 10.0
    """... to this."""
    quantiles: Count = 200
    """Of qr."""
    iqn_samples: Count = 64
    """Quantiles that iqn draws where none are given to it (N and N' of the paper are 64)."""
    iqn_policy_samples: Count = 32
    """Quantiles over which iqn's values are averaged, evenly spread (K of the paper)."""
    iqn_cosines: Count = 64
    """Of iqn's embedding of a quantile."""
    normalisation: Normalisation = "none"
    """Before each ReLU: layer (Ba 2016; each example over channels and places) or batch (Ioffe 2015)."""
    initial: Literal["he", "fan_in"] = "he"
    """Weights at first. he keeps a signal's strength through ReLUs (He et al. 2015); without it a network may
    take tens of thousands of steps to see a ball of two pixels. fan_in is uniform within 1/sqrt(inputs), as
    in the programs of the papers. Residual and output layers have their own."""
    pool: PoolKind = "max"
    """impala: how its blocks halve the image."""
    final_pool: Annotated[int, Field(ge=0, le=32)] = 0
    """impala: adaptive max-pooling to so many places a side after the last block; 0 is none, as published."""
    spectral_norm: bool = False
    """impala: spectral normalisation of the residual blocks' convolutions (Miyato 2018)."""
    locally_connected: bool = False
    """nature, mnih2013, minatar: the last convolution without shared weights."""
    dropout: Rate = 0.0
    """After each hidden layer (Srivastava 2014)."""
    drop_connect: Rate = 0.0
    """On the weights of the hidden layers (Wan 2013)."""
    max_norm: Annotated[float, Field(gt=0)] | None = None
    """Longest weight vector of a unit, after each step (Srebro 2005); null sets no bound."""
    l1: Decay = 0.0
    """Factor of the sum of absolute weights in the loss..."""
    l2: Decay = 0.0
    """... and of half the sum of squared ones; both together are the elastic net (Zou & Hastie 2005)."""
    random_shift: Annotated[int, Field(ge=0, le=16)] = 0
    """Pixels by which training images are shifted at random (DrQ; Yarats 2021); 0 leaves them."""

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """`hidden` as a tuple, as published where it is null."""
        if self.hidden is None:
            return PUBLISHED_HIDDEN[self.torso]
        return (self.hidden,) if isinstance(self.hidden, int) else self.hidden

    @property
    def outputs_per_action(self) -> int:
        """Numbers that the last layer gives for an action: 1, atoms or quantiles."""
        return {"c51": self.atoms, "qr": self.quantiles}.get(self.head, 1)

    @model_validator(mode="after")
    def _fits_together(self) -> "QNetworkConfig":
        if fault := _fault(self):
            raise ValueError(fault)
        return self


def _fault(config: QNetworkConfig) -> str | None:
    """Why the values cannot stand together, or None."""
    torso = config.torso
    if config.value_min >= config.value_max:
        return f"value_min {config.value_min} is not below value_max {config.value_max}"
    if torso != "impala":
        for key, is_set in {
            "pool": config.pool != "max",
            "final_pool": config.final_pool > 0,
            "spectral_norm": config.spectral_norm,
        }.items():
            if is_set:
                return f"{key} is for torso impala, not {torso}"
    if torso in ("impala", "mlp") and config.locally_connected:
        return f"locally_connected is for torsos nature, mnih2013 and minatar, not {torso}"
    if torso == "mlp" and config.random_shift:
        return "random_shift moves images, which torso mlp does not see; set it to 0"
    if torso == "mlp" and config.width != 1:
        return "width is for convolutions; give torso mlp the units of its layers as hidden"
    if config.noisy and config.drop_connect:
        return "noisy and drop_connect both disturb the hidden weights; use one of them"
    if config.head == "iqn" and torso == "mlp" and len(config.hidden_units) < 2:
        return "head iqn joins quantiles to features, so torso mlp needs at least two hidden layers"
    if not config.hidden_units and (config.dropout or config.drop_connect):
        return "dropout and drop_connect act on hidden layers, and hidden is empty"
    return None
