"""How a game ends other than by its rules: given up, too long, out of time, a fault, the referee's word."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tengen.agents.base import Agent
from tengen.envs.checkers.tablebase import tablebase_for
from tengen.envs.game import Game, Ints, States
from tengen.league.syzygy import syzygy_tables
from tengen.league.tablebase import tablebase_endings
from tengen.league.tournament_config import AdjudicationConfig, TimeConfig

TIME = "time"  # the reason where a clock ran out
FAULT = "fault: "  # how the reason begins where a player failed; its kind follows


@dataclass(frozen=True)
class Ending:
    """How a game came out. outcome: player 0's, 1, 0 or -1; None where the game is void."""

    outcome: int | None
    result: str  # in the game's own words
    reason: str  # "rules", "resignation", "agreed", "ply cap", "time", "fault: KIND"
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What a tournament lets games do."""

    time: TimeConfig = field(default_factory=TimeConfig)
    adjudication: AdjudicationConfig = field(default_factory=AdjudicationConfig)
    faults: Literal["loss", "void"] = "loss"
    referee: "GoReferee | None" = None


class GoReferee:
    """A GTP engine that takes the dead stones off before a finished game of Go is scored."""

    def __init__(self, name: str, seed: int) -> None:
        """Raises TengenError where the name is no GTP engine's."""
        from tengen.agents.engines.referee import Referee

        self._referee = Referee(name, seed=seed)

    def judge(self, game: Game, state: States, actions: list[int]) -> Ending:
        """The ending by what is left on the board; details keep the raw score and what was taken off."""
        from tengen.agents.engines.referee import judge_finished_go, point_names
        from tengen.envs.go.game import Go

        assert isinstance(game, Go)
        judged = judge_finished_go(game, state, actions, self._referee)
        details: dict[str, Any] = {"raw_result": judged.raw_result}
        if judged.dead:
            details["dead"] = point_names(game, judged.dead)
        if judged.disagrees:
            details["disagrees"] = True
        if judged.fault:
            details["referee_fault"] = judged.fault
        return Ending(judged.outcome, judged.result, "rules", details)

    def check(self, game: Game) -> None:
        """Start the engine and end it. Raises TengenError where it does not start or judges nothing."""
        from tengen.envs.go.game import Go

        assert isinstance(game, Go)
        try:
            self._referee.start(game)
        finally:
            self.close()

    def close(self) -> None:
        """End the engine."""
        self._referee.close()


def judge(game: Game, state: States, actions: Ints, limits: Limits | None = None) -> Ending:
    """The ending that the rules give a finished game, or the referee in their stead."""
    if limits is not None and limits.referee is not None:
        return limits.referee.judge(game, state, actions.tolist())
    returns = np.zeros((1, 2), np.float32)
    game.returns(state, returns)
    return Ending(int(returns[0, 0]), game.describe_result(state), "rules")


def won_by(
    game: Game, winner: int, reason: str, letter: str, details: dict[str, Any] | None = None
) -> Ending:
    """A win that the last position does not show; letter is SGF's: R resignation, T time, F forfeit."""
    if game.family == "go":
        result = f"{'BW'[winner]}+{letter}"
    else:
        result = f"{(game.first_player, game.second_player)[winner]} wins"
    return Ending(1 - 2 * winner, result, reason, details or {})


def forfeit(game: Game, player: int, limits: Limits, kind: str, words: str) -> Ending:
    """A fault of the player to move: the opponent's win, or a void game."""
    details = {"fault": kind, "player": player, "said": words}
    if limits.faults == "void":
        return Ending(None, "void", f"{FAULT}{kind}", details)
    return won_by(game, 1 - player, f"{FAULT}{kind}", "T" if kind == "time" else "F", details)


class Watch:
    """Clocks, resignations and adjudications of the games of a wave."""

    def __init__(self, limits: Limits, agents: tuple[Agent, Agent], count: int) -> None:
        self.limits = limits
        self.agents = agents
        self.left = np.full((count, 2), limits.time.base_s)  # seconds on each player's clock
        self.value = np.full((count, 2), np.nan)  # each player's last word, as player 0's value
        self.agreed = np.zeros(count, np.int32)  # plies in a row; below 0: that player 0 loses
        self.level = np.zeros(count, np.int32)  # plies in a row at which both thought the game even
        self.asks_values = limits.adjudication.resign < 1 or limits.adjudication.draw > 0

    def before(self, index: int, slots: Ints, to_play: Ints) -> None:
        """Tell an agent that keeps time how much it has."""
        tell = getattr(self.agents[index], "tell_time", None)
        control = self.limits.time
        if tell is None or control.kind == "none":
            return
        for slot, player in zip(slots, to_play, strict=True):
            if control.kind == "move":
                tell(int(slot), move_s=control.move_s)
            else:
                own, other = float(self.left[slot, player]), float(self.left[slot, 1 - player])
                tell(int(slot), left_s=(own, other), increment_s=control.increment_s)

    def after(
        self,
        game: Game,
        agent: Agent,
        states: States,
        slots: Ints,
        took: float,
        endings: dict[int, Ending],
    ) -> None:
        """Note time and values of states [B] at slots; what ends goes to endings, by slot."""
        movers = states["to_play"]
        control = self.limits.time
        if control.kind != "none":
            for slot, player in zip(slots.tolist(), movers.tolist(), strict=True):
                allowed = control.move_s if control.kind == "move" else float(self.left[slot, player])
                self.left[slot, player] = max(0.0, self.left[slot, player] + control.increment_s - took)
                if took > allowed + control.margin_s:
                    details = {"took_s": round(took, 3), "allowed_s": round(allowed, 3)}
                    endings.setdefault(slot, won_by(game, 1 - player, TIME, "T", details))
        values = agent.last_values
        if self.asks_values and values is not None and len(values) == len(slots):
            self.value[slots, movers] = np.where(movers == 0, values, -values)

    def endings(self, game: Game, states: States, slots: Ints, endings: dict[int, Ending]) -> None:
        """Add the games that end now though the rules let them go on. states [B]: after the ply."""
        adjudication = self.limits.adjudication
        if self.asks_values:
            said = self.value[slots]
            sign = (said > adjudication.resign).all(1).astype(int) - (said < -adjudication.resign).all(1)
            run = self.agreed[slots]
            self.agreed[slots] = np.where(sign == 0, 0, np.where(sign * run >= 0, run + sign, sign))
            for slot in slots[np.abs(self.agreed[slots]) >= adjudication.resign_plies].tolist():
                endings.setdefault(slot, won_by(game, int(self.agreed[slot] < 0), "agreed", "R"))
            even = (np.abs(said) <= adjudication.draw).all(1) & (states["ply"] >= adjudication.draw_from)
            self.level[slots] = np.where(even & (adjudication.draw > 0), self.level[slots] + 1, 0)
            for slot in slots[self.level[slots] >= adjudication.draw_plies].tolist():
                endings.setdefault(slot, Ending(0, "draw", "agreed"))
        if adjudication.syzygy and game.family == "chess":
            tables = syzygy_tables(adjudication.syzygy)
            for slot, (outcome, result) in tables.outcomes(game, states, slots).items():
                endings.setdefault(slot, Ending(outcome, result, "tablebase"))
        if adjudication.tablebase and game.family == "checkers":
            known = tablebase_for(game, adjudication.tablebase, "adjudication.tablebase")
            for slot, (outcome, result) in tablebase_endings(known, game, states, slots).items():
                endings.setdefault(slot, Ending(outcome, result, "tablebase"))
        if adjudication.max_plies:
            for place in np.flatnonzero(states["ply"] >= adjudication.max_plies):
                if int(slots[place]) not in endings:
                    endings[int(slots[place])] = _too_long(game, states[place : place + 1])

    def reset(self, slot: int) -> None:
        """A new game begins at a slot."""
        self.left[slot] = self.limits.time.base_s
        self.value[slot] = np.nan
        self.agreed[slot] = self.level[slot] = 0


def _too_long(game: Game, state: States) -> Ending:
    """Points as they stand, where the game has any; else a draw."""
    if not game.has_ownership:
        return Ending(0, "draw", "ply cap")
    points = np.zeros(1, np.float32)
    game.score(state, points)
    outcome = int(np.sign(points[0]))
    if game.family != "go":
        return Ending(outcome, "draw" if not outcome else _winner(game, outcome), "ply cap")
    return Ending(
        outcome, f"{'B' if outcome > 0 else 'W'}+{abs(points[0]):g}" if outcome else "draw", "ply cap"
    )


def _winner(game: Game, outcome: int) -> str:
    return f"{game.first_player if outcome > 0 else game.second_player} wins"
