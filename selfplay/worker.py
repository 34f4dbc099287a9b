"""The plain class that plays games with itself; threads and Ray actors wrap it."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tengen.agents.mcts.evaluators import NetworkLeaves, ObservationEvaluator
from tengen.agents.mcts.search import Search
from tengen.envs.checkers.tablebase import Tablebase, tablebase_for
from tengen.envs.game import Game, States
from tengen.selfplay.config import TrainConfig
from tengen.selfplay.games import Games
from tengen.selfplay.opponents import SharedLeaves

NOT_KNOWN = -128  # in place of an outcome
LONGEST = 2048  # plies a slot has room for where neither rules nor configuration say less


class SelfPlayWorker:
    """Many games side by side; a slot whose search is done plays its move while the others go on."""

    def __init__(self, game: Game, evaluator: ObservationEvaluator, config: TrainConfig, seed: int) -> None:
        self.game = game
        self.config = config
        self.version = 0
        slots = config.rollouts.games
        self.rng = np.random.default_rng(seed)
        share = config.league.share
        self._league_slots = max(1, round(share * slots)) if share else 0  # the first so many
        self._leaves = SharedLeaves(evaluator, slots)
        self.search = Search(
            game,
            self._leaves if share else NetworkLeaves(evaluator),
            config.search,
            slots=slots,
            rng=self.rng,
            noisy=True,
            reuse=config.rollouts.reuse_tree,
        )
        self._leaves.leaf_slots = self.search.leaf_slots
        self.max_plies = min(config.rollouts.max_plies or LONGEST, game.max_plies, LONGEST)
        self.slots = np.arange(slots, dtype=np.int32)
        self.states = game.new_states(slots)
        self._words = self.states.view(np.uint64).reshape(slots, -1)  # the same memory, quicker to copy
        self._plies = np.zeros(slots, np.int32)
        self._tablebase: Tablebase | None = None
        if config.rollouts.tablebase:
            self._tablebase = tablebase_for(game, config.rollouts.tablebase, "rollouts.tablebase")
        self._truth = np.full(slots, NOT_KNOWN, np.int8)  # player 0's outcome by the endgame database
        self._openings = np.zeros(slots, np.int32)  # plies still to be sampled from the bare policy
        self._is_full = np.zeros(slots, np.bool_)  # whether the present search is recorded
        self._hopeless = np.zeros((slots, 2), np.int32)  # own full searches in a row below the threshold
        self._gave_up = np.full(slots, -1, np.int8)  # the player who first would have resigned
        self._opponent_plays = np.full(slots, -1, np.int8)  # the player that is an opponent's; -1: nobody
        self._counts: dict[str, float] = {
            "hopeless": 0,
            "false_resignations": 0,
        }  # in games played on, since reported
        if share:
            self._counts |= {"league_games": 0, "league_points": 0.0}
        self._reported = 0  # of the search's evaluations
        self.stop_requested = False
        self._plays_on = np.zeros(slots, np.bool_)
        self._versions = np.zeros(slots, np.int32)
        self._actions = np.zeros((slots, self.max_plies), np.int16)
        self._to_play = np.zeros((slots, self.max_plies), np.int8)
        self._recorded = np.zeros((slots, self.max_plies), np.bool_)
        self._policy = np.zeros((slots, self.max_plies, game.num_actions), np.float16)
        self._values = np.zeros((slots, self.max_plies), np.float16)
        self._begin(self.slots)

    def collect(self, positions: int) -> tuple[Games, dict[str, float]]:
        """Play until `positions` more are recorded; returns the games that finished meanwhile, and counts.

        Games in progress stay in their slots and go on in the next call.
        """
        started = time.perf_counter()
        finished: list[Games] = []
        recorded = 0
        while recorded < positions and not self.stop_requested:
            self.search.round(self.slots)
            recorded += self._move_on(finished)
        games, counts = self.report(finished)
        return games, {**counts, "recorded": recorded, "seconds": time.perf_counter() - started}

    def ask(self) -> None:
        """The first half of a round: leaves go to the evaluator, which may take its time."""
        self.search.ask(self.slots)

    def take(self, finished: list[Games]) -> int:
        """The second half: take what it answers, and play. Returns how many positions were recorded."""
        self.search.take()
        return self._move_on(finished)

    def report(self, finished: list[Games]) -> tuple[Games, dict[str, float]]:
        """Finished games as one, and counts since the last report."""
        games = Games.concatenate([Games.none(self.game.num_actions, self._points()), *finished])
        counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
        evaluations, self._reported = self.search.evaluations - self._reported, self.search.evaluations
        return games, {**counts, "evaluations": evaluations}

    def _move_on(self, finished: list[Games]) -> int:
        done = self.slots[self.search.finished(self.slots)]
        return self._move(done, finished) if len(done) else 0

    def take_version(self, version: int) -> None:
        """The evaluator has new weights: games that begin from now on, or have not moved yet, are theirs."""
        self.version = version
        self._versions[self._plies == 0] = version

    def oppose(self, opponent: ObservationEvaluator | None) -> None:
        """Play the league's share of the slots against this network from now on; None: against nobody.

        Games against another begin anew at once; those that the learner plays with itself end first.
        """
        self._leaves.opponent = opponent
        has_not_begun = (self._plies == 0) & (self.slots < self._league_slots)
        anew = self.slots[has_not_begun | (self._opponent_plays >= 0)]
        if len(anew):
            self._begin(anew)

    def _points(self) -> int:
        return self.game.obs_shape[1] * self.game.obs_shape[2] if self.game.has_ownership else 0

    def _begin(self, slots: NDArray[np.int32]) -> None:
        """Start new games in the slots."""
        rollouts = self.config.rollouts
        fresh = self.game.new_states(len(slots))
        self.states[slots] = fresh
        self._plies[slots] = 0
        self._openings[slots] = self.rng.integers(rollouts.opening_plies + 1, size=len(slots))
        self._hopeless[slots] = 0
        self._gave_up[slots] = -1
        self._plays_on[slots] = self.rng.random(len(slots)) < rollouts.resignation.play_on
        self._versions[slots] = self.version
        self._opponent_plays[slots] = -1
        if self._leaves.opponent is not None:
            met = slots[slots < self._league_slots]
            self._opponent_plays[met] = self.rng.integers(2, size=len(met))
        self._leaves.is_opponents[slots] = self._opponents_turn(slots)
        self.search.set_roots(slots, self._roots(slots), self._budgets(slots))

    def _opponents_turn(self, slots: NDArray[np.int32]) -> NDArray[np.bool_]:
        return np.asarray(self._opponent_plays[slots] == self.states["to_play"][slots])

    def _roots(self, slots: NDArray[np.int32]) -> States:
        return self._words[slots].view(self.game.state_dtype)[:, 0]

    def _budgets(self, slots: NDArray[np.int32]) -> NDArray[np.int32]:
        """Simulations of the next move: none in the opening, few or all under the playout cap."""
        cap = self.config.rollouts.playout_cap
        opening = self._openings[slots] > 0
        full = ~opening
        if cap.full_fraction < 1:
            full &= self.rng.random(len(slots)) < cap.full_fraction
        self._is_full[slots] = full
        return np.where(opening, 0, np.where(full, self.config.search.simulations, cap.simulations)).astype(
            np.int32
        )

    def _move(self, done: NDArray[np.int32], finished: list[Games]) -> int:
        """Play one action in each of the slots; returns how many positions were recorded."""
        found = self.search.result(done)
        actions = self._chosen(done, found.actions, found.policy)
        plies = self._plies[done]
        self._actions[done, plies] = actions
        self._to_play[done, plies] = self.states["to_play"][done]
        is_recorded = self._is_full[done] & ~self._opponents_turn(done)
        self._recorded[done, plies] = is_recorded
        self._policy[done, plies] = found.policy
        self._values[done, plies] = found.values
        resigned = self._resigns(done, found.values)
        after = self._words[done].view(self.game.state_dtype)[:, 0]
        self.game.step(after, actions)
        self._words[done] = after.view(np.uint64).reshape(len(done), -1)
        self._plies[done] += 1
        self._openings[done] = np.maximum(0, self._openings[done] - 1)
        known = after["terminal"] | self._look_up(done, after)
        resigned &= ~known  # a last move may prove the pessimist wrong
        over = known | resigned | (self._plies[done] >= self.max_plies)
        if over.any():
            finished.append(self._harvest(done[over], resigned[over]))
            self._begin(done[over])
        self._go_on(done[~over], actions[~over])
        return int(is_recorded.sum())

    def _go_on(self, slots: NDArray[np.int32], actions: NDArray[np.int32]) -> None:
        if self._league_slots:
            slots, actions = self._hand_over(slots, actions)
        if not len(slots):
            return
        if not self.config.rollouts.reuse_tree:
            self.search.move_on(slots, actions, self._roots(slots), self._budgets(slots))
            return
        budgets = self._budgets(slots)
        for i, slot in enumerate(slots):
            child = self.search.child(int(slot), int(actions[i]))
            if child > 0:
                self.search.keep(int(slot), child, int(budgets[i]))
            else:
                one = slots[i : i + 1]
                self.search.set_roots(one, self.states[one], budgets[i : i + 1])

    def _hand_over(
        self, slots: NDArray[np.int32], actions: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Start from nothing where the other network is to move, which inherits no evaluation; the others."""
        theirs = self._opponents_turn(slots)
        passed = theirs != self._leaves.is_opponents[slots]
        over = slots[passed]
        if len(over):
            self._leaves.is_opponents[over] = theirs[passed]
            self.search.set_roots(over, self._roots(over), self._budgets(over))
        return slots[~passed], actions[~passed]

    def _chosen(
        self, done: NDArray[np.int32], actions: NDArray[np.int32], policy: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """The search's action; sampled from the bare policy in the opening, by temperature shortly after."""
        rollouts = self.config.rollouts
        opening = self._openings[done] > 0
        warm = ~opening & (self._plies[done] < rollouts.temperature_plies) & (rollouts.temperature > 0)
        rows = np.flatnonzero(opening | warm)
        if not len(rows):
            return actions
        prior = self.search.root_prior(done[rows])
        weights = np.where(opening[rows, None], prior, policy[rows])
        with np.errstate(divide="ignore"):
            logits = np.log(weights)
        logits[warm[rows]] /= max(rollouts.temperature, 1e-6)
        logits[opening[rows]] /= rollouts.opening_temperature
        chosen = actions.copy()
        chosen[rows] = (logits + self.rng.gumbel(size=logits.shape)).argmax(1)  # a sample of the softmax
        return chosen

    def _resigns(self, done: NDArray[np.int32], values: NDArray[np.float32]) -> NDArray[np.bool_]:
        resignation = self.config.rollouts.resignation
        if resignation.threshold >= 1:
            return np.zeros(len(done), np.bool_)
        side = self.states["to_play"][done]
        low = values < -resignation.threshold
        # A search of the playout cap neither counts nor interrupts. An opponent plays to the end: no game is
        # won because a network of the league thinks so.
        full = self._is_full[done] & ~self._opponents_turn(done)
        streak = self._hopeless[done, side]
        streak = np.where(full, np.where(low, streak + 1, 0), streak)
        self._hopeless[done, side] = streak
        gives_up = full & (streak >= resignation.moves)
        first = gives_up & (self._gave_up[done] < 0)
        self._gave_up[done[first]] = side[first]
        return np.asarray(gives_up & ~self._plays_on[done])

    def _look_up(self, done: NDArray[np.int32], after: States) -> NDArray[np.bool_]:
        """Which of the slots' new states [B] the endgame database decides; their outcomes are kept."""
        if self._tablebase is None:
            return np.zeros(len(done), np.bool_)
        decided, outcomes = self._tablebase.results(after)
        self._truth[done] = np.where(decided, outcomes, NOT_KNOWN)
        return decided

    def _harvest(self, slots: NDArray[np.int32], resigned: NDArray[np.bool_]) -> Games:
        """The games in the slots, which are over."""
        states = self.states[slots]
        count, points = len(slots), self._points()
        lengths = self._plies[slots]
        returns = np.zeros((count, 2), np.float32)
        self.game.returns(states, returns)
        last = self._to_play[slots, lengths - 1]
        truth = self._truth[slots]
        known = states["terminal"] | (truth != NOT_KNOWN)
        results = np.where(truth != NOT_KNOWN, truth, returns[:, 0])
        results = np.where(resigned, np.where(last == 0, -1.0, 1.0), results).astype(np.float32)
        is_scored = states["terminal"] & ~resigned
        ownership = np.zeros((count, points), np.int8)
        scores = np.zeros(count, np.float32)
        if points:
            self.game.ownership(states, ownership)
            self.game.score(states, scores)
        self._judge_resignations(slots[known], results[known])
        if self._league_slots:
            self._score(slots, results)
        kept = np.arange(self.max_plies) < lengths[:, None]  # [G, max_plies]
        return Games(
            lengths=lengths.astype(np.int32),
            results=results,
            scores=scores,
            ownership=ownership,
            is_scored=is_scored,
            versions=self._versions[slots],
            actions=self._actions[slots][kept],
            to_play=self._to_play[slots][kept],
            is_recorded=self._recorded[slots][kept],
            policy=np.concatenate(
                [self._policy[s, :n][self._recorded[s, :n]] for s, n in zip(slots, lengths, strict=True)]
            ),
            values=self._values[slots][kept],
        )

    def _judge_resignations(self, slots: NDArray[np.int32], results: NDArray[np.float32]) -> None:
        """Count games played to their end after one side would have resigned, and those it did not lose."""
        side = self._gave_up[slots]
        own = np.where(side == 0, results, -results)[side >= 0]
        self._counts["hopeless"] += len(own)
        self._counts["false_resignations"] += int((own >= 0).sum())

    def _score(self, slots: NDArray[np.int32], results: NDArray[np.float32]) -> None:
        """Count games against an opponent, and the learner's points in them: 1 for a win, 1/2 for a draw."""
        side = self._opponent_plays[slots]
        own = np.where(side == 1, results, -results)[side >= 0]
        self._counts["league_games"] += len(own)
        self._counts["league_points"] += float((own + 1).sum() / 2)

    def state(self) -> dict[str, Any]:
        """The random stream, as JSON keeps it."""
        return {"rng": self.rng.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved random stream; games in progress start anew."""
        self.rng.bit_generator.state = state.get("halves", [state])[0]["rng"]
        self._begin(self.slots)
