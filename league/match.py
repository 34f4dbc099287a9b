"""A match: two agents, many games side by side in lock-step, colours alternating."""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tengen.agents.base import Agent
from tengen.envs.game import Game
from tengen.errors import TengenError
from tengen.league.ending import Limits
from tengen.league.score import score_interval
from tengen.league.wave import Board, Ended, play_wave, replay

PARALLEL = 64  # games side by side: batches fill, and the trees of a search still fit in memory
ENOUGH_OPENINGS = 1000  # different random openings, so that agents without chance do not repeat a game


@dataclass(frozen=True)
class GameRecord:
    """One finished game of a match."""

    number: int  # 0, 1, ...; games 2k and 2k + 1 share an opening, colours swapped
    first_agent_plays: int  # the player, 0 or 1, that the match's first agent was
    actions: tuple[int, ...]  # the opening's included
    opening_plies: int
    outcome: int  # for the match's first agent: 1 won, 0 drawn, -1 lost
    result: str  # in the game's own words


@dataclass(frozen=True)
class MatchResult:
    """What a match came to, from the first agent's side."""

    first: str
    second: str
    game: str
    records: tuple[GameRecord, ...] = field(repr=False)
    seconds: float

    @property
    def games(self) -> int:
        return len(self.records)

    @property
    def wins(self) -> int:
        return sum(record.outcome > 0 for record in self.records)

    @property
    def draws(self) -> int:
        return sum(record.outcome == 0 for record in self.records)

    @property
    def losses(self) -> int:
        return sum(record.outcome < 0 for record in self.records)

    @property
    def score(self) -> float:
        """Points a game: 1 for a win, 1/2 for a draw; 1/2 while nothing has been played."""
        return (self.wins + self.draws / 2) / self.games if self.games else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the score."""
        return score_interval(self.wins, self.draws, self.losses)

    @property
    def distinct_games(self) -> int:
        """Games that differ in their moves; a repeated game says nothing new."""
        return len({record.actions for record in self.records})

    def to_json(self) -> dict[str, Any]:
        """The result as `tengen match --json` prints it."""
        names = ("first", "second", "game", "games", "wins", "draws", "losses", "score")
        return {name: getattr(self, name) for name in names} | {
            "interval": list(self.interval),
            "seconds": self.seconds,
        }


def default_random_plies(game: Game) -> int:
    """Random plies where no opening is given: enough for a thousand openings, an eighth of a game at most."""
    state, mask = game.new_states(1), game.new_mask(1)
    game.legal_mask(state, mask)
    plies = math.ceil(math.log(ENOUGH_OPENINGS) / math.log(max(2, int(mask.sum()))))
    return min(plies, game.max_plies // 8)


def play_match(
    game: Game,
    first: Agent,
    second: Agent,
    games: int,
    *,
    seed: int = 0,
    openings: Sequence[Sequence[int]] | None = None,
    random_plies: int | None = None,
    parallel: int = PARALLEL,
    on_game: Callable[[GameRecord], None] | None = None,
    stop: Callable[[], bool] | None = None,
    limits: Limits | None = None,
) -> MatchResult:
    """Play `games` games, the first agent as player 0 in every even one.

    Games 2k and 2k + 1 start from the same opening: the k-th of `openings` (action lists, used in turn), and
    then `random_plies` random plies (default: none after a given opening, else `default_random_plies`).
    `on_game` hears of every finished game; when `stop` says True the games in flight are dropped. The same
    seed, agents and `parallel` give the same games. Faults of agents, such as an illegal action, are scored
    as `limits` say (which must not void games), and raised as TengenError without them.
    """
    if random_plies is None:
        random_plies = 0 if openings else default_random_plies(game)
    agents = (first, second)
    more_starts = extended_openings(game, openings or [()], random_plies, seed)
    starts: list[list[int]] = []
    records: list[GameRecord] = []
    began = time.perf_counter()
    for begin in range(0, games, parallel):
        end = min(games, begin + parallel)
        starts += itertools.islice(more_starts, (end + 1) // 2 - len(starts))
        boards = [Board(number, number % 2, tuple(starts[number // 2])) for number in range(begin, end)]
        for agent in agents:
            agent.start(game, len(boards))
        for ended in play_wave(game, agents, boards, stop=stop, limits=limits):
            for record in map(_record, ended):
                records.append(record)
                if on_game is not None:
                    on_game(record)
        if stop is not None and stop():
            break
    records.sort(key=lambda record: record.number)
    return MatchResult(first.name, second.name, game.name, tuple(records), time.perf_counter() - began)


def _record(ended: Ended) -> GameRecord:
    board, ending = ended.board, ended.ending
    assert ending.outcome is not None  # without limits no game is void
    return GameRecord(
        number=board.number,
        first_agent_plays=board.first_agent_plays,
        actions=ended.actions,
        opening_plies=len(board.opening),
        outcome=ending.outcome * (1 - 2 * board.first_agent_plays),
        result=ending.result,
    )


def extended_openings(
    game: Game, openings: Sequence[Sequence[int]], random_plies: int, seed: int
) -> Iterator[list[int]]:
    """Action lists that leave the game undecided, without end; repeated when new ones are hard to find."""
    seen: set[tuple[int, ...]] = set()
    tries = 20 if random_plies else 1
    for pair in itertools.count():
        rng = np.random.default_rng([seed, pair])
        for _ in range(tries):
            opening = _extend(game, openings[pair % len(openings)], random_plies, rng)
            if tuple(opening) not in seen:
                break
        else:
            tries = max(1, tries - 1)  # there are few left; a long match need not look for all of them
        seen.add(tuple(opening))
        yield opening


def _extend(game: Game, opening: Sequence[int], plies: int, rng: np.random.Generator) -> list[int]:
    """The opening and up to `plies` random actions on the board (no pass), never ending the game."""
    _, height, width = game.obs_shape
    on_board = game.policy_index < game.policy_planes * height * width
    state, mask = game.new_states(1), game.new_mask(1)
    replay(game, state, opening)
    if state["terminal"][0]:
        raise TengenError(
            f"the opening of actions {list(opening)} ends the game; expected one that leaves moves to play"
        )
    actions = list(opening)
    for _ in range(plies):
        game.legal_mask(state, mask)
        children = np.flatnonzero(mask[0] & on_board)
        after = np.repeat(state, len(children))
        game.step(after, children.astype(np.int32))
        open_ended = np.flatnonzero(~after["terminal"])
        if not len(open_ended):
            break
        pick = int(rng.choice(open_ended))
        actions.append(int(children[pick]))
        state = after[pick : pick + 1].copy()
    return actions
