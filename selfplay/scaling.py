"""What a training run needs at so many machines, and which part is full first. Pure arithmetic.

An *item* is what the learner counts: a recorded position of a board game, a step in a world. The formulae
stand in docs/scaling.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

GIGABIT = 1e9 / 8  # bytes


@dataclass(frozen=True)
class Rates:
    """What one of everything does; measured on a machine, or given."""

    items_per_s: float  # that one actor plays
    items_per_game: float
    bytes_per_item: float  # of an answer on its way to the learner
    items_per_round: float  # that an actor brings at least, however little it is asked for
    items_per_update: int  # between two versions of the weights
    weights_bytes: float
    learn_s: float  # of the learner, for one new item: samples and steps included
    ingest_s: float  # of the learner's process, for one item: read and put into the replay
    answer_s: float  # of the learner's process, for one answer: the call and its bookkeeping
    splits_updates: bool = True  # each actor is asked for its part of an update; else an answer is a round


@dataclass(frozen=True)
class Cluster:
    """What there is to play on."""

    actors_per_node: int
    bandwidth: float = 10 * GIGABIT  # bytes a second into or out of one machine
    object_store: float = 512 * 2**20  # bytes at the learner
    in_flight: int = 2  # calls at each actor


@dataclass(frozen=True)
class Plan:
    """What comes of it. Loads are shares of what there is; above 1 actors wait."""

    nodes: int
    actors: int
    items_per_answer: float
    items_per_s: float  # that are played in the end
    games_per_hour: float
    loads: Mapping[str, float]  # at the rate that actors could play at
    bottleneck: str
    in_bytes_per_s: float  # at the learner
    out_bytes_per_s: float
    broadcast_s: float  # until every machine has new weights
    store_bytes: float  # of answers under way and weights, at most


ACTORS = "actors"  # the bottleneck that one wishes for: more of them play more


def answer_size(rates: Rates, actors: int) -> float:
    """Items of an answer where there are so many actors: the more, the fewer; a round of one at least."""
    share = rates.items_per_update // max(1, actors) if rates.splits_updates else 0
    return max(rates.items_per_round, float(share))


def round_size(games: int, rounds: float, recorded: float = 1.0, threads: int = 1) -> float:
    """Positions that the least answer of a self-play actor brings, on average.

    Each of `threads` plays `games` side by side until a round records something. A move takes so many
    rounds, and that share of moves is recorded. The games are taken to be at all stages of their searches.
    """
    chance = recorded / rounds  # that a game records a position in a round
    return threads * games * chance / (1 - (1 - chance) ** games)


def plan(rates: Rates, cluster: Cluster, nodes: int) -> Plan:
    """The run at so many machines of `actors_per_node` actors, the learner on one of its own."""
    actors = nodes * cluster.actors_per_node
    answer = answer_size(rates, actors)
    wanted = actors * rates.items_per_s
    updates = wanted / rates.items_per_update
    into = wanted * rates.bytes_per_item
    out = updates * rates.weights_bytes * nodes  # Ray brings a version once to every machine
    # an update's parts, rounded down, are an update at most, of whatever number of actors
    of_all = max(actors * rates.items_per_round, rates.items_per_update if rates.splits_updates else 0)
    under_way = cluster.in_flight * of_all * rates.bytes_per_item
    store = under_way + 2 * rates.weights_bytes
    loads = {
        # learning and taking games in happen in one process, one after the other
        "learner": wanted * rates.learn_s,
        "ingest": wanted * rates.ingest_s,
        "calls": wanted / answer * rates.answer_s,
        "network in": into / cluster.bandwidth,
        "network out": out / cluster.bandwidth,
        "object store": store / cluster.object_store,
    }
    process = loads["learner"] + loads["ingest"] + loads["calls"]
    full = {"network in": loads["network in"], "network out": loads["network out"]}
    largest = max(("learner", "ingest", "calls"), key=loads.__getitem__)
    full[largest] = process
    worst = max(full, key=full.__getitem__)
    slowed = max(1.0, full[worst])
    bottleneck = worst if full[worst] > 1 else ACTORS
    if bottleneck == ACTORS and loads["object store"] > 1:
        bottleneck = "object store"
    played = wanted / slowed
    return Plan(
        nodes=nodes,
        actors=actors,
        items_per_answer=answer,
        items_per_s=played,
        games_per_hour=3600 * played / rates.items_per_game,
        loads=loads,
        bottleneck=bottleneck,
        in_bytes_per_s=into / slowed,
        out_bytes_per_s=out / slowed,
        broadcast_s=math.ceil(math.log2(nodes + 1)) * rates.weights_bytes / cluster.bandwidth,
        store_bytes=store,
    )


def nodes_until_full(rates: Rates, cluster: Cluster, most: int = 1_000_000) -> int:
    """The most machines at which actors never wait."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if plan(rates, cluster, middle).bottleneck == ACTORS else (low, middle - 1)
    return low
