"""Games that a program plays against itself from varied openings, for a network to learn from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tengen.agents.base import RESIGN, Agent
from tengen.envs.game import Game, States

ATTEMPTS = 50  # starts of a game that may be too one-sided


@dataclass(frozen=True)
class GenerateOptions:
    """How games begin, and when they are decided."""

    random_plies: int = 6  # after the opening, at most
    balance: float = 0.6  # starts that the agent values at more than this for either side are drawn again
    resign: float = 0.93  # beyond this the game is won once both sides have said so ...
    resign_plies: int = 4  # ... for so many plies
    draw: float = 0.03  # within this it is drawn ...
    draw_plies: int = 12  # ... once both have said so for so many plies,
    draw_from: int = 80  # but no sooner than here
    max_plies: int = 400  # longer games are drawn


@dataclass(frozen=True)
class Generated:
    """A game."""

    number: int
    actions: tuple[int, ...]
    opening_plies: int
    outcome: int  # player 0's
    values: dict[int, float]  # what the mover thought, by ply
    reason: str  # "rules", "agreed", "ply cap"


class _Table:
    """One game in progress."""

    def __init__(self, number: int, actions: Sequence[int], state: States, attempt: int) -> None:
        self.number, self.state, self.attempt = number, state, attempt
        self.actions, self.opening = list(actions), len(actions)
        self.values: dict[int, float] = {}
        self.won = self.even = (
            0  # plies in a row at which somebody was winning (below 0: player 1), or nobody
        )

    def note(self, value: float, options: GenerateOptions) -> None:
        """What the mover thinks before it moves."""
        self.values[len(self.actions)] = value
        white = value if int(self.state["to_play"][0]) == 0 else -value
        sign = 0 if abs(white) < options.resign else 1 if white > 0 else -1
        self.won = 0 if sign == 0 else self.won + sign if sign * self.won >= 0 else sign
        self.even = self.even + 1 if abs(white) <= options.draw else 0

    def ending(self, game: Game, options: GenerateOptions) -> tuple[int, str] | None:
        """Player 0's outcome and why, once it is clear."""
        if self.state["terminal"][0]:
            returns = np.zeros((1, 2), np.float32)
            game.returns(self.state, returns)
            return int(returns[0, 0]), "rules"
        if abs(self.won) >= options.resign_plies:
            return (1 if self.won > 0 else -1), "agreed"
        if self.even >= options.draw_plies and len(self.actions) >= options.draw_from:
            return 0, "agreed"
        return (0, "ply cap") if len(self.actions) >= options.max_plies else None


def opening_of(
    game: Game, openings: Sequence[Sequence[int]], number: int, seed: int, random_plies: int, first: int = 0
) -> tuple[list[int], States, int]:
    """How game `number` begins: a part of an opening, then random legal plies.

    Returns its actions, the position [1], which is open, and which attempt from `first` on this was.
    """
    for attempt in range(first, first + 1000):
        rng = np.random.default_rng([seed, number, attempt])
        known = openings[int(rng.integers(len(openings)))] if openings else []
        actions = list(known[: int(rng.integers(len(known) + 1))])
        state, mask = game.new_states(1), game.new_mask(1)
        for action in actions:
            game.step(state, np.array([action], np.int32))
        for _ in range(int(rng.integers(random_plies + 1)) + (not actions and random_plies > 0)):
            if state["terminal"][0]:
                break
            game.legal_mask(state, mask)
            actions.append(int(rng.choice(np.flatnonzero(mask[0]))))
            game.step(state, np.array(actions[-1:], np.int32))
        if not state["terminal"][0]:
            return actions, state, attempt
    raise ValueError(f"no open position after {random_plies} random plies of {game.name}")


def generate(
    game: Game,
    agent: Agent,
    numbers: Iterator[int],
    openings: Sequence[Sequence[int]],
    options: GenerateOptions,
    *,
    slots: int,
    seed: int,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Generated]:
    """Games of an agent against itself, `slots` side by side, as they end; each depends on its number alone.

    numbers: of the games that are to be played. A game begins with a part of one of `openings`.
    """
    start = game.new_states(1)
    agent.start(game, slots)
    tables: dict[int, _Table] = {}
    while not stop():
        for slot in range(slots):
            if slot not in tables and (number := next(numbers, None)) is not None:
                tables[slot] = _Table(number, *opening_of(game, openings, number, seed, options.random_plies))
        if not tables:
            return
        live = np.array(sorted(tables), np.int32)
        if agent.needs_history:
            for slot in live.tolist():
                agent.follow(slot, start, tables[slot].actions)
        chosen = agent.choose(np.concatenate([tables[slot].state for slot in live.tolist()]), live)
        values = agent.last_values
        for place, slot in enumerate(live.tolist()):
            table = tables[slot]
            if values is not None:
                value = float(values[place])
                if not table.values and abs(value) > options.balance and table.attempt < ATTEMPTS:
                    drawn = opening_of(
                        game, openings, table.number, seed, options.random_plies, table.attempt + 1
                    )
                    tables[slot] = _Table(table.number, *drawn)
                    continue
                table.note(value, options)
            action, ending = int(chosen[place]), None
            if action == RESIGN:
                ending = (-1 if int(table.state["to_play"][0]) == 0 else 1), "agreed"
            else:
                table.actions.append(action)
                game.step(table.state, np.array([action], np.int32))
                ending = table.ending(game, options)
            if ending is not None:
                del tables[slot]
                played = tuple(table.actions)
                yield Generated(table.number, played, table.opening, ending[0], table.values, ending[1])
