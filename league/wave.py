"""Games side by side in lock-step between two agents: what matches and tournaments are made of."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import RESIGN, Agent
from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError
from tengen.league.ending import Ending, Limits, Watch, forfeit, judge, won_by


@dataclass(frozen=True)
class Board:
    """A game to play."""

    number: int
    first_agent_plays: int  # the player, 0 or 1, that the first agent is
    opening: tuple[int, ...]


@dataclass(frozen=True)
class Ended:
    """A game that is over."""

    board: Board
    actions: tuple[int, ...]  # the opening's included
    seconds: tuple[float, ...]  # of each ply; the opening's are 0
    ending: Ending


class IllegalChoice(TengenError):
    """An agent chose what the rules forbid."""

    kind = "illegal"


def play_wave(
    game: Game,
    agents: tuple[Agent, Agent],
    boards: Sequence[Board],
    *,
    slots: int | None = None,
    limits: Limits | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[list[Ended]]:
    """Play every board to its end, `slots` of them side by side (all); yields games as they end.

    Agents must have been started with so many slots; a slot whose game has ended takes the next board. In
    turns that agent moves for whom most games wait, so that its batches are full. When `stop` says True,
    games in flight are dropped. Faults of agents (a TengenError with a `kind`, an illegal choice) are scored
    as the limits say, and raised where there are none.
    """
    seats = _Seats(game, boards[:slots])
    coming = iter(boards[len(seats.boards) :])
    watch = Watch(limits, agents, len(seats.boards)) if limits is not None else None
    start = game.new_states(1)
    live = np.arange(len(seats.boards))
    while len(live) and not (stop is not None and stop()):
        mover = seats.agent_of[live, seats.states["to_play"][live]]
        index = int(2 * np.count_nonzero(mover) > len(live))
        agent, turn = agents[index], live[mover == index]
        if (most := agent.batch(len(turn))) < len(turn):  # those that are furthest behind
            turn = np.sort(turn[np.argsort(seats.length[turn], kind="stable")[:most]])
        part = seats.at(turn)
        if agent.needs_history:
            for slot in turn:
                agent.follow(int(slot), start, seats.played[slot, : seats.length[slot]].tolist())
        if watch is not None:
            watch.before(index, turn, part["to_play"])
        began = time.perf_counter()
        actions, failed = _choose(agent, part, turn, catch=watch is not None)
        took = (time.perf_counter() - began) / len(turn)
        endings = {  # slot -> how
            int(turn[place]): won_by(game, 1 - int(part["to_play"][place]), "resignation", "R")
            for place in np.flatnonzero(actions == RESIGN)
        }
        if watch is not None:
            for slot, error in failed.items():
                player = int(seats.states["to_play"][slot])
                endings[slot] = forfeit(game, player, watch.limits, error.kind, str(error))
            watch.after(game, agent, part, turn, took, endings)
        for place in _illegal_places(game, part, actions):
            slot = int(turn[place])
            if slot in endings:
                continue
            fault = _illegal(game, agent, part[place : place + 1], int(actions[place]), seats.boards[slot])
            if watch is None:
                raise fault
            endings[slot] = forfeit(game, int(part["to_play"][place]), watch.limits, fault.kind, str(fault))
        if endings:
            stay = np.flatnonzero(~np.isin(turn, list(endings)))
            turn, part, actions = turn[stay], part[stay], actions[stay]
        if len(turn):
            game.step(part, actions)
            seats.note(turn, part, actions, took)
            for place in np.flatnonzero(part["terminal"]):
                slot = int(turn[place])
                state = part[place : place + 1]
                endings[slot] = judge(game, state, seats.played[slot, : seats.length[slot]], limits)
            if watch is not None:
                watch.endings(game, part, turn, endings)
        if not endings:
            continue
        yield [seats.ended(slot, ending) for slot, ending in endings.items()]
        emptied = []
        for slot in endings:
            board = next(coming, None)
            if board is None:
                emptied.append(slot)
            else:
                seats.seat(slot, board)
                if watch is not None:
                    watch.reset(slot)
        live = live[~np.isin(live, emptied)]


class _Seats:
    """The games in flight, one a slot."""

    def __init__(self, game: Game, boards: Sequence[Board]) -> None:
        count = len(boards)
        self.game = game
        self.boards = list(boards)
        self.states = game.new_states(count)
        self._words = self.states.view(np.uint64).reshape(count, -1)  # the same memory, quicker to copy
        self.agent_of = np.zeros((count, 2), np.int64)  # [slot, player] -> index into agents
        self.length = np.zeros(count, np.int64)  # plies so far
        self.played = np.zeros((count, 64), np.int32)
        self.seconds = np.zeros((count, 64), np.float32)
        for slot, board in enumerate(boards):
            self.seat(slot, board)

    def seat(self, slot: int, board: Board) -> None:
        """Begin a game at a slot."""
        plies = len(board.opening)
        while plies >= self.played.shape[1]:
            self._grow()
        self.boards[slot] = board
        self.states[slot : slot + 1] = self.game.new_states(1)
        replay(self.game, self.states[slot : slot + 1], board.opening)
        self.agent_of[slot] = board.first_agent_plays, 1 - board.first_agent_plays
        self.played[slot, :plies], self.seconds[slot, :plies] = board.opening, 0
        self.length[slot] = plies

    def at(self, slots: Ints) -> States:
        """A copy of the states at some slots."""
        return self._words[slots].view(self.states.dtype)[:, 0]

    def note(self, slots: Ints, states: States, actions: Ints, took: float) -> None:
        """A ply at some slots."""
        if len(slots) == 1:  # as against engines: the same by numbers, a fifth of the time
            slot = int(slots[0])
            plies = int(self.length[slot])
            self._words[slot] = np.frombuffer(states, np.uint64)
            self.played[slot, plies], self.seconds[slot, plies] = actions[0], took
            self.length[slot] = plies + 1
            if plies + 1 == self.played.shape[1]:
                self._grow()
            return
        self._words[slots] = states.view(np.uint64).reshape(len(slots), -1)
        self.played[slots, self.length[slots]] = actions
        self.seconds[slots, self.length[slots]] = took
        self.length[slots] += 1
        if self.length[slots].max() == self.played.shape[1]:
            self._grow()

    def ended(self, slot: int, ending: Ending) -> Ended:
        """The game at a slot, over."""
        plies = self.length[slot]
        played, seconds = self.played[slot, :plies].tolist(), self.seconds[slot, :plies].tolist()
        return Ended(self.boards[slot], tuple(played), tuple(seconds), ending)

    def _grow(self) -> None:
        self.played = np.concatenate([self.played, np.zeros_like(self.played)], 1)
        self.seconds = np.concatenate([self.seconds, np.zeros_like(self.seconds)], 1)


def _choose(
    agent: Agent, states: States, slots: Ints, *, catch: bool
) -> tuple[NDArray[np.int32], dict[int, Any]]:
    """An agent's actions [B], and its fault at each slot where it failed; faults are raised unless caught."""
    actions = np.zeros(len(slots), np.int32)
    failed: dict[int, Any] = {}
    asked = np.arange(len(slots))
    while len(asked):
        try:
            part = states if len(asked) == len(slots) else states[asked]
            actions[asked] = _answer(agent, agent.choose(part, slots[asked]), len(asked))
            break
        except TengenError as error:
            if not catch or not hasattr(error, "kind"):
                raise
            where = getattr(error, "slot", None)
            gone = asked[slots[asked] == where] if where in slots[asked] else asked
            failed |= {int(slot): error for slot in slots[gone]}
            asked = np.setdiff1d(asked, gone)  # there may be an answer for the other boards
    return actions, failed


def _illegal_places(game: Game, states: States, actions: Ints) -> Ints:
    mask = game.new_mask(len(states))
    game.legal_mask(states, mask)
    if len(states) == 1:  # as against engines: five calls of NumPy cost more than the rules
        action = int(actions[0])
        return np.arange(0 if 0 <= action < game.num_actions and mask[0, action] else 1)
    exists = (actions >= 0) & (actions < game.num_actions)
    return np.flatnonzero(~(exists & mask[np.arange(len(states)), np.where(exists, actions, 0)]))


def replay(game: Game, state: States, actions: Sequence[int]) -> None:
    """Apply legal actions to state [1] in place."""
    for action in actions:
        game.step(state, np.array([action], np.int32))


def _answer(agent: Agent, answer: object, count: int) -> NDArray[np.int32]:
    actions = np.asarray(answer)
    if actions.shape != (count,) or actions.dtype.kind not in "iu":
        raise TengenError(
            f"agent '{agent.name}' answered {count} positions with an array of shape {actions.shape} "
            f"and type {actions.dtype}; expected one whole number a position"
        )
    return actions.astype(np.int32)


def _illegal(game: Game, agent: Agent, state: States, action: int, board: Board) -> IllegalChoice:
    words = f" ({game.format_action(state, action)})" if 0 <= action < game.num_actions else ""
    return IllegalChoice(
        f"agent '{agent.name}' chose action {action}{words} at ply {state['ply'][0]} of game "
        f"{board.number + 1}, which is illegal there"
    )
