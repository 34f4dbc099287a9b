"""The part of `tengen train` that is for board games."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.league.judge import LeagueJudge
    from tengen.rundir import RunDir
    from tengen.selfplay.config import TrainConfig


def check(config: "TrainConfig") -> None:
    """Whatever is wrong with names in the configuration, before a run directory is made."""
    from tengen.agents.registry import make_agent
    from tengen.envs import make_game
    from tengen.league.training import check as check_league

    game = make_game(config.game)
    for opponent in config.evaluation.opponents:
        make_agent(opponent, game).close()
    check_league(config)


def train(config: "TrainConfig", directory: "RunDir", *, resume: bool) -> bool:
    """Train to the end, and print the final table; False where the user stopped it."""
    from contextlib import closing

    from tengen.league.judge import LeagueJudge
    from tengen.league.training import LeagueOpponents
    from tengen.selfplay.alphazero import train

    opponents = LeagueOpponents(config, directory) if config.league.share else None
    judge = LeagueJudge(config, directory)
    with closing(judge):
        if not train(config, directory, judge, opponents, resume=resume):
            return False
    if config.evaluation.final_games:
        _final_table(judge, config)
    opponent = f"mcts:{directory.path}/latest?sims=100"
    print(f"done; play against it: tengen play {config.game} --opponent '{opponent}'")
    return True


def _final_table(judge: "LeagueJudge", config: "TrainConfig") -> None:
    from tengen.console import table

    rows = []
    for match in judge.final_table():
        low, high = match.interval
        rows.append(
            [
                match.second,
                str(match.games),
                f"{match.wins}/{match.draws}/{match.losses}",
                f"{match.score:.1%}",
                f"{low:.1%} to {high:.1%}",
            ]
        )
    simulations = config.evaluation.simulations
    table(
        ["opponent", "games", "won/drawn/lost", "score", "95 % interval"],
        rows,
        title=f"The trained network, {simulations} simulations a move",
    )
