"""Tree search, one walk at a time over plain objects, written from the papers: slow and obvious."""

import math

import numpy as np

from tests.toy_game import Place


class Node:
    """A place of the tree; Q and visits of its actions are those of the nodes below."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.children: dict[int, Node] = {}
        self.visits = 0
        self.total = 0.0  # sum of results and evaluations, player 0's
        legal = [a for a, after in enumerate(place.leads_to) if after is not None]
        weights = {a: math.exp(place.logits[a]) for a in legal}
        self.prior = {a: w / sum(weights.values()) for a, w in weights.items()}

    def n(self, action: int) -> int:
        return self.children[action].visits if action in self.children else 0

    def q(self, action: int) -> float:
        """The mean value of an action for the side that moves here."""
        child = self.children[action]
        return child.total / child.visits * (1 if self.place.to_play == 0 else -1)

    @property
    def walks(self) -> int:
        return sum(child.visits for child in self.children.values())

    def mixed_value(self) -> float:
        """Danihelka et al. 2022, equation 33."""
        tried = list(self.children)
        if not tried:
            return self.place.value
        mean = sum(self.prior[a] * self.q(a) for a in tried) / sum(self.prior[a] for a in tried)
        return (self.place.value + self.walks * mean) / (1 + self.walks)

    def completed_q(self) -> dict[int, float]:
        mixed = self.mixed_value()
        return {a: self.q(a) if a in self.children else mixed for a in self.prior}

    def sigma(self, q: float, c_visit: float, c_scale: float) -> float:
        return (c_visit + max((self.n(a) for a in self.prior), default=0)) * c_scale * q

    def improved_policy(self, c_visit: float, c_scale: float) -> dict[int, float]:
        """softmax(logits + sigma(completed Q)): equation 11."""
        q = self.completed_q()
        exponents = {a: math.log(p) + self.sigma(q[a], c_visit, c_scale) for a, p in self.prior.items()}
        top = max(exponents.values())
        weights = {a: math.exp(x - top) for a, x in exponents.items()}
        return {a: w / sum(weights.values()) for a, w in weights.items()}


def puct_action(node: Node, is_root: bool, c_init: float, c_base: float, fpu_reduction: float) -> int:
    here = 1 + node.walks
    c = math.log((1 + here + c_base) / c_base) + c_init
    seen = sum(node.prior[a] for a in node.children)
    first_play = node.place.value - (0 if is_root else fpu_reduction * math.sqrt(seen))

    def score(a: int) -> float:
        q = node.q(a) if a in node.children else first_play
        return q + c * node.prior[a] * math.sqrt(here) / (1 + node.n(a))

    return max(node.prior, key=score)


def gumbel_inside(node: Node, c_visit: float, c_scale: float) -> int:
    policy = node.improved_policy(c_visit, c_scale)
    return max(policy, key=lambda a: policy[a] - node.n(a) / (1 + node.walks))


def halving(considered: int, budget: int) -> list[int]:
    """Visits that the action of each simulation must have: sequential halving, phase after phase."""
    wanted: list[int] = []
    visits, left = 0, considered
    while len(wanted) < budget:
        sweeps = max(1, int(budget / (math.log2(considered).__ceil__() * left))) if considered > 1 else 1
        for _ in range(sweeps):
            wanted += [visits] * left
            visits += 1
        left = max(2, left // 2) if considered > 1 else 1
    return wanted[:budget]


def gumbel_root(
    root: Node, noise: np.ndarray, wanted: int, considered: int, c_visit: float, c_scale: float
) -> int:
    base = {a: noise[a] + math.log(p) for a, p in root.prior.items()}
    kept = sorted(base, key=lambda a: -base[a])[:considered]
    q = root.completed_q()
    return max(
        (a for a in kept if root.n(a) == wanted), key=lambda a: base[a] + root.sigma(q[a], c_visit, c_scale)
    )


def simulate(root: Node, choose) -> None:
    """One walk: choose(node, is_root) until a place is new or final, then its value goes to all above."""
    path = [root]
    while True:
        node = path[-1]
        action = choose(node, node is root)
        is_new = action not in node.children
        if is_new:
            after = node.place.leads_to[action]
            assert after is not None
            node.children[action] = Node(after)
        path.append(node.children[action])
        place = path[-1].place
        if place.result is not None or is_new:
            break
    value = place.result if place.result is not None else place.value * (1 if place.to_play == 0 else -1)
    for node in path:
        node.visits += 1
        node.total += value
