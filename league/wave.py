"""Games side by side in lock-step between two agents: what matches and tournaments are made of."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.envs.game import Game, States
from tengen.errors import TengenError
from tengen.league.ending import Ending, Limits, Watch, forfeit, judge


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
    limits: Limits | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[list[Ended]]:
    """Play every board to its end; yields the games that ended after each ply of all.

    Agents must have been started with as many slots as there are boards. When `stop` says True, games in
    flight are dropped. Faults of agents (a TengenError with a `kind`, an illegal choice) are scored as the
    limits say, and raised where there are none.
    """
    count = len(boards)
    states, start, mask = game.new_states(count), game.new_states(1), game.new_mask(count)
    length = np.array([len(board.opening) for board in boards])
    played = np.zeros((count, max(64, 2 * int(length.max()))), np.int32)
    spent = np.zeros(played.shape, np.float32)
    for slot, board in enumerate(boards):
        played[slot, : length[slot]] = board.opening
        replay(game, states[slot : slot + 1], board.opening)
    first_plays = np.array([board.first_agent_plays for board in boards])
    agent_of = np.stack([first_plays, 1 - first_plays], 1)  # [slot, player] -> index into agents
    watch = Watch(limits, agents, count) if limits is not None else None

    def end(slot: int, ending: Ending) -> Ended:
        n = length[slot]
        actions, seconds = tuple(played[slot, :n].tolist()), tuple(spent[slot, :n].tolist())
        return Ended(boards[slot], actions, seconds, ending)

    live = np.arange(count)
    while len(live) and not (stop is not None and stop()):
        if length.max() == played.shape[1]:
            played = np.concatenate([played, np.zeros_like(played)], 1)
            spent = np.concatenate([spent, np.zeros_like(spent)], 1)
        part = states[live]
        mover = agent_of[live, part["to_play"]]
        actions, took = np.zeros(len(live), np.int32), np.zeros(len(live), np.float32)
        forfeited: dict[int, Ending] = {}  # place in live -> how
        legal = mask[: len(live)]
        game.legal_mask(part, legal)
        for index, agent in enumerate(agents):
            turn = np.flatnonzero(mover == index)
            if not len(turn):
                continue
            slots = live[turn]
            if agent.needs_history:
                for slot in slots:
                    agent.follow(int(slot), start, played[slot, : length[slot]].tolist())
            if watch is not None:
                watch.before(index, slots, part["to_play"][turn])
            began = time.perf_counter()
            asked = turn
            while len(asked):
                try:
                    actions[asked] = _answer(agent, agent.choose(part[asked], live[asked]), len(asked))
                    break
                except TengenError as error:
                    kind, seat = getattr(error, "kind", None), getattr(error, "slot", None)
                    if watch is None or kind is None:
                        raise
                    failed = asked[live[asked] == seat] if seat in live[asked] else asked
                    for place in failed:
                        player = int(part["to_play"][place])
                        forfeited[int(place)] = forfeit(game, player, watch.limits, str(kind), str(error))
                    asked = np.setdiff1d(asked, failed)  # at other boards there may be an answer
            took[turn] = (time.perf_counter() - began) / len(turn)
            if watch is not None:
                watch.after(game, agent, part, turn, actions, took, forfeited, slots)
            checked = np.setdiff1d(turn, list(forfeited)) if forfeited else turn
            good = legal[checked, np.clip(actions[checked], 0, game.num_actions - 1)]
            good &= (actions[checked] >= 0) & (actions[checked] < game.num_actions)
            for place in checked[~good]:
                fault = _illegal(
                    game, agent, part[place : place + 1], int(actions[place]), boards[live[place]]
                )
                if watch is None:
                    raise fault
                player = int(part["to_play"][place])
                forfeited[int(place)] = forfeit(game, player, watch.limits, fault.kind, str(fault))
        ended: list[Ended] = []
        if forfeited:
            ended += [end(int(live[place]), ending) for place, ending in sorted(forfeited.items())]
            stay = np.setdiff1d(np.arange(len(live)), list(forfeited))
            live, part, actions, took = live[stay], part[stay], actions[stay], took[stay]
        if len(live):
            game.step(part, actions)
        states[live] = part
        played[live, length[live]], spent[live, length[live]] = actions, took
        length[live] += 1
        over = part["terminal"].astype(bool)
        for place in np.flatnonzero(over):
            at = int(live[place])
            ended.append(end(at, judge(game, part[place : place + 1], played[at, : length[at]], limits)))
        if watch is not None:
            for place, ending in watch.endings(game, part, live, over):
                ended.append(end(int(live[place]), ending))
                over[place] = True
        if ended:
            yield ended
        live = live[~over]


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
