"""The data of a batch of search trees: one row a game, nothing that knows any game."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_CHILD = -1
NO_ACTION = -1
GUMBEL, PUCT, UCT = 0, 1, 2
#: Of games with more actions than this, of which few are legal, the likeliest ones are kept at hand.
WIDE = 512
QUEUE = 8  # so many of them


class TreeArrays(NamedTuple):
    """B trees of at most N nodes and A actions; node 0 is the root, a child's number is above its parent's.

    What is known of an action stands at the node that it leads to: its visits, values and prior. A selection
    thus reads the few actions that were tried, not all A. `value_sum` is from the side of the player who
    moves at the parent, so that selection never asks whose turn it is; `node_value` is player 0's.
    """

    prior: NDArray[
        np.float32
    ]  # [B, N, A] sums to 1 over legal actions, else 0; negated once there is a child
    untried: NDArray[np.int32]  # [B, N] the action without a child that is next in turn, or NO_ACTION
    # [B, N, Q] for wide games, else Q = 0: the likeliest actions when they were last looked for, or NO_ACTION
    queue: NDArray[np.int32]
    queue_at: NDArray[np.int8]  # [B, N] where in it the look for the next untried one goes on
    first_child: NDArray[np.int32]  # [B, N] the newest child or NO_CHILD
    next_sibling: NDArray[np.int32]  # [B, N] the next older child of the same parent or NO_CHILD
    parent: NDArray[np.int32]  # [B, N] -1 at the root
    action: NDArray[np.int32]  # [B, N] from the parent to here
    action_prior: NDArray[np.float32]  # [B, N] the parent's prior of that action
    visits: NDArray[np.int32]  # [B, N] walks to or through the node, counted before their value is known
    value_sum: NDArray[np.float32]  # [B, N] of those walks
    node_value: NDArray[np.float32]  # [B, N] evaluator's or final value
    to_play: NDArray[np.int8]  # [B, N]
    expanded: NDArray[np.bool_]  # [B, N] evaluated: prior and value are there
    terminal: NDArray[np.bool_]  # [B, N]
    nodes: NDArray[np.int32]  # [B] nodes in use
    simulations: NDArray[np.int32]  # [B] since the root was set
    budget: NDArray[np.int32]  # [B] simulations wanted
    noise: NDArray[np.float32]  # [B, A] Gumbel or Dirichlet noise of this search
    # Gumbel rule: the K actions considered at the root, the most promising first
    considered: NDArray[np.int32]  # [B] how many
    candidate: NDArray[np.int32]  # [B, K] action
    candidate_child: NDArray[np.int32]  # [B, K] or NO_CHILD
    candidate_logit: NDArray[np.float32]  # [B, K] noise + log prior
    candidate_base: NDArray[np.int32]  # [B, K] visits kept from an earlier search
    schedule: NDArray[np.int32]  # [B, M] visits that the candidate of simulation i must have


def allocate(batch: int, nodes: int, actions: int, considered: int, longest: int) -> TreeArrays:
    """Empty trees: B = batch, N = nodes, A = actions, K = considered, M = the longest budget."""
    per_node = (batch, nodes)
    per_candidate = (batch, min(considered, actions))
    shape: dict[str, tuple[tuple[int, ...], Any]] = {
        "prior": ((batch, nodes, actions), np.float32),
        "untried": (per_node, np.int32),
        "queue": ((batch, nodes, QUEUE if actions > WIDE else 0), np.int32),
        "queue_at": (per_node, np.int8),
        "first_child": (per_node, np.int32),
        "next_sibling": (per_node, np.int32),
        "parent": (per_node, np.int32),
        "action": (per_node, np.int32),
        "action_prior": (per_node, np.float32),
        "visits": (per_node, np.int32),
        "value_sum": (per_node, np.float32),
        "node_value": (per_node, np.float32),
        "to_play": (per_node, np.int8),
        "expanded": (per_node, np.bool_),
        "terminal": (per_node, np.bool_),
        "nodes": ((batch,), np.int32),
        "simulations": ((batch,), np.int32),
        "budget": ((batch,), np.int32),
        "noise": ((batch, actions), np.float32),
        "considered": ((batch,), np.int32),
        "candidate": (per_candidate, np.int32),
        "candidate_child": (per_candidate, np.int32),
        "candidate_logit": (per_candidate, np.float32),
        "candidate_base": (per_candidate, np.int32),
        "schedule": ((batch, max(1, longest)), np.int32),
    }
    return TreeArrays(**{name: np.zeros(dims, dtype) for name, (dims, dtype) in shape.items()})


class Rule(NamedTuple):
    """Constants of the selection rules, as kernels take them."""

    kind: int  # GUMBEL, PUCT or UCT
    considered: int  # Gumbel: actions considered at the root
    c_visit: float  # Gumbel: sigma(q) = (c_visit + max visits) * c_scale * q
    c_scale: float
    c_init: float  # PUCT: exploration constant and its growth
    c_base: float
    c_uct: float  # UCT: exploration constant
    fpu_reduction: float
    noise_fraction: float  # PUCT: weight of Dirichlet noise in the root's prior
    forced_playouts: float  # PUCT: k of sqrt(k * prior * visits); 0 is off
    virtual_loss: float  # taken from the value of an edge while its leaf is being evaluated
