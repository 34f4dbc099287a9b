"""What `tengen league` shows: tables in a pipe, one JSON object, and a page that needs nothing but itself."""

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tengen import cli
from tengen.envs import make_game
from tengen.league.manager import League, Member
from tengen.league.report import gather
from tengen.league.report_html import page
from tengen.league.report_replay import board_kind, by_interest, changes, points_of, replayable
from tengen.league.report_svg import ticks
from tengen.league.store import Store, StoredGame

HOSTILE = '</script><script>alert("1")</script>'
QUOTES = 'a\' onload="x" & <b>\x1b[31m'
#: Elements without an end tag.
VOID = {"meta", "input"}


def random_actions(name: str, seed: int, opening: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A whole game of random legal moves."""
    game, rng = make_game(name), np.random.default_rng(seed)
    state, mask, actions = game.new_states(1), game.new_mask(1), list(opening)
    for action in opening:
        game.step(state, np.array([action], np.int32))
    while not state["terminal"][0]:
        game.legal_mask(state, mask)
        actions.append(int(rng.choice(np.flatnonzero(mask[0]))))
        game.step(state, np.array([actions[-1]], np.int32))
    return tuple(actions)


def stored(name: str, first: str, second: str, number: int, outcome: int | None = 1) -> StoredGame:
    """A random game between two players, kept under their names."""
    return StoredGame(
        *(f"{name}:{first}:{second}:{number}", "e", name, first, second, f"id {first}", f"id {second}"),
        *(outcome, "B+1", "rules", 1, random_actions(name, number)),
        ended=1000.0 * (number + 1),
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store of three games' worth of players, two of them with names that would like to run code."""
    path = tmp_path_factory.mktemp("league") / "friends"
    players = [HOSTILE, QUOTES, "mcts?sims=4", "random"]
    games = []
    for number, name in enumerate(["go5", "checkers", "connect4"] * 4):
        first, second = players[number % 4], players[(number + 1 + number // 4) % 4]
        if first != second:
            games.append(stored(name, first, second, number, (1, 0, -1)[number % 3]))
    games.append(stored("go5", "random", HOSTILE, 99, None))
    games.append(
        StoredGame("gone", "e", "a game of tomorrow", "random", "x", "id random", "id x", 1, actions=(3,))
    )
    with Store.open(path / "league.sqlite") as store:
        store.add(games)
    return path


class Reader(HTMLParser):
    """Elements that are open, text outside scripts, and every attribute's value."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(key, value or "") for key, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(key, value or "") for key, value in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_holds_together_and_loads_nothing(folder):
    text = page(gather(folder / "league.sqlite"))
    reader = read(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert not {"src", "href", "onload", "onclick"} & {key for key, _ in reader.attributes}
    assert len(text) < 100_000 and "$" not in text.replace("${", "")


def test_names_are_words_and_never_markup(folder):
    text = page(gather(folder / "league.sqlite"))
    reader = read(text)
    shown = "".join(reader.text)
    assert len(reader.scripts) == 2 and "<script>alert" not in text and "\x1b" not in text
    data = json.loads(reader.scripts[0])
    for name in (HOSTILE, QUOTES.replace("\x1b", "?"), "mcts?sims=4", "random", "x"):
        assert name in shown and name in data["players"]


def test_the_pages_games_are_the_stores(folder):
    """The changes of every ply, applied in order, end at the position that the rules end at."""
    with Store.open(folder / "league.sqlite") as store:
        kept = [game for game in store.games() if game.game != "a game of tomorrow"]
    data = json.loads(read(page(gather(folder / "league.sqlite"))).scripts[0])
    assert len(data["games"]) == len(kept) and data["all"] == len(kept) + 1
    assert {row[0] for row in data["games"]} == {"go5", "checkers", "connect4"}
    for row, stored_game in zip(data["games"], kept, strict=True):
        _, rows, columns, start = data["boards"][row[0]]
        points = list(start)
        plies = row[6].split(";")
        for ply in plies:
            for code in filter(None, ply.split(",")):
                points[int(code, 36) // 5] = int(code, 36) % 5
        game = make_game(row[0])
        state = game.new_states(1)
        for action in stored_game.actions or ():
            game.step(state, np.array([action], np.int32))
        assert len(plies) == len(stored_game.actions or ())
        assert points == points_of(game, state).ravel().tolist() and len(points) == rows * columns


def test_a_capture_takes_the_stone_off_the_page():
    go = make_game("go5")
    moves = [go.parse_action(go.new_states(1), point) for point in ("A4", "A5", "B5")]
    # Black on the sixth point; White in the corner; Black beside it, and the corner is empty.
    assert changes(go, moves) == "q;2;0,6"


def test_the_start_of_checkers_is_drawn_and_unknown_games_are_not():
    kind = board_kind("checkers")
    assert kind is not None and kind.start[:8] == [0, 1, 0, 1, 0, 1, 0, 1] and kind.start.count(2) == 12
    assert board_kind("a game of tomorrow") is None


def test_of_many_games_the_newest_of_every_pairing_are_kept():
    games = [stored("connect4", "a", "b" if k < 20 else "c", k) for k in range(24)]
    assert by_interest(games)[:6] == [23, 19, 22, 18, 21, 17]
    names = {"id a": 0, "id b": 1, "id c": 2}
    rows = replayable(games, names, {}, most=5)
    assert [row[2] for row in rows] == [1, 1, 2, 2, 2]
    assert [row[6] for row in rows[:2]] == [changes(make_game("connect4"), g.actions) for g in games[18:20]]
    assert len(replayable(games, names, {}, most_bytes=200)) < 4


def test_two_hundred_long_games_make_a_small_page(tmp_path):
    with Store.open(tmp_path / "league.sqlite") as store:
        store.add(stored("go9", "a", "b", k) for k in range(30))
        report = gather(store.path)
    text = page(replace(report, kept=report.kept * 8))
    data = json.loads(read(text).scripts[0])
    assert len(data["games"]) > 150 and len(text) < 400_000


def test_ticks_are_round_and_few():
    assert ticks(-270, 455) == [-200, 0, 200, 400]
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ticks(5, 5) == [5]


def test_the_command_says_the_same_in_a_pipe_and_in_json(folder, capsys, tmp_path):
    target = tmp_path / "pages" / "league.html"
    assert cli.main(["league", "--json", str(folder), "--html", str(target)]) == 0
    out = capsys.readouterr().out
    *lines, last = out.splitlines()
    found = json.loads(last)
    assert lines.pop() == f"the page is in {target}"
    assert max(map(len, lines)) <= 80 and "\x1b" not in out
    assert found["void"] == 1 and found["games"] > 10 and found["openings"] and found["history"]
    assert [row["name"] for row in found["standings"]] == found["payoff"]["names"]
    assert found["payoff"]["score"][0][0] is None
    assert cli.main(["ratings", str(folder), "--json"]) == 0
    rated = json.loads(capsys.readouterr().out.splitlines()[-1])["ratings"]
    assert [(r["name"], r["elo"]) for r in rated] == [(r["name"], r["elo"]) for r in found["standings"]]
    assert target.read_text().startswith("<!doctype html>")


def test_a_run_has_a_history_of_its_snapshots_in_its_own_time(tmp_path, capsys):
    league = League(tmp_path, "connect4")
    names = ["random", "update 10", "update 20", "update 30"]
    for k, name in enumerate(names):
        role = "main" if k else "baseline"
        league.add(Member(name, f"id {name}", role, name, 10 * k, 1000 * k, 600.0 * k))
    with league.store() as store:
        for a, b in itertools.permutations(range(4), 2):
            players = names[a], names[b], f"id {names[a]}", f"id {names[b]}"
            outcome = 1 if a > b else -1
            store.add(StoredGame(f"{a}{b}{k}", "e", "connect4", *players, outcome) for k in range(3))
    by_time, by_games = gather(tmp_path / "league.sqlite").histories
    assert (by_time.axis, by_games.axis) == ("minutes of training", "games of self-play")
    (main, baseline) = by_time.curves
    assert [(point.name, point.x) for point in main.points] == list(zip(names[1:], [10, 20, 30], strict=True))
    assert [point.x for point in by_games.curves[0].points] == [1000, 2000, 3000]
    assert main.points[0].elo < main.points[1].elo < main.points[2].elo
    assert baseline.name == "random" and len(baseline.points) == 1
    assert baseline.points[0].elo == 0, "the scale is the one that the run logs"
    shown = {r.name: (r.elo, r.error) for r in gather(tmp_path / "league.sqlite").standings.ratings}
    assert shown == {member.name: league.ratings()[member.id] for member in league.members}
    assert cli.main(["league", str(tmp_path)]) == 0
    assert "baseline" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "there is no such store"),
        (["."], "is a folder without a store of games"),
        (["empty.sqlite"], "no finished game in it"),
        ([], "required: STORE|ACTION"),
        (["empty.sqlite", "--html", ""], "--html is empty"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Store.open("empty.sqlite").close()
    assert cli.main(["league", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tengen: error: ") and expected in line


def test_strength_that_goes_in_circles_is_shared_and_a_weak_player_has_none(tmp_path, capsys):
    with Store.open(tmp_path / "s.sqlite") as store:
        beats = {("rock", "scissors"), ("scissors", "paper"), ("paper", "rock")}
        beats |= {(name, "weak") for name in ("rock", "scissors", "paper")}
        for one, other in beats:
            for k in range(4):
                store.add(StoredGame(f"{one}{other}{k}", "e", "", one, other, one, other, 1))
    report = gather(tmp_path / "s.sqlite")
    nash = dict(zip(report.payoff.names, report.cycles.nash, strict=True))
    alpha = dict(zip(report.payoff.names, report.cycles.alpha_rank, strict=True))
    for name in ("rock", "scissors", "paper"):
        assert nash[name] == pytest.approx(1 / 3, abs=1e-3) and alpha[name] == pytest.approx(1 / 3, abs=0.01)
    assert nash["weak"] == 0 and alpha["weak"] < 1e-3
    assert cli.main(["league", str(tmp_path / "s.sqlite")]) == 0
    out = capsys.readouterr().out
    assert "33%" in out and "alpha-rank" in out
    assert "33%" in page(report) and "alpha-rank" in page(report)


def test_an_anchor_holds_the_scale_at_every_moment(folder, capsys):
    free = {r.name: r.elo for r in gather(folder / "league.sqlite").standings.ratings}
    report = gather(folder / "league.sqlite", {"random": 1800.0})
    held = {r.name: r.elo for r in report.standings.ratings}
    assert "random is held at 1800" in page(report)
    for name, elo in held.items():
        assert elo == pytest.approx(1800 + free[name] - free["random"], abs=1)
    for history in report.histories:
        (curve,) = (curve for curve in history.curves if curve.name == "random")
        assert {point.elo for point in curve.points} == {1800}
    assert cli.main(["league", str(folder), "--anchor", "random=1800"]) == 0
    assert "1,800" in capsys.readouterr().out
    assert cli.main(["league", str(folder), "--anchor", "rando=1800"]) == 2
    assert "did you mean random?" in capsys.readouterr().err
