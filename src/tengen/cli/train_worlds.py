"""The part of `tengen train` that is for single-player worlds."""

from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.rundir import RunDir
    from tengen.selfplay.dqn_config import DqnTrainConfig, PqnTrainConfig


def check(config: "DqnTrainConfig | PqnTrainConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.agents.dqn.learner_config import check_combination
    from tengen.agents.dqn.replay_room import check_room, ring_length
    from tengen.envs.make_worlds import world_spec
    from tengen.networks.q import QNetwork
    from tengen.selfplay.dqn_config import DqnTrainConfig
    from tengen.selfplay.world_rollouts import all_worlds

    check_combination(config.network, config.learner)
    spec = world_spec(config.game, config.worlds)
    QNetwork(config.network, spec)
    if isinstance(config, DqnTrainConfig):
        ring_length(spec, config.replay, all_worlds(config), config.learner.n_step)
        if not config.replay.on_disk:
            check_room(spec, config.replay)


def train(config: "DqnTrainConfig | PqnTrainConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Train to the end, and print what the best network is worth; False where the user stopped it."""
    from tengen.league.world_judge import EpisodeJudge
    from tengen.rundir import BEST
    from tengen.selfplay.dqn_config import DqnTrainConfig

    judge = EpisodeJudge(config, directory)
    if isinstance(config, DqnTrainConfig):
        from tengen.selfplay import dqn

        is_over = dqn.train(config, directory, judge, resume=resume)
    else:
        from tengen.selfplay import pqn

        is_over = pqn.train(config, directory, judge, resume=resume)
    if not is_over:
        return False
    name = BEST if (directory.path / BEST).is_dir() else "latest"
    if config.evaluation.final_episodes:
        _final_score(f"dqn:{directory.path}/{name}", config)
    print(f"done; watch it play: tengen watch {config.game} --agent 'dqn:{directory.path}/{name}'")
    return True


def _final_score(agent: str, config: "DqnTrainConfig | PqnTrainConfig") -> None:
    from tengen.cli import evaluate

    evaluation = config.evaluation
    evaluate.run(
        Namespace(
            agent=f"{agent}?epsilon={evaluation.epsilon:g}",
            game=config.game,
            episodes=evaluation.final_episodes,
            protocol=None,
            seed=(config.seed + 1) % 2**31,
            parallel=evaluation.worlds,
            json=False,
        )
    )
