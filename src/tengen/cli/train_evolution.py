"""The part of `tengen train` that is for evolution."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tengen.league.manager import Member
    from tengen.league.match import MatchResult
    from tengen.rundir import RunDir
    from tengen.selfplay.evolution_config import EvolutionConfig

OPENINGS = 1000  # at most, of which each fitness game draws one


def check(config: "EvolutionConfig") -> None:
    """Whatever does not fit together, before a run directory is made."""
    from tengen.agents.registry import make_agent
    from tengen.envs import make_game
    from tengen.selfplay.evolution import genome_size

    game = make_game(config.game)
    genome_size(config)
    for opponent in config.evaluation.opponents:
        make_agent(opponent, game).close()


def train(config: "EvolutionConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Breed to the end, and print the final table; False where the user stopped it."""
    from tengen.selfplay.evolution import train

    judge = Champions(config, directory)
    if not train(config, directory, judge, openings_for(config), resume=resume):
        return False
    if config.evaluation.final_games:
        judge.final_table()
    agent = f"evolved:{directory.path}/latest"
    print(f"done; play against it: tengen play {config.game} --opponent '{agent}'")
    return True


def openings_for(config: "EvolutionConfig") -> list[list[int]]:
    """The starts that fitness games draw from, the same for the same configuration."""
    from tengen.envs import make_game
    from tengen.league.openings import make_openings
    from tengen.league.tournament_config import OpeningsConfig

    fitness = config.fitness
    plies = fitness.opening_plies if fitness.openings == "random" else 0
    wanted = OpeningsConfig(kind=fitness.openings, plies=plies)
    return make_openings(wanted, make_game(config.game), OPENINGS, config.seed)


class Champions:
    """Matches of the best individual against the configured opponents; snapshots join the run's league."""

    def __init__(self, config: "EvolutionConfig", run: "RunDir") -> None:
        from tengen.envs import make_game
        from tengen.league.manager import League

        self.config = config
        self.run = run
        self.game = make_game(config.game)
        self.league = League(run.path, self.game.name)
        latest = run.latest_checkpoint()
        self.league.forget_after(latest[0] if latest else 0)

    def keep(self, generation: int) -> None:
        """See `ChampionJudge.keep`."""
        self.league.add(self._member(generation))

    def rate(self, generation: int, stop: Callable[[], bool]) -> dict[str, float]:
        """See `ChampionJudge.rate`; matches that `stop` cut short count for nothing."""
        from tengen.agents.registry import parse_agent
        from tengen.league.entrants import content_id
        from tengen.league.manager import Member

        folder, newest = dict(self._checkpoints())[generation], self._member(generation)
        scores = {}
        for opponent in self.config.evaluation.opponents:
            match = self._match(str(folder), opponent, self.config.evaluation.games, generation, stop)
            if match.games < self.config.evaluation.games:
                return {}
            baseline = Member(opponent, content_id(parse_agent(opponent), self.game), "baseline", opponent)
            self.league.add(baseline)
            seed = self.config.seed + generation
            self.league.record(newest, baseline, match, f"update {generation}", seed)
            scores[f"score/{opponent}"] = match.score
        self.league.add(newest)
        return scores

    def _member(self, generation: int) -> "Member":
        from tengen.agents.registry import AgentSpec
        from tengen.league.entrants import content_id
        from tengen.league.manager import Member, path_from

        folder, every = dict(self._checkpoints())[generation], self.config.snapshot_every
        is_snapshot = every > 0 and generation % every == 0
        return Member(
            f"update {generation}",
            content_id(AgentSpec(str(folder), "evolved", str(folder), self._options()), self.game),
            "main",
            path_from(self.run.path, folder),
            generation,
            pooled=is_snapshot,
            why="due" * is_snapshot,
        )

    def final_table(self) -> None:
        """Print what the newest champion is worth."""
        from tengen.console import table

        _, folder = self._checkpoints()[-1]
        rows = []
        for opponent in self.config.evaluation.opponents:
            match = self._match(
                str(folder), opponent, self.config.evaluation.final_games, 1000, lambda: False
            )
            low, high = match.interval
            rows.append(
                [
                    opponent,
                    str(match.games),
                    f"{match.wins}/{match.draws}/{match.losses}",
                    f"{match.score:.1%}",
                    f"{low:.1%} to {high:.1%}",
                ]
            )
        table(["opponent", "games", "won/drawn/lost", "score", "95 % interval"], rows, title="The champion")

    def _match(
        self, folder: str, opponent: str, games: int, number: int, stop: Callable[[], bool]
    ) -> "MatchResult":
        from tengen.agents.registry import make_agent
        from tengen.league.match import play_match
        from tengen.league.openings import make_openings
        from tengen.league.tournament_config import OpeningsConfig

        seed = self.config.seed + number
        options = "&".join(f"{key}={value}" for key, value in self._options().items())
        first = make_agent(f"evolved:{folder}" + (f"?{options}" if options else ""), self.game, seed=seed)
        second = make_agent(opponent, self.game, seed=seed + 1)
        openings = make_openings(OpeningsConfig(), self.game, (games + 1) // 2, seed)
        try:
            return play_match(
                self.game, first, second, games, seed=seed, openings=openings, stop=stop, parallel=games
            )
        finally:
            first.close()
            second.close()

    def _options(self) -> dict[str, str]:
        evaluation = self.config.evaluation
        options = {"depth": evaluation.depth, "sims": evaluation.simulations}
        return {name: str(value) for name, value in options.items() if value}

    def _checkpoints(self) -> list[tuple[int, "Path"]]:
        from tengen.rundir import checkpoints

        return list(checkpoints(self.run.path).items())
