"""A run's population: who joins, who meets whom, and that nothing of it is lost or counted twice."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tengen import cli
from tengen.console import Progress
from tengen.errors import TengenError
from tengen.league.judge import LeagueJudge
from tengen.league.manager import League, Member, read_members, stored_games, win_rates
from tengen.league.match import GameRecord, MatchResult
from tengen.league.ratings import Result
from tengen.league.store import Store
from tengen.rundir import RunDir, checkpoints
from tests.selfplay_tools import small

RANDOM = Member("random", "id random", "baseline", "random")


def snapshot(update: int, pooled: bool = True, role: str = "main") -> Member:
    return Member(f"update {update}", f"id {update}", role, f"checkpoints/{update}", update, pooled=pooled)  # type: ignore[arg-type]


def match(first: Member, second: Member, outcomes: list[int]) -> MatchResult:
    """A match of Connect Four that came to these results for its first agent, no two games alike."""
    records = [
        GameRecord(k, k % 2, (k % 7, k // 7 % 7, k // 49, outcome + 1), 0, outcome, "X wins")
        for k, outcome in enumerate(outcomes)
    ]
    return MatchResult(first.name, second.name, "connect4", tuple(records), 1.0)


def league(folder, *members: Member) -> League:
    found = League(folder, "connect4")
    for member in members:
        found.add(member)
    return found


def test_members_and_games_outlive_the_process(tmp_path):
    before = league(tmp_path, RANDOM, snapshot(1), snapshot(2))
    assert before.record(snapshot(2), RANDOM, match(snapshot(2), RANDOM, [1, 1, 0, -1]), "update 2") == 4
    after = League(tmp_path, "connect4")
    assert after.members == before.members == read_members(tmp_path)
    assert after.ratings() == before.ratings() and after.ratings()["id 2"][0] > 0
    assert after.ratings()["id random"] == (0, 0)


def test_the_same_match_told_twice_counts_once(tmp_path):
    found = league(tmp_path, RANDOM, snapshot(1))
    games = match(snapshot(1), RANDOM, [1, 1])
    assert found.record(snapshot(1), RANDOM, games, "update 1") == 2
    assert found.record(snapshot(1), RANDOM, games, "update 1") == 0
    assert sum(result.games for result in found.results()) == 2


def test_in_the_store_who_moved_first_stands_first():
    one, other = stored_games(snapshot(1), RANDOM, match(snapshot(1), RANDOM, [1, 1]), "k")
    assert (one.first, one.second, one.outcome) == ("update 1", "random", 1)
    assert (other.first, other.second, other.outcome) == ("random", "update 1", -1)


def test_a_snapshot_joins_first_or_when_due_or_when_it_beats_the_pool(tmp_path):
    found = league(tmp_path)
    assert found.why_joins(0.0, due=False, beats=0.55) == "first"
    found.add(snapshot(1))
    assert found.why_joins(0.55, due=False, beats=0.55) == "beat the pool"
    assert found.why_joins(0.54, due=True, beats=0.55) == "due"
    assert found.why_joins(0.54, due=False, beats=0.55) == ""
    assert found.why_joins(None, due=False, beats=0.55) == ""  # it met nobody


def test_exploiters_meet_mains_only_and_nobody_meets_who_did_not_join(tmp_path):
    found = league(tmp_path, RANDOM, snapshot(1), snapshot(2, pooled=False), snapshot(3, role="exploiter"))
    assert [member.name for member in found.opponents("main")] == ["random", "update 1", "update 3"]
    assert [member.name for member in found.opponents("exploiter")] == ["update 1"]
    assert [member.name for member in found.snapshots(pooled=True)] == ["update 1", "update 3"]
    with pytest.raises(TengenError, match="role 'judge' is none of main"):
        found.add(snapshot(9, role="judge"))


def test_the_newest_meets_the_member_that_is_nearest_in_strength(tmp_path):
    found = league(tmp_path, RANDOM, *map(snapshot, (1, 2, 3)))
    for update, wins in ((1, 10), (2, 20), (3, 34)):
        outcomes = [1] * wins + [-1] * (40 - wins)
        found.record(snapshot(update), RANDOM, match(snapshot(update), RANDOM, outcomes), f"update {update}")
    newest = snapshot(4)
    found.record(newest, RANDOM, match(newest, RANDOM, [1] * 21 + [-1] * 19), "update 4")
    assert [member.name for member in found.tests(newest, 1, 40)] == ["update 2"]
    assert "update 2" not in [member.name for member in found.tests(newest, 5, 40, but=["update 2"])]
    assert len(found.tests(newest, 5, 40)) == 3


def test_training_odds_follow_the_games(tmp_path):
    found = league(tmp_path, RANDOM, snapshot(1), snapshot(2))
    learner = snapshot(2)
    found.record(learner, RANDOM, match(learner, RANDOM, [1] * 10), "a")
    members, odds = found.training_odds(learner)
    assert dict(zip([m.name for m in members], odds, strict=True)) == {"random": 0, "update 1": 1}
    found.record(learner, snapshot(1), match(learner, snapshot(1), [1] * 10), "b")
    assert found.training_odds(learner)[1].tolist() == [0.5, 0.5]  # all win rates are 1
    assert np.isfinite(found.training_odds(learner, "variance")[1]).all()


def test_the_odds_of_whom_the_learner_has_not_met_follow_the_ratings(tmp_path):
    found = league(tmp_path, RANDOM, *map(snapshot, (1, 2, 3)))
    for update, wins in ((1, 6), (2, 36), (3, 30)):
        outcomes = [1] * wins + [-1] * (40 - wins)
        found.record(snapshot(update), RANDOM, match(snapshot(update), RANDOM, outcomes), f"update {update}")
    there = {"id 1", "id 2"}
    members, odds = found.training_odds(snapshot(3), "hard", 2.0, there)
    assert [member.name for member in members] == ["update 1", "update 2"] and 0 < odds[0] < 0.1 < odds[1]
    assert found.training_odds(snapshot(4), "hard", 2.0, there)[1].tolist() == [0.5, 0.5]  # it has no rating


def test_win_rates_by_hand():
    results = [Result("a", "b", 3, 2, 1), Result("b", "a", 0, 0, 2), Result("b", "c", 9, 0, 0)]
    assert win_rates(results, "a") == {"b": (3 + 1 + 2) / 8}


def test_a_resumed_run_forgets_the_snapshots_that_it_lost_and_keeps_their_games(tmp_path):
    found = league(tmp_path, RANDOM, snapshot(1), snapshot(2))
    found.record(snapshot(2), RANDOM, match(snapshot(2), RANDOM, [1]), "update 2")
    found.forget_after(1)
    assert [member.name for member in League(tmp_path, "connect4").members] == ["random", "update 1"]
    assert len(found.results()) == 1


@pytest.mark.parametrize("text", ["[{", "{}", '{"members": [{"name": 3}]}', '{"members": 4}', "\xff"])
def test_a_damaged_list_of_members_is_one_sentence(tmp_path, text):
    (tmp_path / "league.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(TengenError, match=r"league\.json: is damaged .*; remove it to start the league anew"):
        League(tmp_path, "connect4")


def test_a_run_rates_itself_as_it_goes(tmp_path, capsys):
    """Four rated networks: each plays random, its last self and one of the pool; the store holds it all."""
    recipe = tmp_path / "tiny.yaml"
    config = small(
        evaluation={
            "every_minutes": 0.00001,
            "games": 2,
            "simulations": 2,
            "join_every": 2,
            "join_score": 1.0,
        },
        stop={"updates": 4},
    )
    recipe.write_text(json.dumps(config.model_dump(mode="json")))
    run = tmp_path / "run"
    assert cli.main(["train", str(recipe), "--run", str(run)]) == 0
    members = {member.name: member for member in read_members(run)}
    assert members["random"].role == "baseline" and members["update 1"].why == "first"
    assert members["update 2"].pooled and members["update 4"].pooled
    with Store.open(run / "league.sqlite") as store:
        games = list(store.games())
    met = [{game.first, game.second} for game in games]
    for update in (2, 3, 4):
        assert met.count({f"update {update}", "random"}) == 2
        assert met.count({f"update {update}", f"update {update - 1}"}) == 2
    assert {"update 3", "update 1"} in met  # of the pool
    assert all(game.actions for game in games) and not (run / "evaluations.json").exists()
    assert cli.main(["ratings", str(run)]) == 0
    assert "update 4" in capsys.readouterr().out


def test_a_judge_keeps_nothing_half_played_and_one_player_of_weights_that_did_not_change(tmp_path):
    config = small(evaluation={"games": 2, "simulations": 2}, stop={"updates": 1})
    recipe, run = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(json.dumps(config.model_dump(mode="json")))
    assert cli.main(["train", str(recipe), "--run", str(run), "evaluation.opponents=[]"]) == 0
    ((_, folder),) = checkpoints(run).items()
    shutil.copytree(folder, folder.with_name("step-00000002"))
    with RunDir.open(run) as directory, contextlib.closing(LeagueJudge(config, directory)) as judge:
        judge.begin(1, lambda: True)
        assert judge.finished(Progress("test"), wait=True) == {}
        assert not (run / "league.sqlite").exists()
        judge.begin(1, lambda: False)
        assert judge.finished(Progress("test"), wait=True)["rating_update"] == 1
        judge.begin(2, lambda: False)
        metrics = judge.finished(Progress("test"), wait=True)
        assert "score/random" in metrics and "score/previous" not in metrics
        assert [member.name for member in judge.league.snapshots()] == ["update 2"]


def test_an_engine_that_dies_loses_its_games_and_does_not_end_the_run(tmp_path):
    engine = f"gtp:{sys.executable} {Path(__file__).parent / 'bad_engine.py'} m crashes"
    config = small(game="go5", evaluation={"games": 2, "simulations": 2}, stop={"updates": 1})
    recipe, run = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(json.dumps(config.model_dump(mode="json")))
    opponents = json.dumps(["random", engine])
    assert cli.main(["train", str(recipe), "--run", str(run), f"evaluation.opponents={opponents}"]) == 0
    with Store.open(run / "league.sqlite") as store:
        met = [game for game in store.games() if engine in (game.first, game.second)]
    assert len(met) >= 2 and all((game.outcome == 1) == (game.second == engine) for game in met)


def test_after_a_change_of_the_search_old_weights_are_another_player(tmp_path):
    config = small(evaluation={"games": 2, "simulations": 2}, stop={"updates": 3})
    recipe, run = tmp_path / "tiny.yaml", tmp_path / "run"
    recipe.write_text(json.dumps(config.model_dump(mode="json")))
    assert cli.main(["train", str(recipe), "--run", str(run)]) == 0
    more = ["evaluation.simulations=3", "stop.updates=4"]
    assert cli.main(["train", "--resume", str(run), *more]) == 0
    with Store.open(run / "league.sqlite") as store:
        names = sorted(store.names().values())
    assert [name.partition(" #")[0] for name in names] == ["random", "update 3", "update 3", "update 4"]
    assert len({member.id for member in read_members(run)}) == 4
