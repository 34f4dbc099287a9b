"""Games that are nothing but a given tree, so that a search over them can be worked out on paper."""

from dataclasses import dataclass, field

import numpy as np

from tengen.envs.game import COMMON_FIELDS, Game


@dataclass
class Place:
    """A position of a toy game: who moves, where actions lead (None: illegal), what a network says."""

    to_play: int = 0
    leads_to: list["Place | None"] = field(default_factory=list)
    result: float | None = None  # player 0's, where the game is over
    logits: list[float] = field(default_factory=list)
    value: float = 0.0  # for the side to move


class ToyGame(Game):
    """Walks through the places below `start`."""

    family = "toy"
    name = "toy"
    state_dtype = np.dtype([*COMMON_FIELDS, ("place", "i8")], align=True)
    planes = ("place",)
    obs_shape = (1, 1, 1)
    max_plies = 100

    def __init__(self, start: Place, actions: int) -> None:
        self.num_actions = actions
        self.places = [start]
        for place in self.places:
            self.places += [after for after in place.leads_to if after is not None]
        self.number = {id(place): i for i, place in enumerate(self.places)}

    def reset(self, states):
        states[:] = np.zeros((), self.state_dtype)
        states["to_play"] = self.places[0].to_play

    def legal_mask(self, states, out):
        out[:] = False
        for i, number in enumerate(states["place"]):
            leads_to = self.places[number].leads_to
            out[i, : len(leads_to)] = [after is not None for after in leads_to]

    def step(self, states, actions):
        for i, action in enumerate(actions):
            after = self.places[states["place"][i]].leads_to[action]
            assert after is not None, "an illegal action"
            states["place"][i] = states["hash"][i] = self.number[id(after)]
            states["ply"][i] += 1
            states["to_play"][i] = after.to_play
            states["terminal"][i] = after.result is not None

    def observe(self, states, out):
        out[:, 0, 0, 0] = states["place"]

    def returns(self, states, out):
        out[:, 0] = [self.places[number].result or 0.0 for number in states["place"]]
        out[:, 1] = -out[:, 0]

    def format_action(self, state, action):
        return str(action)

    def parse_action(self, state, text):
        return int(text)

    def to_text(self, state):
        return str(state["place"][0])

    def from_text(self, text):
        raise NotImplementedError

    board = to_text

    def from_board(self, text, to_play=0):
        raise NotImplementedError


class ToyLeaves:
    """Says of each place what is written there."""

    observes = True

    def __init__(self, game: ToyGame) -> None:
        self.game = game
        self.asked: list[int] = []

    def evaluate(self, states, observations):
        numbers = observations[:, 0, 0, 0].astype(int)
        assert not states["terminal"].any(), "a finished game needs no opinion"
        self.asked += list(numbers)
        logits = np.full(
            (len(states), self.game.num_actions), 99.0, np.float32
        )  # on illegal actions: nonsense
        for i, number in enumerate(numbers):
            logits[i, : len(self.game.places[number].logits)] = self.game.places[number].logits
        return logits, np.array([self.game.places[n].value for n in numbers], np.float32)


def random_place(rng: np.random.Generator, actions: int, depth: int) -> Place:
    """A random tree. Either side may move at any place, several times running, too."""
    place = Place(to_play=int(rng.integers(2)))
    if depth == 0 or (depth < 4 and rng.random() < 0.1):
        place.result = float(rng.integers(-1, 2))
        return place
    legal = rng.random(actions) < 0.8
    legal[rng.integers(actions)] = True
    place.leads_to = [random_place(rng, actions, depth - 1) if is_legal else None for is_legal in legal]
    place.logits = [float(x) for x in rng.normal(size=actions)]
    place.value = float(rng.uniform(-1, 1))
    return place
