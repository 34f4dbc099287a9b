"""Where tournament games begin: fair starts, so that players without chance do not repeat one game.

Go: random plies, or a book that our own search makes and balances. Connect Four: all starts of two plies.
Checkers: three-move ballots, see `ballots.py`. Chess: well-known openings, or books, see `chess_openings.py`.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from tengen.agents.base import Agent
from tengen.envs.game import Game, States
from tengen.errors import TengenError
from tengen.league.chess_deck import deck
from tengen.league.match import default_random_plies, extended_openings
from tengen.league.tournament_config import OpeningsConfig
from tengen.league.wave import replay

STARTS = {"connect4": 2}  # family -> plies of all starts
MOST_STARTS = 100_000
BATCH = 64  # positions that the book's searcher looks at side by side


def make_openings(
    config: OpeningsConfig,
    game: Game,
    pairs: int,
    seed: int,
    searcher: Callable[[], Agent] | None = None,
) -> list[list[int]]:
    """Openings for so many pairs of games, as action lists in a random order; fewer where there are no more.

    searcher makes the agent that makes and balances a book. Raises TengenError.
    """
    kind = config.kind
    if kind == "auto":
        kind = {"connect4": "starts", "checkers": "ballots"}.get(game.family, "random")  # type: ignore[assignment]
        if game.name == "chess" and pairs <= len(deck()):
            kind = "ballots"
    if kind == "none":
        return [[]]
    if kind == "random":
        plies = config.plies or default_random_plies(game)
        return list(itertools.islice(extended_openings(game, [()], plies, seed), pairs))
    if kind == "starts":
        found = all_starts(game, config.plies or STARTS.get(game.family, 1))
    elif kind == "ballots":
        found = _ballots(game)
    elif kind == "file":
        from tengen.league.notation import read_openings

        found = read_openings(config.file, game, config.plies, config.count, seed)
    else:
        assert searcher is not None, "a book needs a searcher"
        agent = searcher()
        try:
            return book(game, agent, config.count, config.plies, config.balance, seed)
        finally:
            agent.close()
    order = np.random.default_rng([seed, 4]).permutation(len(found))
    return [found[int(i)] for i in order]


def all_starts(game: Game, plies: int) -> list[list[int]]:
    """Every sequence of so many plies that leaves the game open."""
    starts: list[list[int]] = [[]]
    states = game.new_states(1)
    for _ in range(plies):
        mask = game.new_mask(len(states))
        game.legal_mask(states, mask)
        parents, actions = np.nonzero(mask)
        if len(parents) > MOST_STARTS:
            raise TengenError(
                f"openings.plies: {plies} plies of {game.name} are over {MOST_STARTS:,} starts; fewer will do"
            )
        after = states[parents]
        game.step(after, actions.astype(np.int32))
        kept = np.flatnonzero(~after["terminal"])
        starts = [[*starts[parents[i]], int(actions[i])] for i in kept]
        states = after[kept]
    return starts


def three_move_starts(game: Game) -> list[list[int]]:
    """Every legal start of checkers of three turns; of those that lead to one position, the first."""
    found: dict[str, list[int]] = {}
    for actions in all_starts(game, 3):
        state = game.new_states(1)
        replay(game, state, actions)
        found.setdefault(game.to_text(state), actions)
    return list(found.values())


def even_ones(game: Game, starts: Sequence[list[int]], agent: Agent, most: float) -> list[list[int]]:
    """The starts that a searcher (see `book`) values at no more than `most` for either side."""
    kept = []
    for begin in range(0, len(starts), BATCH // 4):
        part = starts[begin : begin + BATCH // 4]
        states = game.new_states(len(part))
        for i, actions in enumerate(part):
            replay(game, states[i : i + 1], actions)
        agent.start(game, len(part))
        values = agent.think(states, np.arange(len(part), dtype=np.int32)).values  # type: ignore[attr-defined]
        kept += [actions for actions, value in zip(part, values, strict=True) if abs(value) <= most]
    return kept


def _ballots(game: Game) -> list[list[int]]:
    from tengen.envs.position import Position
    from tengen.league.ballots import CHECKERS

    if game.family == "chess":
        from tengen.league.chess_openings import deck_openings

        return deck_openings(game)  # type: ignore[arg-type]
    if game.family != "checkers":
        raise TengenError(
            f"openings.kind: ballots are for checkers and chess, not {game.name}; random would do"
        )
    found = []
    for line in CHECKERS.split(","):
        position = Position(game)
        for turn in line.split():
            position.play(turn)
        if position.actions:
            found.append(list(position.actions))
    return found


def book(game: Game, agent: Agent, count: int, plies: int, balance: float, seed: int) -> list[list[int]]:
    """So many openings that a searcher played against itself, and thinks even; no two alike by symmetry.

    agent: an `MctsAgent`, whose search says how good a position is. In each ply a legal action is drawn from
    the search's own policy, so that openings are moves that a player might make. Kept are those whose value
    is at most `balance` for either side. Raises TengenError where too few are found.
    """
    think = getattr(agent, "think", None)
    if think is None:
        raise TengenError(
            f"openings.agent: '{agent.name}' does not search; name a searcher, such as mcts?sims=400"
        )
    rng = np.random.default_rng([seed, 5])
    plies = plies or 2 * default_random_plies(game)
    found: dict[bytes, list[int]] = {}
    for _ in range(10 + 20 * count // BATCH):
        states, played = _drawn(game, think, agent, plies, rng)
        values = np.asarray(think(states, np.arange(len(states), dtype=np.int32)).values)
        for i in np.flatnonzero((np.abs(values) <= balance) & ~states["terminal"]):
            found.setdefault(canonical(game, states[i : i + 1]), played[i])
        if len(found) >= count:
            return list(found.values())[:count]
    raise TengenError(
        f"openings: only {len(found)} of {count} openings of {plies} plies are worth at most {balance:g} to "
        "either side; set openings.count lower, or openings.balance or openings.plies higher"
    )


def _drawn(
    game: Game, think: Callable[..., object], agent: Agent, plies: int, rng: np.random.Generator
) -> tuple[States, list[list[int]]]:
    """A batch of self-played openings: their states and actions."""
    slots = np.arange(BATCH, dtype=np.int32)
    states = game.new_states(BATCH)
    agent.start(game, BATCH)
    played: list[list[int]] = [[] for _ in slots]
    for _ in range(plies):
        live = slots[~states["terminal"]]
        part = states[live]
        policy = np.asarray(think(part, live).policy, dtype=np.float64)  # type: ignore[attr-defined]
        chosen = [int(rng.choice(game.num_actions, p=row / row.sum())) for row in policy]
        game.step(part, np.array(chosen, np.int32))
        states[live] = part
        for slot, action in zip(live, chosen, strict=True):
            played[slot].append(action)
    return states, played


def canonical(game: Game, state: States) -> bytes:
    """Alike for states [1] that a symmetry of the board turns into one another, as far as a player sees."""
    seen = game.new_observation(1)
    game.observe(state, seen)
    channels, height, width = game.obs_shape
    points = seen.reshape(channels, height * width)
    turned = []
    for symmetry in game.point_symmetries:
        moved = np.empty_like(points)
        moved[:, symmetry] = points
        turned.append(moved.tobytes())
    return min(turned)


def openings_text(game: Game, openings: Sequence[Sequence[int]]) -> str:
    """Openings as a file that `openings.file` reads: one a line, turns apart by spaces."""
    from tengen.league.notation import game_turns

    return "".join(" ".join(game_turns(game, opening)) + "\n" for opening in openings)
