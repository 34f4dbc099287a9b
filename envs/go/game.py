"""The Game of Go: options, kernels and words under one roof."""

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tengen.envs.game import Bools, Floats, Game, Ints, States
from tengen.envs.go import batch, playout, scoring, text
from tengen.envs.go.board import address
from tengen.envs.go.feature_sets import FEATURE_SETS
from tengen.envs.go.layout import LEGAL, OCCUPIED, REPEATS, RULE_NAMES, SUICIDAL, go_dtype
from tengen.envs.go.options import DEFAULT_FEATURES, GoOptions, check_options, handicap_points
from tengen.envs.go.symmetry import square_symmetries
from tengen.errors import IllegalMove, TengenError

VERDICTS = {OCCUPIED: "the point is occupied", SUICIDAL: "suicide is not allowed"}


class Go(Game):
    """Go with area scoring (Tromp-Taylor); two passes or the ply cap end the game.

    Action row * size + column is a stone, row 0 at the top; size * size is the pass, which is always legal.
    Coordinates are GTP's: A to T without I from the left, 1 at the bottom.
    """

    family: ClassVar[str] = "go"
    has_ownership: ClassVar[bool] = True

    def __init__(
        self,
        size: int | str = 9,
        komi: float | str | None = None,
        rules: str = "positional",
        suicide: bool | str = False,
        handicap: int | str = 0,
        cap: int | str | None = None,
        features: str = DEFAULT_FEATURES,
    ) -> None:
        """A game; values may be words, as `make_game` passes them.

        size: 2 to 19.
        komi: points that White gets, whole or half; 7 unless told.
        rules: no position may come again (`positional`), or not with the same side to move
            (`situational`), or only the immediate recapture in a ko is forbidden (`simple`; long cycles end
            by the cap).
        suicide: whether a move may take its own chain off the board.
        handicap: stones on the standard points, White to begin; 1 means none and Black's first move.
        cap: plies after which the game is counted as it stands.
        features: the planes that a network sees, one of FEATURE_NAMES; states are the same for all.
        Raises TengenError for a value that is not allowed.
        """
        self.options = options = check_options(size, komi, rules, suicide, handicap, cap, features)
        self.name = options.name
        self.size, self.komi, self.rules = options.size, options.komi, options.rules
        self.suicide, self.handicap, self.max_plies = options.suicide, options.handicap, options.cap
        self.state_dtype = go_dtype(self.size, options.cap)
        points = self.size * self.size
        self.pass_action = points
        self.num_actions = points + 1
        self.planes, self._observe = FEATURE_SETS[options.features]
        self.obs_shape = (len(self.planes), self.size, self.size)
        self.policy_planes, self.policy_extra = 1, 1
        self.policy_index = np.arange(self.num_actions, dtype=np.int64)
        self.point_symmetries = square_symmetries(self.size)
        passes = np.full((8, 1), points, np.int32)
        self.action_symmetries = np.concatenate([self.point_symmetries, passes], 1)
        history = self.state_dtype.fields["history"] if self.state_dtype.fields else (None, 0)
        self.live_words = (history[1] // 8 + 1, 1)  # a hash for the first position and for each ply
        self._start: States | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        o = self.options
        return type(self), (o.size, o.komi, o.rules, o.suicide, o.handicap, o.cap, o.features)

    # --- batched rules -----------------------------------------------------------------------------------

    def reset(self, states: States) -> None:
        if self._start is None:
            colors = np.zeros(self.size * self.size, np.int8)
            for row, column in handicap_points(self.size, self.handicap):
                colors[row * self.size + column] = 1
            self._start = self._set_up(colors, to_play=int(self.handicap > 1))
        _bytes(states)[...] = _bytes(self._start)

    def legal_mask(self, states: States, out: Bools) -> None:
        batch.legal_batch(_readable(states), out)

    def step(self, states: States, actions: Ints) -> None:
        moves = np.ascontiguousarray(actions, np.int32)
        if not moves.flags.writeable:
            moves = moves.copy()
        if states.flags.c_contiguous:
            batch.step_batch(_bytes(states), moves)
        else:
            part = states.copy()
            batch.step_batch(_bytes(part), moves)
            states[...] = part

    def observe(self, states: States, out: Floats) -> None:
        last = out.transpose(0, 2, 3, 1)  # [B, H, W, C]
        direct = last.flags.c_contiguous
        flat = last if direct else np.empty(last.shape, np.float32)
        self._observe(_readable(states), flat.reshape(len(out), self.size**2, len(self.planes)))
        if not direct:
            last[...] = flat

    def returns(self, states: States, out: Floats) -> None:
        self._write(scoring.returns_batch, states, out, self.pass_action)

    def ownership(self, states: States, out: NDArray[np.int8]) -> None:
        self._write(scoring.ownership_batch, states, out)

    def score(self, states: States, out: Floats) -> None:
        self._write(scoring.score_batch, states, out, self.pass_action)

    def playout(self, states: States, rng: NDArray[np.uint64]) -> None:
        """Finish every game with uniformly random legal moves that fill no own eye, else passes."""
        if states.flags.c_contiguous:
            playout.playout_batch(_bytes(states), rng)
        else:
            part = states.copy()
            playout.playout_batch(_bytes(part), rng)
            states[...] = part

    def seeing(self, planes: tuple[str, ...]) -> "Go":
        for name, known in FEATURE_SETS.items():
            if known.planes == tuple(planes) and planes != self.planes:
                return _seen_by(self.options, name)
        return self

    # --- words -------------------------------------------------------------------------------------------

    def colors(self, state: States) -> NDArray[np.int8]:
        """The board [size, size]: 0 empty, 1 Black, 2 White."""
        cells = state["points"][0][:-1, 0].reshape(self.size + 2, self.size + 1)
        return np.ascontiguousarray(cells[1:-1, 1:], np.int8)

    def format_action(self, state: States, action: int) -> str:
        return text.format_point(self.size, action)

    def parse_action(self, state: States, text_: str) -> int:
        action = text.parse_point(self.size, text_)
        point = text.format_point(self.size, action)
        if state["terminal"][0]:
            raise IllegalMove(f"{point} is illegal: the game is over")
        if action == self.pass_action:
            return action
        fault = self.fault(state, action)
        if fault:
            raise IllegalMove(f"{point} is illegal: {fault}")
        return action

    def fault(self, state: States, action: int) -> str:
        """Why the rules forbid a stone at `action`, "" where they allow it."""
        verdict = batch.judge(_readable(state), action)
        if verdict == REPEATS:
            if state["ko"][0] == address(self.size, action):
                return "ko, the stone may not be retaken at once"
            return "superko, the position has stood on the board before"
        return VERDICTS.get(verdict, "")

    def to_text(self, state: States) -> str:
        repeats = []
        if not state["terminal"][0]:
            actions = np.flatnonzero(self.colors(state).reshape(-1) == 0)
            raw = _readable(state)
            repeats = [int(a) for a in actions if batch.judge(raw, int(a)) == REPEATS]
        return " ".join(
            [
                text.format_rows(self.colors(state)),
                "bw"[int(state["to_play"][0])],
                ",".join(text.format_point(self.size, a) for a in repeats) or "-",
                text.format_komi(int(state["komi2"][0]) / 2),
                str(int(state["passes"][0])),
                str(int(state["ply"][0])),
            ]
        )

    def from_text(self, text_: str) -> States:
        fields = text.parse_position(text_, self.size)
        cap = self.max_plies
        if fields.passes > min(2, fields.ply) or not len(fields.repeats) <= fields.ply <= cap:
            raise TengenError(
                f"position: {fields.passes} passes and {len(fields.repeats)} repeating moves at ply "
                f"{fields.ply}; 2 passes, as many of both as plies, and {cap} plies are the most"
            )
        state = self.from_colors(fields.colors, fields.to_play)
        for action in fields.repeats:
            if action == self.pass_action or batch.judge(_bytes(state), action) not in (LEGAL, REPEATS):
                point = text.format_point(self.size, action)
                raise TengenError(
                    f"position: {point} cannot repeat a position, for no stone can be played there"
                )
            batch.forbid(_bytes(state), action)
        state["komi2"] = round(2 * fields.komi)
        state["passes"] = fields.passes
        state["ply"] = fields.ply
        state["terminal"] = fields.passes >= 2 or fields.ply >= cap
        return state

    def board(self, state: States) -> str:
        ply = int(state["ply"][0])
        last = int(state["recent"][0, (ply - 1) % 8])
        return text.draw(self.colors(state), last)

    def from_board(self, text_: str, to_play: int = 0) -> States:
        return self.from_colors(text.read_drawing(text_, self.size), to_play)

    def from_colors(self, colors: NDArray[np.int8], to_play: int = 0) -> States:
        """The position with colors [size * size] (0, 1 Black, 2 White) at ply 0, as states [1].

        Raises TengenError if a chain has no liberty.
        """
        state = self._set_up(colors, to_play)
        at = int(batch.smothered(_bytes(state), np.array(colors, np.int8)))
        if at >= 0:
            raise TengenError(
                f"the position has a chain without liberties at {text.format_point(self.size, at)}"
            )
        return state

    def describe_result(self, state: States) -> str:
        if not state["terminal"][0]:
            return ""
        out = np.zeros(1, np.float32)
        self.score(state, out)
        score = float(out[0])
        if score == 0:
            return "draw"
        return f"{'B' if score > 0 else 'W'}+{abs(score):g}"

    # --- inside ------------------------------------------------------------------------------------------

    def _set_up(self, colors: NDArray[np.int8], to_play: int) -> States:
        state = np.zeros(1, self.state_dtype)
        state["size"] = self.size
        state["rules"] = RULE_NAMES.index(self.rules)
        state["suicide"] = self.suicide
        state["komi2"] = round(2 * self.komi)
        state["cap"] = self.max_plies
        batch.set_up(_bytes(state), np.array(colors, np.int8), to_play)
        return state

    def _write(self, kernel: Any, states: States, out: NDArray[Any], *rest: int) -> None:
        if out.flags.c_contiguous:
            kernel(_readable(states), out, *rest)
        else:
            part = np.empty(out.shape, out.dtype)
            kernel(_readable(states), part, *rest)
            out[...] = part


@lru_cache(maxsize=64)
def _seen_by(options: GoOptions, features: str) -> Go:
    o = options
    return Go(o.size, o.komi, o.rules, o.suicide, o.handicap, o.cap, features)


def _bytes(states: States) -> NDArray[np.uint8]:
    """The memory of contiguous states as [B, itemsize]."""
    return states.view(np.uint8).reshape(len(states), states.dtype.itemsize)


def _readable(states: States) -> NDArray[np.uint8]:
    """The memory of states, copied where kernels compiled for plain arrays could not take it."""
    if not (states.flags.c_contiguous and states.flags.writeable):
        states = states.copy()
    return _bytes(states)
