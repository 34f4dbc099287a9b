"""Where the games of a tournament are played."""

from typing import TYPE_CHECKING

from tengen.envs.game import Game
from tengen.league.jobs import JobPlayer, Plays
from tengen.league.tournament_config import TournamentConfig
from tengen.machine import usable_cores

if TYPE_CHECKING:
    from tengen.league.ray_jobs import RayJobs


class Places:
    """Where games are played: so many players of jobs, in threads, processes or Ray actors."""

    def __init__(self, config: TournamentConfig, game: Game, played: int) -> None:
        """played: games in the store, so that one who comes back draws anew. Raises MachineError."""
        self._cluster = _ray(config) if config.where == "ray" else None
        count = config.concurrency or (self._cluster.places if self._cluster else usable_cores())
        self.players: list[Plays] = []
        for number in range(count):
            seed = [config.seed, number, played]
            if self._cluster:
                self.players.append(self._cluster.player(seed))
            elif config.where == "processes":
                from tengen.league.remote_jobs import ProcessPlayer

                self.players.append(ProcessPlayer(config, seed))
            else:
                self.players.append(JobPlayer(game, config, seed))

    def close(self) -> None:
        """Leave the cluster; players are closed by their workers."""
        if self._cluster is not None:
            self._cluster.close()


def _ray(config: TournamentConfig) -> "RayJobs":
    from tengen.league.ray_jobs import RayJobs  # Ray takes a second to load

    return RayJobs(config)
