"""Engines at boards."""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tengen.agents.base import Agent
from tengen.agents.engines.driver import Clock, Driver
from tengen.agents.engines.faults import EngineFault
from tengen.agents.engines.talk import Talk, together
from tengen.envs.game import Game, Ints, States
from tengen.errors import TengenError

#: What came of a turn: its actions, or how the engine failed.
Answer = list[int] | EngineFault


@dataclass
class _Seat:
    """A board as the agent knows it."""

    start: States
    actions: list[int]
    clock: Clock = field(default_factory=Clock)
    said: Answer | None = None  # last, and the game in which it was said
    said_start: States | None = None
    value: float | None = None  # what it thought of it
    said_after: list[int] = field(default_factory=list)


class EngineAgent(Agent):
    """A program at many boards: at each its own process as far as `processes` go, else in turn.

    A fault is raised by `choose` with the board in `slot`; what the engine said at other boards is kept and
    handed out when `choose` is called for these again. A program that failed is started anew when it is next
    needed.
    """

    needs_history = True

    def __init__(
        self, name: str, game: Game, open_driver: Callable[[int], Driver], processes: int = 1
    ) -> None:
        """open_driver(k) starts the program for the k-th time, for `game`.

        The first is started at once, so that whatever keeps it from playing is told before a match.
        Raises EngineFault and EngineRefusal.
        """
        self.name, self.game = name, game
        self.version = ""  # what the program says that it is
        self.restarts = 0  # after faults
        self.faults: deque[EngineFault] = deque(maxlen=100)
        self._open_driver, self._opened = open_driver, 0
        self._drivers: list[Driver | None] = [None] * processes
        self._seats: dict[int, _Seat] = {}
        try:
            together([self._driver_talk(0)])
        except TengenError:
            self.close()
            raise

    def start(self, game: Game, slots: int) -> None:
        """Forget the games; the processes go on."""
        if game.name != self.game.name:
            raise TengenError(f"agent '{self.name}' was made for {self.game.name}, not for {game.name}")
        self._seats = {}

    def follow(self, slot: int, start: States, actions: Sequence[int]) -> None:
        seat = self._seats.get(slot)
        if seat is None:
            self._seats[slot] = _Seat(start, list(actions))
        else:
            seat.start, seat.actions = start, list(actions)

    def tell_time(
        self,
        slot: int,
        *,
        move_s: float | None = None,
        left_s: tuple[float, float] | None = None,
        increment_s: float = 0.0,
    ) -> None:
        """How long the next move at a board may take, or its own and the other's clock; after `follow`."""
        self._seats[slot].clock = Clock(move_s, left_s, increment_s)

    def choose(self, states: States, slots: Ints) -> NDArray[np.int32]:
        """Actions or RESIGN [B]. Raises EngineFault, with the board in `slot`."""
        lanes: list[list[tuple[int, States]]] = [[] for _ in self._drivers]
        for row, slot in enumerate(slots.tolist()):
            if self._next_said(slot) is None:
                lanes[slot % len(lanes)].append((slot, states[row : row + 1]))
        together([self._lane(index, lane) for index, lane in enumerate(lanes) if lane])
        said = {slot: self._next_said(slot) for slot in slots.tolist()}
        values = [self._seats[slot].value for slot in said]
        known = [value for value in values if value is not None]
        self.last_values = np.array(known, np.float32) if len(known) == len(values) else None
        for slot, answer in said.items():
            if isinstance(answer, EngineFault):
                self._seats[slot].said = None
                raise EngineFault(answer.kind, answer.engine, answer.what, answer.lines, slot) from None
        return np.array([answer[0] for answer in said.values() if isinstance(answer, list)], np.int32)

    def close(self) -> None:
        for index, driver in enumerate(self._drivers):
            self._drivers[index] = None
            if driver is not None:
                driver.close()

    def kill(self) -> None:
        """End the programs from any thread; whoever waits for one is told that it died."""
        for driver in self._drivers:
            if driver is not None:
                driver.process.kill()

    def _next_said(self, slot: int) -> Answer | None:
        """What the engine has said for the position at a board: the rest of a turn, or a fault."""
        seat = self._seats[slot]
        if seat.said is None:
            return None
        known = len(seat.said_after)
        if seat.actions[:known] != seat.said_after or not _alike(seat.start, seat.said_start):
            return None  # another game
        since = seat.actions[known:]
        if isinstance(seat.said, EngineFault):
            return None if since else seat.said
        if len(since) >= len(seat.said) or since != seat.said[: len(since)]:
            return None
        return seat.said[len(since) :]

    def _lane(self, index: int, boards: list[tuple[int, States]]) -> Talk[None]:
        """One process's turns, one board after another; a fault leaves the other boards for the next one."""
        for slot, state in boards:
            seat = self._seats[slot]
            seat.said_start, seat.said_after = seat.start, seat.actions
            try:
                driver = yield from self._driver_talk(index)
                seat.said = yield from driver.turn(seat.start, seat.actions, state, seat.clock)
                seat.value = driver.value
            except EngineFault as fault:
                seat.said = fault
                self.faults.append(fault)
                failed, self._drivers[index] = self._drivers[index], None
                if failed is not None:
                    self.restarts += 1
                    failed.process.close()

    def _driver_talk(self, index: int) -> Talk[Driver]:
        """The driver of a lane, started if there is none."""
        driver = self._drivers[index]
        if driver is None:
            driver = self._open_driver(self._opened)
            self._opened += 1
            try:
                yield from driver.ready()
            except BaseException:
                with contextlib.suppress(TengenError):
                    driver.process.close()
                raise
            self._drivers[index] = driver
            self.version = driver.version
        return driver


def _alike(one: States, other: States | None) -> bool:
    return one is other or (other is not None and one.tobytes() == other.tobytes())
