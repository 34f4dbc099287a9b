"""The kinds of training, by the configuration's key `kind`."""

from tengen.selfplay.config import RunConfig, TrainConfig
from tengen.selfplay.dqn_config import DqnTrainConfig, PqnTrainConfig
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.pipeline_config import PipelineConfig
from tengen.selfplay.reinforce_config import ReinforceConfig
from tengen.selfplay.rollout_config import RolloutPolicyConfig
from tengen.selfplay.supervised_config import SupervisedConfig
from tengen.selfplay.value_config import ValueConfig

KINDS: dict[str, type[RunConfig]] = {
    "alphazero": TrainConfig,
    "dqn": DqnTrainConfig,
    "pqn": PqnTrainConfig,
    "evolution": EvolutionConfig,
    "supervised": SupervisedConfig,
    "rollout": RolloutPolicyConfig,
    "reinforce": ReinforceConfig,
    "value": ValueConfig,
    "pipeline": PipelineConfig,
}
