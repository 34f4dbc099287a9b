"""Whom a training run meets in its self-play: members of a league, drawn by how they fare against it."""

from pathlib import Path

import numpy as np

from tengen.config import load_config
from tengen.envs import make_game
from tengen.errors import TengenError
from tengen.league.judge import league_folder
from tengen.league.manager import League, Member
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.paths import STATE
from tengen.networks.weights import network_weights
from tengen.rundir import RunDir
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.kinds import KINDS
from tengen.selfplay.opponents import Opponent


def check(config: TrainConfig, run: Path | None = None) -> None:
    """Raise TengenError where the run that an exploiter trains against is none, or none that it can meet."""
    of = config.league.of
    if of is None:
        return
    folder = league_folder(config, Path())
    if not (folder / "config.yaml").is_file():
        raise TengenError(
            f"league.of: {of} is not a run (it has no config.yaml); name the folder of a run, as in runs/go9"
        )
    if run is not None and run.resolve() == folder.resolve():
        raise TengenError(f"league.of: {of} is this run itself; name the run whose mains it is to meet")
    other = load_config(folder / "config.yaml", KINDS)
    if not isinstance(other, TrainConfig) or make_game(other.game).name != make_game(config.game).name:
        raise TengenError(
            f"league.of: {of} is a run of {other.game}, this one of {config.game}; name one of the same game"
        )
    if other.league.of is not None:
        raise TengenError(f"league.of: {of} trains an exploiter itself; its mains are in {other.league.of}")


class LeagueOpponents:
    """Draws opponents by `League.training_odds` from the snapshots whose weights are there.

    The learner's win rates are those of its newest rated snapshot.
    """

    def __init__(self, config: TrainConfig, run: RunDir) -> None:
        """Raises TengenError as `check` does."""
        check(config, run.path)
        self.config = config
        self.run = run
        self.game = make_game(config.game)
        self.league = League(league_folder(config, run.path), self.game.name)
        self._last: Opponent | None = None

    def draw(self, update: int) -> Opponent | None:
        """See `selfplay.opponents.Opponents`; the same members and games draw the same at the same update."""
        self.league.refresh()
        learner = self._learner()
        rng = np.random.default_rng([self.config.seed, update])
        there = self._there(learner)
        while there:
            settings = self.config.league
            members, odds = self.league.training_odds(
                learner, settings.weighting, settings.power, among=there.keys()
            )
            drawn = members[int(rng.choice(len(members), p=odds))]
            try:
                return self._loaded(drawn)
            except TengenError as fault:  # of another run perhaps, whose disk or user took it away just now
                self.run.log(f"update {update}: {drawn.name} cannot be an opponent: {fault}")
                del there[drawn.id]
        return None

    def _learner(self) -> Member:
        """The newest snapshot of this run that was rated; before there is one, somebody who met nobody."""
        own = [member for member in self.league.snapshots() if self.league.is_of(member, self.run.path)]
        return own[-1] if own else Member("the learner", "", self.config.league.role, "")

    def _there(self, learner: Member) -> dict[str, Member]:
        """By id, whose weights can be loaded; those of one checkpoint once, as it was rated last."""
        by_checkpoint = {
            member.agent: member
            for member in self.league.opponents(learner.role)
            if member.is_snapshot
            and member.agent != learner.agent
            and (self.league.checkpoint(member) / STATE).exists()
        }
        return {member.id: member for member in by_checkpoint.values()}

    def _loaded(self, member: Member) -> Opponent:
        if self._last is None or self._last.id != member.id:
            network, _ = load_checkpoint(self.league.checkpoint(member), self.game)
            weights = network_weights(network)
            self._last = Opponent(member.id, member.name, network.config.model_dump(), weights)
        return self._last
