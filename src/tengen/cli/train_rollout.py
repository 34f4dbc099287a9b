"""The part of `tengen train` that learns a rollout policy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.rundir import RunDir
    from tengen.selfplay.rollout_config import RolloutPolicyConfig


def check(config: "RolloutPolicyConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.selfplay.rollout_training import go_of
    from tengen.selfplay.supervised_data import open_dataset

    open_dataset(config.data, go_of(config)).part("test")


def train(config: "RolloutPolicyConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Train to the end; False where the user stopped it."""
    from tengen.selfplay import rollout_training

    if not rollout_training.train(config, directory, resume=resume):
        return False
    print(f"done; search with it: 'mcts:CHECKPOINT?rollout={directory.path}&lambda=0.5'")
    return True
