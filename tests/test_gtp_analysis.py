"""Analysis over GTP: the lines that Sabaki, GoGui and Lizzie read, and that any line ends them."""

import re
import time

import numpy as np
import pytest

from tengen.engine.gtp_session import GtpSession, SessionOptions
from tengen.engine.player import Player
from tengen.envs.go.game import Go
from tengen.envs.go.text import parse_point

NUMBER = r"-?\d+\.\d+"
POINT = r"(?:[A-HJ-T]\d{1,2}|pass)"
LZ = re.compile(
    rf"info move ({POINT}) visits (\d+) winrate (\d+) prior (\d+) lcb (\d+) order (\d+) "
    rf"pv ({POINT}(?: {POINT})*)"
)
KATA = re.compile(
    rf"info move ({POINT}) visits (\d+) utility {NUMBER} winrate ({NUMBER})(?: scoreMean {NUMBER} scoreLead "
    rf"({NUMBER}))? prior ({NUMBER}) lcb ({NUMBER}) utilityLcb {NUMBER} order (\d+) pv ({POINT}(?: {POINT})*)"
)


class Listener:
    """A controller that sends a line after so many reports, or questions whether one has come."""

    def __init__(self, reports: int = 1, questions: int = 10_000) -> None:
        self.reports, self.questions = reports, questions
        self.said: list[str] = []

    def send(self, text: str) -> None:
        self.said.append(text)

    def flush(self) -> None:
        pass

    def pending(self) -> bool:
        self.questions -= 1
        return self.questions <= 0 or sum("info" in text for text in self.said) >= self.reports

    def closed(self) -> bool:
        return False

    def heard(self, *words: str) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.01))  # as the real one, which waits for input


def listen(
    agent: str, command: str, *before: str, listener: Listener | None = None, visits: int = 200
) -> tuple[list[str], GtpSession]:
    """The lines of the whole response to a command."""
    wire, game = listener or Listener(), Go(9)
    engine = GtpSession(Player(agent, game), game, SessionOptions(visits=visits), wire)
    for line in before:
        assert engine.answer(line).startswith("=")
    end = engine.answer(command)
    text = "".join(wire.said) + end
    assert text.endswith("\n\n") and "\n\n" not in text[:-2]
    return text[:-2].split("\n"), engine


NETWORK = "mcts:models/go9?sims=32"


def test_leela_zeros_lines_are_whole_numbers_of_ten_thousand() -> None:
    (head, line, *more), _ = listen(NETWORK, "7 lz-analyze b 1", listener=Listener(questions=20))
    assert head == "=7" and not more
    rows = LZ.findall(line)
    assert LZ.sub("", line).strip() == "" and len(rows) > 3
    assert [int(row[5]) for row in rows] == list(range(len(rows)))
    visits = [int(row[1]) for row in rows]
    assert visits == sorted(visits, reverse=True) and min(visits) > 0
    for move, _, winrate, prior, bound, _, line in rows:
        assert line.split()[0] == move
        assert 0 <= int(bound) <= int(winrate) <= 10_000 >= int(prior)


def test_katagos_lines_are_fractions_with_a_lead_in_points_and_ownership() -> None:
    command = "kata-analyze interval 1 maxmoves 5 rootInfo true ownership true"
    lines, _ = listen(NETWORK, command, "play b E5", listener=Listener(questions=30))
    assert lines[0] == "=" and len(lines) == 2
    rows = KATA.findall(lines[1])
    assert len(rows) == 5
    assert all(0 < float(winrate) < 1 for _, _, winrate, *_ in rows)
    assert all(abs(float(lead)) < 82 for _, _, _, lead, *_ in rows)
    rest = KATA.sub("", lines[1]).strip()
    match = re.fullmatch(
        rf"rootInfo visits \d+ utility {NUMBER} winrate {NUMBER} scoreLead {NUMBER} ownership (.*)", rest
    )
    assert match
    owners = np.array([float(x) for x in match[1].split()])
    assert len(owners) == 81 and abs(owners).max() <= 1
    assert owners[40] < -0.3  # White is to move, and the stone in the middle is Black's


def test_an_agent_without_network_is_analysed_by_random_games() -> None:
    lines, _ = listen(
        "random",
        "kata-analyze w 1 ownership true",
        *(f"play b {c}5" for c in "ABCDEFGHJ"),
        "play w E7",
        listener=Listener(questions=150),
    )
    assert KATA.search(lines[1]) and "scoreLead" not in lines[1]
    owners = np.array([float(x) for x in lines[1].split("ownership ")[1].split()]).reshape(9, 9)
    assert owners[4].mean() < -0.5 and owners[2, 4] > -0.5  # from White's side


def test_avoid_and_allow_bind_the_first_move() -> None:
    free = {row[0] for row in LZ.findall(listen(NETWORK, "lz-analyze b 100", visits=30)[0][1])}
    best = sorted(free)[:2]
    avoided = f"lz-analyze b 100 avoid b {','.join(best)} 1 avoid w E5 10"
    seen = {row[0] for row in LZ.findall(listen(NETWORK, avoided, visits=30)[0][1])}
    assert seen and not seen & set(best)
    allowed = {row[0] for row in LZ.findall(listen(NETWORK, "lz-analyze b 1 allow b A1,J9 1")[0][1])}
    assert allowed <= {"A1", "J9"} and allowed
    for command, reason in (
        ("lz-analyze b 1 allow b E5 1", "? no legal move is left by what is to be avoided"),
        ("lz-analyze b 1 allow b A1", "? syntax error: expected allow"),
        ("lz-analyze b 1 allow b A1 1 allow b A2 1", "? syntax error: allow may be given once"),
        ("kata-analyze b 1 pvVisits true", "? pvvisits is not there to be had"),
        ("lz-analyze b soon", "? syntax error: soon needs a value"),
        ("lz-analyze b sooner 3", "? syntax error: unknown key 'sooner'"),
    ):
        assert listen(NETWORK, command, "play w E5")[0][0].startswith(reason), command


def test_a_full_search_goes_on_reporting_until_a_line_comes() -> None:
    lines, _ = listen(NETWORK, "lz-analyze 1", listener=Listener(reports=3), visits=10)
    assert len(lines) == 4
    assert all(sum(int(row[1]) for row in LZ.findall(line)) <= 10 for line in lines[1:])


@pytest.mark.parametrize("agent", [NETWORK, "mcts?sims=40", "random"])
def test_a_move_with_reports_is_played(agent: str) -> None:
    lines, engine = listen(agent, "3 kata-genmove_analyze b 1", listener=Listener(reports=10**6))
    assert lines[0] == "=3"
    match = re.fullmatch(rf"play ({POINT})", lines[-1])
    assert match and engine.board.moves == [(0, parse_point(9, match[1]))]
    assert all(KATA.match(line) for line in lines[1:-1])
    assert bool(lines[1:-1]) == (agent != "random")


def test_gogui_is_given_maps() -> None:
    game = Go(9)
    engine = GtpSession(Player(NETWORK, game), game, SessionOptions(visits=60))
    commands = [line.split("/") for line in engine.answer("gogui-analyze_commands")[2:].strip().split("\n")]
    assert {kind for kind, _, _ in commands} == {"gfx", "dboard"}
    engine.answer("play b E5")
    for kind, _, name in commands:
        answer = engine.answer(name)
        assert answer.startswith("= "), answer
        lines = answer[2:].strip().split("\n")
        if kind == "dboard":
            numbers = np.array([[float(x) for x in line.split()] for line in lines])
            assert numbers.shape == (9, 9) and numbers[4, 4] > 0.3
        else:
            words = {line.split()[0] for line in lines}
            assert words <= {"INFLUENCE", "LABEL", "TEXT", "COLOR", "VAR", "MARK"} and "TEXT" in words
    influence = next(
        line for line in engine.answer("tengen-policy")[2:].split("\n") if line.startswith("INFLUENCE")
    )
    assert float(influence.split()[2]) == 1.0
    assert engine.board.moves == [(0, 40)]
