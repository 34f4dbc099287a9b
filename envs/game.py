"""The Game protocol: rules as batched kernels over structured arrays.

A batch of states is one NumPy structured array, one record a game. A record carries everything the rules
need, history for repetitions included, so a state is copied by `dst[i] = src[j]`.

Shapes: B states, A actions, C planes, H rows, W columns, S symmetries. Player 0 moves first.
"""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

States = NDArray[Any]  # structured, [B]
Bools = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float32]

#: Fields that the state of every game starts with.
COMMON_FIELDS: list[tuple[str, str]] = [
    ("to_play", "i1"),  # 0 or 1
    ("terminal", "?"),
    ("ply", "i4"),  # actions applied so far
    ("hash", "u8"),  # of the position as the repetition rule sees it
]


class Game(abc.ABC):
    """A two-player, zero-sum, perfect-information board game.

    Small and picklable: kernels get all they need from the states and from plain attributes. The batched
    methods do not check their input; `tengen.envs.Position` does.
    """

    family: ClassVar[str]  # "go"
    name: str  # canonical and accepted by make_game: "go9", "go:size=11,komi=6.5"
    state_dtype: np.dtype[Any]  # COMMON_FIELDS first; itemsize a multiple of 8
    num_actions: int  # A
    obs_shape: tuple[int, int, int]  # C, H, W
    planes: tuple[str, ...]  # the name of each observation plane, C of them
    max_plies: int  # no game takes more actions than this
    first_player: ClassVar[str] = "Black"
    second_player: ClassVar[str] = "White"

    # Where the policy of a fully convolutional network finds each action: index into the concatenation of
    # `policy_planes` maps of H * W and `policy_extra` global outputs.
    policy_planes: int
    policy_extra: int = 0
    policy_index: NDArray[np.int64]  # [A]

    # Symmetry s moves point p to point_symmetries[s, p] and action a to action_symmetries[s, a]; row 0 is the
    # identity. Points are row * W + column of the observation.
    point_symmetries: NDArray[np.int32]  # [S, H * W]
    action_symmetries: NDArray[np.int32]  # [S, A]

    # Of a record that ends in a history: how many words of 8 bytes count before the first ply, and how many
    # more with each. What lies behind them may be anything, and a search does not copy it. None: all of the
    # record counts. Needs `ply` at byte 4, where align=True puts it.
    live_words: tuple[int, int] | None = None

    has_ownership: ClassVar[bool] = False  # whether `ownership` and `score` are there to learn from

    # --- batched rules, in place -------------------------------------------------------------------------

    @abc.abstractmethod
    def reset(self, states: States) -> None:
        """Set every state [B] to the start of the game."""

    @abc.abstractmethod
    def legal_mask(self, states: States, out: Bools) -> None:
        """Write the legal actions to out [B, A]; all False where the game is over."""

    @abc.abstractmethod
    def step(self, states: States, actions: Ints) -> None:
        """Apply actions [B] to states [B]. Actions must be legal, no state terminal."""

    @abc.abstractmethod
    def observe(self, states: States, out: Floats) -> None:
        """Write what the side to move sees to every element of out [B, C, H, W] (any strides)."""

    @abc.abstractmethod
    def returns(self, states: States, out: Floats) -> None:
        """Write each player's result in {-1, 0, 1} to out [B, 2]; 0, 0 where the game goes on."""

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        """Play random legal moves in place until every state is terminal; games override it with a kernel."""
        generator = np.random.default_rng(int(rng[0]))
        rng[0] = generator.integers(2**63)
        live = np.flatnonzero(~states["terminal"])
        while len(live):
            part = states[live]
            legal = self.new_mask(len(part))
            self.legal_mask(part, legal)
            scores = np.where(legal, generator.random(legal.shape), -1.0)
            self.step(part, scores.argmax(1))
            states[live] = part
            live = live[~part["terminal"]]

    def ownership(self, states: States, out: NDArray[np.int8]) -> None:
        """Write the owner of each point of finished games to out [B, H * W]: 1, -1 or 0 for nobody."""
        raise NotImplementedError(f"{self.name} has no ownership")

    def score(self, states: States, out: Floats) -> None:
        """Write player 0's points minus player 1's (komi included) to out [B]."""
        raise NotImplementedError(f"{self.name} has no score")

    def seeing(self, planes: tuple[str, ...]) -> "Game":
        """The same game, with the same states, as a network of other planes sees it; or this one."""
        return self

    # --- allocation --------------------------------------------------------------------------------------

    def new_states(self, batch: int) -> States:
        """Fresh states [B] at the start of the game."""
        states = np.zeros(batch, self.state_dtype)
        self.reset(states)
        return states

    def new_mask(self, batch: int) -> Bools:
        """An uninitialised mask [B, A]."""
        return np.empty((batch, self.num_actions), np.bool_)

    def new_observation(self, batch: int) -> Floats:
        """A zeroed observation [B, C, H, W] in channels-last memory, as the evaluator likes it."""
        channels, height, width = self.obs_shape
        return np.zeros((batch, height, width, channels), np.float32).transpose(0, 3, 1, 2)

    # --- words: one state at a time, as an array [1] ------------------------------------------------------

    @abc.abstractmethod
    def format_action(self, state: States, action: int) -> str:
        """The action in the game's notation: "D4", "11-15"."""

    @abc.abstractmethod
    def parse_action(self, state: States, text: str) -> int:
        """The legal action that text names. Raises IllegalMove with the move and the reason."""

    def format_turn(self, state: States, actions: Sequence[int]) -> str:
        """A whole turn in notation; more than one action only where a turn takes several (multi-jumps)."""
        (action,) = actions
        return self.format_action(state, action)

    def parse_turn(self, state: States, text: str) -> list[int]:
        """The actions of a whole turn. Raises IllegalMove with the move and the reason."""
        return [self.parse_action(state, text)]

    @abc.abstractmethod
    def to_text(self, state: States) -> str:
        """One line from which `from_text` makes the position again (FEN-like)."""

    @abc.abstractmethod
    def from_text(self, text: str) -> States:
        """The position as states [1]. Raises TengenError naming what is wrong in the text."""

    @abc.abstractmethod
    def board(self, state: States) -> str:
        """The position as an ASCII board with coordinates, several lines."""

    @abc.abstractmethod
    def from_board(self, text: str, to_play: int = 0) -> States:
        """The position drawn as ASCII (coordinates optional), as states [1]. Raises TengenError."""

    def describe_result(self, state: States) -> str:
        """The result in the game's own words ("B+3.5", "draw"); "" while the game goes on."""
        if not state["terminal"][0]:
            return ""
        out = np.zeros((1, 2), np.float32)
        self.returns(state, out)
        if out[0, 0] == 0:
            return "draw"
        return f"{self.first_player if out[0, 0] > 0 else self.second_player} wins"

    # --- counting ----------------------------------------------------------------------------------------

    def perft(self, state: States, depth: int) -> list[int]:
        """Nodes at depth 1 .. depth below state [1]; a turn of several actions counts as one ply."""
        from tengen.envs.perft import perft

        return perft(self, state, depth)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
