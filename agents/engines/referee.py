"""The score of a finished game of Go, once a program has said which stones are dead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tengen.agents.engines.faults import EngineFault, EngineRefusal, printable
from tengen.agents.engines.gtp import GtpDriver
from tengen.agents.engines.talk import Talk, alone
from tengen.envs.game import Game, States
from tengen.envs.go.game import Go
from tengen.envs.go.text import format_point, parse_point
from tengen.errors import IllegalMove, TengenError


@dataclass(frozen=True)
class Judged:
    """A finished game of Go. Scores are Black's points minus White's, komi included."""

    score: float  # by area, dead stones taken off
    raw_score: float  # by area as the board stands (Tromp-Taylor)
    dead: tuple[int, ...] = ()  # points
    fault: str = ""  # why there was no referee's word; the raw score stands then

    @property
    def result(self) -> str:
        """ "B+3.5", "W+0.5" or "draw"."""
        return _words(self.score)

    @property
    def raw_result(self) -> str:
        """The same of the raw score."""
        return _words(self.raw_score)

    @property
    def outcome(self) -> int:
        """Black's: 1 won, 0 drawn, -1 lost."""
        return int(np.sign(self.score))

    @property
    def disagrees(self) -> bool:
        """Whether dead stones changed who won."""
        return self.outcome != int(np.sign(self.raw_score))


class Referee:
    """A GTP program that is asked for dead stones; GNU Go, for one. Started when it is first needed."""

    def __init__(self, name: str = "gtp:gnugo", *, seed: int = 0) -> None:
        """name: an agent string of kind gtp. Raises TengenError if it names no program."""
        from tengen.agents.registry import parse_agent

        self.name = name
        self._spec, self._seed = parse_agent(name), seed
        if self._spec.kind != "gtp":
            raise TengenError(f"referee '{name}': expected a GTP program, such as gtp:gnugo")
        self._driver: GtpDriver | None = None
        self.judged = self.disagreements = self.faults = 0

    def start(self, game: Go) -> None:
        """Start the program now. Raises EngineFault, EngineRefusal."""
        self._driver = self._open(game)
        alone(self._driver.ready())
        if self._driver.commands and "final_status_list" not in self._driver.commands:
            raise EngineRefusal(f"referee '{self.name}' lacks the GTP command final_status_list")

    def dead_stones(self, game: Go, start: States, actions: Sequence[int]) -> tuple[int, ...]:
        """The points whose stones are dead at the end of a game from start [1].

        Raises EngineFault, also where the program names points without a stone.
        """
        try:
            return alone(self._ask(game, start, actions))
        except EngineFault:
            self.close()
            raise

    def close(self) -> None:
        """End the program."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _open(self, game: Go) -> GtpDriver:
        from tengen.agents.engines.process import EngineProcess
        from tengen.agents.engines.programs import find_program, patience_of

        program = find_program(self._spec, game, self._seed)
        process = EngineProcess(
            f"referee {self.name}",
            program.command,
            memory_mb=program.memory_mb,
            environment=program.environment,
        )
        return GtpDriver(process, game, patience_of(self._spec), self._seed)

    def _ask(self, game: Go, start: States, actions: Sequence[int]) -> Talk[tuple[int, ...]]:
        if self._driver is None or self._driver.game.name != game.name:
            self.close()
            self._driver = self._open(game)
            yield from self._driver.ready()
        driver = self._driver
        yield from driver.position(start, actions)
        answer = yield from driver.ask("final_status_list", "dead")
        if not answer.ok:
            said = f"does not say which stones are dead ({printable(answer.text)})"
            raise driver.process.fault("protocol", said)
        return _stones(driver, start, actions, answer.text)


def _stones(driver: GtpDriver, start: States, actions: Sequence[int], text: str) -> tuple[int, ...]:
    """The points that text lists, each of which must hold a stone."""
    game, state = driver.game, start.copy()
    for action in actions:
        game.step(state, np.array([action], np.int32))
    board = game.colors(state).reshape(-1)
    points = set()
    for word in text.split():
        try:
            point = parse_point(game.size, word)
        except IllegalMove:
            point = -1
        if not 0 <= point < len(board) or board[point] == 0:
            shown = printable(word, 20)
            raise driver.process.fault("garbage", f"calls a stone on {shown} dead, and there is none")
        points.add(point)
    return tuple(sorted(points))


def score_without_dead(game: Go, state: States, dead: Sequence[int]) -> float:
    """Black's area minus White's and komi in state [1], once the stones on points `dead` are taken off."""
    colors = game.colors(state).reshape(-1).copy()
    colors[list(dead)] = 0
    out = np.zeros(1, np.float32)
    game.score(game.from_colors(colors), out)
    return float(out[0])


def judge_finished_go(
    game: Game, state: States, actions: Sequence[int], referee: Referee | None, start: States | None = None
) -> Judged:
    """The score of a finished game, state [1], that the actions led to from start [1] (the game's own).

    A referee is asked where both have passed; one that fails is asked again once, anew, and then the raw
    score stands with the reason in `fault`. The referee counts its games, disagreements and faults.
    """
    if not isinstance(game, Go):
        raise TengenError(f"a referee of dead stones is for Go, not for {game.name}")
    raw = score_without_dead(game, state, ())
    if referee is None or state["passes"][0] < 2:
        return Judged(raw, raw)
    begin = game.new_states(1) if start is None else start
    for attempt in (1, 2):
        try:
            dead = referee.dead_stones(game, begin, actions)
        except EngineFault as fault:
            if attempt == 2:
                referee.faults += 1
                return Judged(raw, raw, fault=str(fault))
        else:
            judged = Judged(score_without_dead(game, state, dead), raw, dead)
            referee.judged += 1
            referee.disagreements += judged.disagrees
            return judged
    raise AssertionError


def point_names(game: Go, points: Sequence[int]) -> str:
    """Points in words, as files of games have them: "D4 E5"."""
    return " ".join(format_point(game.size, point) for point in points)


def _words(score: float) -> str:
    return f"{'B' if score > 0 else 'W'}+{abs(score):g}" if score else "draw"
