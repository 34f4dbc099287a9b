"""Training against a league: who plays which side, what is learnt from, who joins, where matches run."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tengen import cli
from tengen.console import Progress
from tengen.envs import make_game
from tengen.envs.game import Floats
from tengen.league.judge import LeagueJudge
from tengen.league.judge_matches import MatchesLost
from tengen.league.manager import League, Member, read_members
from tengen.league.training import LeagueOpponents
from tengen.metrics import read_metrics
from tengen.networks.weights import network_weights
from tengen.rundir import RunDir, checkpoints
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.opponents import Opponent, SharedLeaves
from tengen.selfplay.ray_rollouts import RayPlayer
from tengen.selfplay.rollouts import make_rollouts
from tengen.selfplay.worker import SelfPlayWorker
from tests.selfplay_tools import Opinion, network, plies_of, small
from tests.test_ray_rollouts import run as run_program

LEFT, RIGHT = -1, 1


class Leans:
    """A player of Connect Four that wants the column furthest to one side.

    It gives games this value for player 0, whoever is to move.
    """

    def __init__(self, side: int, value: float = 0.0) -> None:
        self.logits = side * 12 * np.arange(7, dtype=np.float32)
        self.value = value
        self.calls = 0

    def __call__(self, observations: Floats) -> tuple[Floats, Floats]:
        self.calls += 1
        rows = len(observations)
        own, other = observations[:, 0].sum((1, 2)), observations[:, 1].sum((1, 2))
        values = np.where(own == other, self.value, -self.value).astype(np.float32)
        return np.tile(self.logits, (rows, 1)), values


def meeting(
    share: float = 1.0, learner: float = 0.0, opponent: float = 0.0, **rollouts: object
) -> SelfPlayWorker:
    """A learner that leans to the left, and a league that sends it one that leans to the right."""
    config = small(
        league={"share": share},
        search={"c_scale": 0.0},  # what a search finds out changes no mind
        rollouts={"opening_plies": 0, **rollouts},
    )
    player = SelfPlayWorker(make_game("connect4"), Leans(LEFT, learner), config, seed=5)
    player.oppose(Leans(RIGHT, opponent))
    return player


def leanings(games: Games) -> Iterator[tuple[Games, slice, list[set[int]]]]:
    """Of every game: where its plies stand, and to which sides each of its two players leant."""
    game = make_game("connect4")
    mask = game.new_mask(1)
    for number in range(len(games)):
        plies, state = plies_of(games, number), game.new_states(1)
        leant: list[set[int]] = [set(), set()]
        for action, player in zip(games.actions[plies], games.to_play[plies], strict=True):
            game.legal_mask(state, mask)
            free = np.flatnonzero(mask[0])
            assert action in (free[0], free[-1])
            if len(free) > 1:
                leant[player].add(LEFT if action == free[0] else RIGHT)
            game.step(state, np.array([action], np.int32))
        yield games, plies, leant


# --- games against an opponent ----------------------------------------------------------------------------


@pytest.mark.parametrize("reuse_tree", [False, True])
def test_one_side_is_the_opponents_and_only_the_learners_moves_are_learnt_from(reuse_tree):
    games, counts = meeting(reuse_tree=reuse_tree).collect(500)
    learner_was = set()
    for _, plies, leant in leanings(games):
        assert sorted(leant, key=min) == [{LEFT}, {RIGHT}]
        learner = leant.index({LEFT})
        learner_was.add(learner)
        assert (games.is_recorded[plies] == (games.to_play[plies] == learner)).all()
    assert learner_was == {0, 1}
    assert games.fault(7, 0) is None and len(games.policy) == games.positions
    assert (games.policy.argmax(1) < 4).all()  # no policy of who leans to the right is a target
    assert counts["recorded"] >= 500 and counts["league_games"] == len(games)


def test_each_side_moves_by_its_own_network_in_the_opening_too():
    games, _ = meeting(opening_plies=6).collect(300)
    for _, _, leant in leanings(games):
        assert sorted(leant, key=min) == [{LEFT}, {RIGHT}]


def test_so_many_slots_are_the_leagues_and_the_others_play_themselves():
    player = meeting(share=0.25)
    games, counts = player.collect(600)
    met = [leant for _, _, leant in leanings(games) if {RIGHT} in leant]
    alone = [leant for _, _, leant in leanings(games) if leant == [{LEFT}, {LEFT}]]
    assert len(met) + len(alone) == len(games) and counts["league_games"] == len(met) > 0
    assert (player._opponent_plays >= 0).tolist() == [True] * 2 + [False] * 6


def test_the_playout_cap_holds_and_an_opponents_full_searches_are_not_recorded():
    games, _ = meeting(playout_cap={"full_fraction": 0.5, "simulations": 2}).collect(500)
    own = 0
    for _, plies, leant in leanings(games):
        is_own = games.to_play[plies] == leant.index({LEFT})
        assert not games.is_recorded[plies][~is_own].any()
        own += is_own.sum()
    assert 0.4 < games.positions / own < 0.6


def test_the_learner_may_give_up_and_an_opponent_never_does():
    resignation = {"threshold": 0.5, "moves": 2, "play_on": 0.0}
    games, _ = meeting(opponent=-0.9, resignation=resignation).collect(200)
    assert games.is_scored.all()
    games, _ = meeting(learner=-0.9, resignation=resignation).collect(200)
    assert games.is_scored.any() and not games.is_scored.all()
    for number in range(len(games)):
        plies = plies_of(games, number)
        is_first = games.is_recorded[plies][0]
        assert games.is_scored[number] == (not is_first)
        if is_first:  # the learner is player 0: it gives up with its second move, and has lost
            assert games.results[number] == -1 and games.lengths[number] == 3


def test_where_one_side_moves_twice_in_a_row_games_stay_legal():
    config = small("checkers", league={"share": 1.0}, rollouts={"opening_plies": 0, "max_plies": 60})
    game = make_game("checkers")
    for reuse_tree in (False, True):
        rollouts = config.rollouts.model_copy(update={"reuse_tree": reuse_tree})
        player = SelfPlayWorker(game, Opinion(game), config.model_copy(update={"rollouts": rollouts}), seed=2)
        player.oppose(Opinion(game, -0.2))
        games, _ = player.collect(300)
        mask, jumps = game.new_mask(1), 0
        for number in range(len(games)):
            plies, state = plies_of(games, number), game.new_states(1)
            to_play = games.to_play[plies]
            assert len(set(to_play[games.is_recorded[plies]])) == 1
            jumps += int((to_play[1:] == to_play[:-1]).sum())
            for action in games.actions[plies].astype(np.int32):
                game.legal_mask(state, mask)
                assert mask[0, action]
                game.step(state, action[None])
        assert jumps > 0


def test_games_against_the_last_opponent_begin_anew_and_those_with_oneself_go_on():
    player = meeting(share=0.5)
    player.collect(40)
    before = player._plies.copy()
    assert before.all()
    player.oppose(Leans(RIGHT))
    assert (player._plies[:4] == 0).all() and (player._plies[4:] == before[4:]).all()
    player.collect(40)
    player.oppose(None)
    games, counts = player.collect(400)
    assert all(leant == [{LEFT}, {LEFT}] for _, _, leant in leanings(games))
    assert counts["league_games"] == 0


def test_the_score_is_the_learners():
    player = meeting()
    games, counts = player.collect(400)
    points = [
        (games.results[number] * (1 if leant[0] == {LEFT} else -1) + 1) / 2
        for number, (_, _, leant) in enumerate(leanings(games))
    ]
    assert counts["league_points"] == sum(points) > 0


def games_of(seed: int = 1, opposed: bool = True, **league: object) -> Games:
    config = small(league=league, rollouts={"playout_cap": {"full_fraction": 0.5, "simulations": 2}})
    game = make_game("connect4")
    player = SelfPlayWorker(game, Opinion(game), config, seed)
    if opposed:
        player.oppose(Opinion(game, 0.1))
    return player.collect(300)[0]


def equal(one: Games, other: Games) -> bool:
    return all(np.array_equal(array, other.arrays()[name]) for name, array in one.arrays().items())


def test_while_there_is_nobody_the_games_are_those_of_plain_self_play():
    plain = games_of(opposed=False)
    assert equal(plain, games_of(opposed=False, share=0.5, every=3))
    assert not equal(plain, games_of(share=0.5))


def test_the_same_seed_meets_the_opponent_in_the_same_games():
    assert equal(games_of(share=0.5), games_of(share=0.5))
    assert not equal(games_of(share=0.5), games_of(share=0.5, seed=2))


def test_each_leaf_is_asked_of_one_network_and_a_network_without_leaves_not_at_all():
    left, right = Leans(LEFT, 0.25), Leans(RIGHT, -0.5)
    leaves = SharedLeaves(left, slots=3)
    leaves.opponent, leaves.is_opponents = right, np.array([True, False, False])
    leaves.leaf_slots = np.array([2, 0, 1, 0], np.int32)
    states, observations = make_game("connect4").new_states(4), make_game("connect4").new_observation(4)
    logits, values = leaves.evaluate(states, observations)
    assert values.tolist() == [0.25, -0.5, 0.25, -0.5] and (logits.argmax(1) == [0, 6, 0, 6]).all()
    leaves.leaf_slots = np.array([2, 1, 1, 2], np.int32)
    assert (leaves.evaluate(states, observations)[1] == 0.25).all()
    leaves.leaf_slots = np.array([0, 0, 0, 0], np.int32)
    assert (leaves.evaluate(states, observations)[1] == -0.5).all()
    assert (left.calls, right.calls) == (2, 2)


# --- players, here and in actors --------------------------------------------------------------------------


def opponent(name: str = "update 1", **section: int) -> Opponent:
    """A member of a league, whose network may be of another size."""
    net = network(small(network=section))
    return Opponent(f"id {name}", name, net.config.model_dump(), network_weights(net))


def test_threads_meet_a_network_of_another_size_and_report_the_score():
    config = small(league={"share": 0.5})
    rollouts = make_rollouts(config)
    with contextlib.closing(rollouts):
        rollouts.publish(network_weights(network(config)), 0)
        for sent in (opponent(channels=12), opponent("update 2"), None):
            rollouts.oppose(sent)
            for _ in range(3):
                rollouts.collect()
            stats = rollouts.stats()
            assert ("league_score" in stats) == ("league_games" in stats) == (sent is not None)
            assert 0 <= stats.get("league_score", 0) <= 1


def test_an_actor_meets_whom_its_calls_bring():
    config = small(league={"share": 1.0})
    player = RayPlayer(config.model_dump(), seed=1)
    weights = network_weights(network(config))
    _, counts = player.collect(150, weights, 1, opponent()).answer
    assert counts["league_games"] > 0 and player._player is not None
    under_way = player._player.worker._plies.copy()
    player.collect(0, weights, 2, opponent())  # the same again: its games go on
    assert (player._player.worker._plies == under_way).all()
    player.collect(0, weights, 2, opponent("update 2"))
    assert (player._player.worker._plies == 0).all()
    games, counts = player.collect(150, weights, 3, None).answer
    assert counts["league_games"] == 0 and len(games)


# --- a run and its league ---------------------------------------------------------------------------------

RATED = {"every_minutes": 0.00001, "games": 2, "simulations": 2}


def recipe(folder: Path, **sections: object) -> tuple[TrainConfig, str]:
    """A configuration of some updates, each of which is rated, and its file."""
    plan = {"evaluation": RATED, "stop": {"updates": 4}, "search": {"simulations": 2, "considered": 2}}
    config = small(**{**plan, **sections})
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(config.model_dump(mode="json")))
    return config, str(path)


def train(folder: Path, name: str, *overrides: str) -> Path:
    _, path = recipe(folder)
    assert cli.main(["train", path, "--run", str(folder / name), *overrides]) == 0
    return folder / name


def test_a_run_meets_its_younger_selves_is_repeatable_and_goes_on(tmp_path):
    league = ["league.share=0.5", "league.every=2", "stop.updates=6", "checkpoint.keep=1"]
    one, other = train(tmp_path, "one", *league), train(tmp_path, "other", *league)
    rows = read_metrics(one)
    assert any("league_score" in row for row in rows[2:]) and "league_score" not in rows[0]
    log = (one / "log.txt").read_text()
    assert "update 2: the opponent from the league is update 1" in log
    assert "update 4: the opponent from the league is update" in log
    found = [load_file(checkpoints(run)[6] / "weights.safetensors") for run in (one, other)]
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])
    assert cli.main(["train", "--resume", str(one), "stop.updates=7"]) == 0
    assert "update 6: the opponent from the league is update" in (one / "log.txt").read_text()


def test_who_cannot_be_loaded_is_passed_over(tmp_path):
    run = train(tmp_path, "main")
    config, _ = recipe(tmp_path, league={"share": 0.5})
    with RunDir.open(run) as directory:
        league = LeagueOpponents(config, directory)
        assert {league.draw(update).name for update in range(12)} == {"update 1", "update 2", "update 3"}
        (checkpoints(run)[1] / "weights.safetensors").write_bytes(b"torn")
        shutil.rmtree(checkpoints(run)[2])
        assert {league.draw(update).name for update in range(12)} == {"update 3"}
        assert "update 1 cannot be an opponent" in (run / "log.txt").read_text()
        shutil.rmtree(checkpoints(run)[3])
        assert league.draw(0) is None


def test_an_exploiter_meets_mains_and_joins_their_league(tmp_path, monkeypatch):
    main = train(tmp_path, "main", "stop.updates=2")
    monkeypatch.chdir(tmp_path)
    exploiter = ["league.share=1", "league.role=exploiter", "league.of=main", "network.channels=12"]
    hunter = train(tmp_path, "hunter", *exploiter, "stop.updates=3", "checkpoint.keep=1", "league.every=1")
    monkeypatch.chdir("/")
    assert not (hunter / "league.json").exists() and not (hunter / "league.sqlite").exists()
    members = {member.name: member for member in read_members(main)}
    mine = [member for member in members.values() if member.role == "exploiter"]
    assert [member.name for member in mine] == ["hunter update 1", "hunter update 2", "hunter update 3"]
    assert [member.agent for member in mine][-1] == "../hunter/checkpoints/step-00000003"
    league = League(main, "connect4")
    assert all((league.checkpoint(member) / "keep").exists() for member in mine)
    played = {frozenset((result.first, result.second)) for result in league.results()}
    assert any({"hunter update 1", f"update {k}"} in played for k in (1, 2))
    log = (hunter / "log.txt").read_text()
    assert "the opponent from the league is update" in log and "league is hunter" not in log

    config, _ = recipe(tmp_path, league={"share": 0.5})
    with RunDir.open(main) as directory:
        drawn = {LeagueOpponents(config, directory).draw(update).name for update in range(20)}
        assert {"update 1", "hunter update 1", "hunter update 3"} <= drawn and "update 2" not in drawn
    assert cli.main(["train", "--resume", str(main), "stop.updates=3", "league.share=0.5"]) == 0
    after = {member.name for member in read_members(main)}
    assert after == {*members, "update 3"}  # a run that is resumed keeps the other's
    league.refresh()
    league.forget_after(1, hunter)
    assert {m.name for m in league.members if m.role == "exploiter"} == {"hunter update 1"}
    assert {m.name for m in league.members if m.role == "main"} == {"update 1", "update 2", "update 3"}


def test_of_many_who_write_at_once_nobody_is_lost(tmp_path):
    def join(writer: int) -> None:
        league = League(tmp_path, "connect4")
        for k in range(12):
            league.add(Member(f"{writer} {k}", f"id {writer} {k}", "main", f"checkpoints/{k}", k))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(join, range(4)))
    assert {member.name for member in read_members(tmp_path)} == {
        f"{w} {k}" for w in range(4) for k in range(12)
    }


EXPLOITER = ["league.share=1", "league.role=exploiter"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["league.share=1.5"], "league.share: 1.5 is out of range; it must be at most 1"),
        (["league.share=-0.1"], "league.share: -0.1 is out of range; it must be at least 0"),
        (["league.every=0"], "league.every: 0 is out of range; it must be at least 1"),
        (EXPLOITER, "league.of: missing; an exploiter needs the run whose mains it trains against"),
        (["league.role=exploiter", "league.of=x"], "league.share: 0 would let an exploiter meet nobody"),
        (["league.of=x"], "league.of: 'x' is for exploiters"),
        (
            [*EXPLOITER, "league.of={0}/no"],
            "/no is not a run (it has no config.yaml); name the folder of a run",
        ),
        ([*EXPLOITER, "league.of={0}/go"], "/go is a run of go5, this one of connect4; name one of the same"),
        ([*EXPLOITER, "league.of={0}/pole"], "/pole is a run of gym/CartPole-v1, this one of connect4"),
        ([*EXPLOITER, "league.of={0}/hunter"], "/hunter trains an exploiter itself; its mains are in runs/a"),
        (["evaluation.where=moon"], "evaluation.where: "),
    ],
)
def test_what_is_wrong_with_a_league_is_one_sentence(tmp_path, capsys, overrides, sentence):
    for name, text in {
        "go": "game: go5",
        "pole": "kind: dqn\ngame: gym/CartPole-v1",
        "hunter": "game: connect4\nleague: {role: exploiter, share: 1, of: runs/a}",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    _, path = recipe(tmp_path)
    overrides = [word.format(tmp_path) for word in overrides]
    assert cli.main(["train", path, "--run", str(tmp_path / "run"), *overrides]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line and not (tmp_path / "run").exists()


# --- the judge's place ------------------------------------------------------------------------------------


def test_an_evaluation_that_was_lost_is_told_and_begun_again_when_due(tmp_path, monkeypatch):
    run = train(tmp_path, "main", "stop.updates=1", "evaluation.opponents=[]")
    config, _ = recipe(tmp_path)
    with RunDir.open(run) as directory, contextlib.closing(LeagueJudge(config, directory)) as judge:

        def lose(*_: object) -> None:
            raise MatchesLost("its actor died: no memory")

        with monkeypatch.context() as patched:
            patched.setattr(judge._matches, "play", lose)
            judge.begin(1, lambda: False)
            assert judge.finished(Progress("test"), wait=True) == {}
        assert "update 1: not rated (its actor died: no memory); the next" in (run / "log.txt").read_text()
        judge.begin(1, lambda: False)
        assert judge.finished(Progress("test"), wait=True)["rating_update"] == 1


@pytest.mark.ray
def test_on_ray_matches_are_played_beside_training_and_a_dead_actor_loses_one_evaluation(tmp_path):
    run = train(tmp_path, "main", "stop.updates=2")
    program = f"""
        import contextlib, json, psutil, ray
        from pathlib import Path
        from tengen import cli
        from tengen.config import load_config
        from tengen.console import Progress
        from tengen.league.judge import LeagueJudge
        from tengen.league.judge_matches import MatchesHere, Pair
        from tengen.rundir import RunDir
        from tengen.selfplay.config import TrainConfig

        run = Path("{run}")
        on_ray = ["evaluation.where=ray", "evaluation.cpus=0.5", "rollouts.workers=1", "stop.updates=6"]
        code = cli.main(["train", "--resume", str(run), *on_ray, "league.share=0.5", "league.every=1"])
        found = {{"code": code, "left": ray.is_initialized()}}

        config = load_config(run / "config.yaml", TrainConfig)
        progress = Progress("test")
        with RunDir.open(run) as directory, contextlib.closing(LeagueJudge(config, directory)) as judge:
            pairs = [Pair("before", judge._snapshot(2), judge._snapshot(1))]
            there = judge._matches.play(pairs, 4, 7, lambda: False)
            found["same"] = there[0].records == MatchesHere(config, run).play(pairs, 4, 7)[0].records
            judge.begin(6, lambda: False)
            ray.kill(judge._matches.actor)
            found["dead"] = judge.finished(progress, wait=True)
            judge.begin(6, lambda: False)
            found["again"] = judge.finished(progress, wait=True)
            judge.begin(6, lambda: True)
            found["stopped"] = judge.finished(progress, wait=True)
            processes = psutil.Process().children(recursive=True)
        gone, alive = psutil.wait_procs(processes, timeout=30)
        found |= {{"processes": len(processes), "alive": [p.name() for p in alive]}}
        print(json.dumps(found))
    """
    found = json.loads(run_program(program)[-1])
    log = (run / "log.txt").read_text()
    assert found["code"] == 0 and not found["left"]
    assert "update 2: the opponent from the league is update 1" in log
    assert "update 6: rating" in log  # the last one is waited for
    assert found["same"]  # game for game as in a thread
    assert found["dead"] == {} and "update 6: not rated (its actor died" in log
    assert found["again"]["rating_update"] == 6
    assert found["processes"] >= 3 and found["alive"] == []
