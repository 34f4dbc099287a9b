"""Fitness games: played by threads here or by Ray actors, with the same results whoever plays them."""

import os
import queue
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tengen.agents.minimax.blondie import pack
from tengen.agents.minimax.searcher import Limits, Searcher, scaled_params
from tengen.envs.game import Game
from tengen.envs.registry import make_game
from tengen.selfplay.evolution_config import EvolutionConfig
from tengen.selfplay.pairing import Jobs, Results
from tengen.selfplay.ray_pool import ActorPool
from tengen.selfplay.strategies import Population
from tengen.selfplay.timed import timed

Openings = Sequence[Sequence[int]]


class Arena(Protocol):
    """Plays games of one kind of individual, one thread at a time; a pure function of its arguments."""

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """The results of jobs [J, 3]. `seed` is for players that leave something to chance."""


class SearchArena:
    """Individuals are evaluations inside alpha-beta; one game after another."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self.config = config
        self.game: Game = make_game(config.game)
        self.openings = openings
        self.limits = Limits(depth=config.fitness.depth)
        self._searcher = Searcher(self.game, config.network.name, table_bits=12)
        self._met = 0  # individuals so far; tells their cached evaluations apart

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """See `Arena.play`."""
        params = {int(i): self._params(players, int(i)) for i in np.unique(jobs[:, :2])}
        marks = {player: self._met + k for k, player in enumerate(params)}
        self._met += len(params)
        out = np.empty((len(jobs), 2), np.int32)
        for j, (first, second, opening) in enumerate(jobs.tolist()):
            sides = [(params[i], marks[i]) for i in (first, second)]
            out[j] = self._game(sides, self.openings[opening])
        return out

    def _params(self, players: Population, i: int) -> NDArray[np.float32]:
        name = self.config.network.name
        if name == "hand":
            return scaled_params(self.game, players.weights[i])
        return pack(name, players.weights[i], float(players.kings[i]))

    def _game(self, sides: list[tuple[NDArray[np.float32], int]], opening: Sequence[int]) -> tuple[int, int]:
        game, state = self.game, self.game.new_states(1)
        for action in opening:
            game.step(state, np.array([action], np.int32))
        turns = 0
        while turns < self.config.fitness.max_turns and not state["terminal"][0]:
            params, mark = sides[state["to_play"][0]]
            for action in self._searcher.find(state, params, self.limits, player=mark).actions:
                game.step(state, np.array([action], np.int32))
            turns += 1
        result = np.zeros((1, 2), np.float32)
        game.returns(state, result)
        return int(result[0, 0]), turns


def make_arena(config: EvolutionConfig, openings: Openings) -> Arena:
    """The arena for a configuration's individuals."""
    if config.network.name == "conv":
        from tengen.selfplay.conv_arena import ConvArena

        return ConvArena(config, openings)
    if config.network.name == "search":
        from tengen.selfplay.constants_arena import ConstantsArena

        return ConstantsArena(config, openings)
    return SearchArena(config, openings)


def chunks_of(config: EvolutionConfig, jobs: Jobs) -> list[Jobs]:
    """Jobs in portions, cut the same way whoever plays them."""
    size = config.fitness.chunk
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


class Players(Protocol):
    """Who plays the games of a generation."""

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """The results [J, 2] of all jobs."""

    def close(self) -> None:
        """Release threads or actors."""


class ThreadPlayers:
    """Threads of this process: kernels and torch leave Python's lock while they work."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self.config = config
        count = config.rollouts.threads or len(os.sched_getaffinity(0))
        self._arenas: queue.SimpleQueue[Arena] = queue.SimpleQueue()
        for _ in range(count):
            self._arenas.put(make_arena(config, openings))
        self._threads = ThreadPoolExecutor(count, "fitness")

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """See `Players.play`."""

        def work(item: tuple[int, Jobs]) -> Results:
            arena = self._arenas.get()
            try:
                return arena.play(players, item[1], seed + item[0])
            finally:
                self._arenas.put(arena)

        parts = list(self._threads.map(work, enumerate(chunks_of(self.config, jobs))))
        return np.concatenate(parts) if parts else np.empty((0, 2), np.int32)

    def close(self) -> None:
        """See `Players.close`."""
        self._threads.shutdown(cancel_futures=True)


def unsound(results: Results) -> str | None:
    """What is wrong with the results of games [J, 2]; None where nothing is."""
    if len(results) and (abs(results[:, 0]).max() > 1 or results[:, 1].min() < 0):
        return "its results are none that a game has"
    return None


class FitnessActor:
    """What runs in a Ray actor."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self._arena = make_arena(config, openings)

    def ready(self) -> bool:
        """Answers once the actor is up."""
        return True

    @timed
    def play(self, players: Population, jobs: Jobs, seed: int, chunk: int) -> tuple[int, Results]:
        """The results of a portion, with its number."""
        return chunk, self._arena.play(players, jobs, seed)


class RayPlayers:
    """Ray actors. The portions of an actor that died are played again, with the same results."""

    def __init__(self, config: EvolutionConfig, openings: Openings) -> None:
        self.config = config
        self.pool = ActorPool(
            FitnessActor,
            config.rollouts,
            lambda index, restarts: (config, openings),
            self._never,
            follows=True,
            check=lambda answer: unsound(answer[1]),
        )
        self.pool.start()

    @staticmethod
    def _never(actor: Any, index: int) -> Any:
        raise AssertionError("portions are handed out by `play`")

    def play(self, players: Population, jobs: Jobs, seed: int) -> Results:
        """See `Players.play`."""
        pool = self.pool
        everyone = pool.put(players)
        parts = chunks_of(self.config, jobs)
        waiting = deque(range(len(parts)))
        sent: dict[Any, int] = {}  # call -> portion
        results: dict[int, Results] = {}
        while len(results) < len(parts):
            for index in pool.idle()[: len(waiting)]:
                chunk = waiting.popleft()
                call = pool.actors[index].play.remote(everyone, parts[chunk], seed + chunk, chunk)
                pool.calls[call], sent[call] = index, chunk
            answer = pool.next_answer()
            if answer is not None:
                results[answer[0]] = answer[1]
            for call in [call for call in sent if call not in pool.calls]:
                chunk = sent.pop(call)
                if chunk not in results:  # its actor died
                    waiting.appendleft(chunk)
        return np.concatenate([results[i] for i in range(len(parts))] or [np.empty((0, 2), np.int32)])

    def close(self) -> None:
        """See `Players.close`."""
        self.pool.close()


def make_players(config: EvolutionConfig, openings: Openings) -> Players:
    """Threads here, or Ray actors where the configuration wants workers."""
    return RayPlayers(config, openings) if config.rollouts.workers else ThreadPlayers(config, openings)
