"""The data of a batch of search trees: one row a game, nothing that knows any game."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_CHILD = -1
GUMBEL, PUCT, UCT = 0, 1, 2


class TreeArrays(NamedTuple):
    """B trees of at most N nodes and A actions; node 0 is the root, a child's number is above its parent's.

    Values of an edge are summed from the side of the player to move at the edge's node, so that selection
    never asks whose turn it is; `node_value` is absolute, from player 0's side.
    """

    visits: NDArray[np.int32]  # [B, N, A] counted when a walk passes, before its value is known
    value_sum: NDArray[np.float32]  # [B, N, A]
    prior: NDArray[np.float32]  # [B, N, A] sums to 1 over legal actions, 0 elsewhere
    child: NDArray[np.int32]  # [B, N, A] node number or NO_CHILD
    total: NDArray[np.int32]  # [B, N] sum of visits
    parent: NDArray[np.int32]  # [B, N] -1 at the root
    parent_action: NDArray[np.int32]  # [B, N]
    to_play: NDArray[np.int8]  # [B, N]
    node_value: NDArray[np.float32]  # [B, N] evaluator's or final value
    expanded: NDArray[np.bool_]  # [B, N] evaluated: prior and value are there
    terminal: NDArray[np.bool_]  # [B, N]
    nodes: NDArray[np.int32]  # [B] nodes in use
    simulations: NDArray[np.int32]  # [B] since the root was set
    budget: NDArray[np.int32]  # [B] simulations wanted
    noise: NDArray[np.float32]  # [B, A] Gumbel or Dirichlet noise of this search
    root_logit: NDArray[np.float32]  # [B, A] Gumbel rule: noise + log prior at the root
    root_base: NDArray[np.int32]  # [B, A] root visits kept from an earlier search
    schedule: NDArray[np.int32]  # [B, M] Gumbel rule: visits that the action of simulation i must have


def allocate(batch: int, nodes: int, actions: int, longest: int) -> TreeArrays:
    """Empty trees: B = batch, N = nodes, A = actions, M = the longest budget."""
    shape: dict[str, tuple[tuple[int, ...], Any]] = {
        "visits": ((batch, nodes, actions), np.int32),
        "value_sum": ((batch, nodes, actions), np.float32),
        "prior": ((batch, nodes, actions), np.float32),
        "child": ((batch, nodes, actions), np.int32),
        "total": ((batch, nodes), np.int32),
        "parent": ((batch, nodes), np.int32),
        "parent_action": ((batch, nodes), np.int32),
        "to_play": ((batch, nodes), np.int8),
        "node_value": ((batch, nodes), np.float32),
        "expanded": ((batch, nodes), np.bool_),
        "terminal": ((batch, nodes), np.bool_),
        "nodes": ((batch,), np.int32),
        "simulations": ((batch,), np.int32),
        "budget": ((batch,), np.int32),
        "noise": ((batch, actions), np.float32),
        "root_logit": ((batch, actions), np.float32),
        "root_base": ((batch, actions), np.int32),
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
