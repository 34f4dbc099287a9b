"""A move on a board explained: a network of policy and value, a position, an action."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tengen.envs.game import Game, States
from tengen.explain import gradients, layers, perturbation, pieces
from tengen.explain.maps import METHODS, Board, Explanation, Judge, Map
from tengen.networks.heads import LOSS, WIN, BoardNetwork
from tengen.ui.model.faces import face_of

VALUE, LOGIT, CHANCE = 0, 1, 2  # targets
SHOWN = 5  # of the likeliest moves
NEXT_BEST = 2  # moves beside the chosen one that are tried


class BoardMove:
    """A network before a position [1] in which it is asked about an action."""

    def __init__(
        self, network: BoardNetwork, game: Game, state: States, action: int, last: Sequence[int] = ()
    ) -> None:
        """game: as the network sees it. last: the actions of the turn before, for the picture."""
        self.network = network.float().eval().requires_grad_(False)
        self.game, self.state, self.action = game, state, action
        self.has_value = getattr(network, "value", True) is not None
        self.has_policy = getattr(network, "policy", True) is not None
        self.face = face_of(game)
        self.pieces = self.face.pieces(state)
        self.cells = pieces.cells_of_points(game, state)
        mask = game.new_mask(1)
        game.legal_mask(state, mask)
        self.legal = torch.from_numpy(mask[0])
        self.word = game.format_action(state, action)

    def methods(self) -> tuple[str, ...]:
        """Those that apply."""
        return tuple(name for name in METHODS if name != "removal" or pieces.removable(self.game))

    def judge(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, 3]: P(win) - P(loss), the action's logit above the mean of all legal ones, and
        its probability. A logit alone means nothing: adding the same to all changes no move.
        """
        output = self.network(inputs)
        outcome = output.value.softmax(1)
        logits = output.policy[:, self.legal]  # [B, legal]
        place = int(self.legal[: self.action].sum())
        move = logits[:, place] - logits.mean(1)
        return torch.stack([outcome[:, WIN] - outcome[:, LOSS], move, logits.softmax(1)[:, place]], 1)

    def see(self, states: States) -> Tensor:
        """Observations [B, C, H, W]."""
        seen = self.game.new_observation(len(states))
        self.game.observe(states, seen)
        return torch.from_numpy(seen)

    def maps(self, methods: Sequence[str], seed: int = 0) -> list[Map]:
        """The maps of these methods, each for value and move as far as the network has them."""
        inputs, judge = self.see(self.state), self.judge
        baseline = torch.from_numpy(np.ascontiguousarray(pieces.baseline_of(self.game, self.state)))
        found = []
        for method in methods:
            if method == "occlusion":
                lost = perturbation.losses(
                    judge, inputs, perturbation.covered(inputs, baseline)
                )  # [H * W, 3]
                found += self._lost(method, lost, np.arange(len(lost)), "the 3x3 points around are empty")
            elif method == "removal":
                found += self._removal(judge, inputs)
            else:
                found += self._by_gradient(method, judge, inputs, baseline, seed)
        return found

    def _by_gradient(
        self, method: str, judge: Judge, inputs: Tensor, baseline: Tensor, seed: int
    ) -> list[Map]:
        found = []
        for target in self._targets(LOGIT):
            note = METHODS[method].format(nothing="the empty board", samples=gradients.SAMPLES)
            if method == "gradient":
                values = gradients.plain(judge, inputs, target)
            elif method == "smoothgrad":
                values = gradients.smooth(judge, inputs, target, seed)
            else:
                values, amiss = gradients.integrated(judge, inputs, baseline, target)
                note += f": {float(values.sum()):+.3f}, and {float(values.sum()) - amiss:+.3f} is right"
            found.append(Map(method, self._name(target), self._upright(values.reshape(-1).numpy()), note))
        return found

    def _removal(self, judge: Judge, inputs: Tensor) -> list[Map]:
        others = pieces.without(self.game, self.state, self.pieces)
        if not others:
            lost = torch.zeros(0, 3)
        else:
            lost = perturbation.losses(judge, inputs, self.see(np.concatenate(list(others.values()))))
        point_of = {int(cell): point for point, cell in enumerate(self.cells)}
        return self._lost("removal", lost, np.array([point_of[cell] for cell in others], int), "")

    def _lost(self, method: str, lost: Tensor, points: NDArray[np.int_], hidden: str) -> list[Map]:
        found = []
        for target in self._targets(CHANCE):
            values = np.zeros(len(self.cells), np.float32)
            values[points] = lost[:, target].numpy()
            note = METHODS[method].format(hidden=hidden)
            found.append(Map(method, self._name(target), self._upright(values), note))
        return found

    def _targets(self, of_move: int) -> list[int]:
        return [VALUE] * self.has_value + [of_move] * self.has_policy

    def _name(self, target: int) -> str:
        return ("value", f"logit of {self.word}", f"probability of {self.word}")[target]

    def _upright(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points [H * W] as the board is drawn [H, W]."""
        out = np.zeros(len(values), np.float32)
        out[self.cells] = values
        return out.reshape(self.face.rows, self.face.columns)

    def outlook(self, state: States) -> tuple[float, NDArray[np.float32]]:
        """Value for the side to move and probabilities [A] of the legal actions."""
        mask = self.game.new_mask(1)
        self.game.legal_mask(state, mask)
        with torch.no_grad():
            output = self.network(self.see(state))
            outcome = output.value[0].softmax(0)
            logits = output.policy[0].masked_fill(~torch.from_numpy(mask[0]), -torch.inf)
        return float(outcome[WIN] - outcome[LOSS]), logits.softmax(0).numpy()

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Value and policy before the move, after it and after the policy's next best ones."""
        mover = self.state["to_play"][0]
        side = (self.game.first_player, self.game.second_player)[mover]
        value, chances = self.outlook(self.state)
        rows = [["before", *self._shown(value), self._likeliest(self.state, chances)]]
        best = [int(action) for action in np.argsort(-chances, kind="stable") if chances[action] > 0]
        for action in [self.action, *[other for other in best if other != self.action][:NEXT_BEST]]:
            after = self.state.copy()
            self.game.step(after, np.array([action], np.int32))
            name = f"after {self.game.format_action(self.state, action)}"
            if after["terminal"][0]:
                rows.append([name, "", "", self.game.describe_result(after)])
                continue
            value, replies = self.outlook(after)
            sign = 1 if after["to_play"][0] == mover else -1
            rows.append([name, *self._shown(sign * value), self._likeliest(after, replies)])
        return ["", f"value for {side}", "wins", "likeliest moves"], rows

    def _shown(self, value: float) -> tuple[str, str]:
        return (f"{value:+.3f}", f"{(1 + value) / 2:.0%}") if self.has_value else ("", "")

    def _likeliest(self, state: States, chances: NDArray[np.float32]) -> str:
        if not self.has_policy:
            return ""
        order = [int(action) for action in np.argsort(-chances, kind="stable")[:SHOWN] if chances[action] > 0]
        return ", ".join(
            f"{self.game.format_action(state, action)} {chances[action]:.1%}" for action in order
        )

    def explain(
        self,
        title: str,
        methods: Sequence[str],
        *,
        layer: str | None,
        filters: bool,
        last: Sequence[int],
        seed: int = 0,
    ) -> Explanation:
        """All of it. layer: whose activations are shown; last: cells of the turn before."""
        _, chances = self.outlook(self.state)
        rank = int((chances > chances[self.action]).sum()) + 1
        mover = (self.game.first_player, self.game.second_player)[self.state["to_play"][0]]
        facts = [f"{self.game.name}, {mover} to move: {self.word}"]
        if self.has_policy:
            facts.append(
                f"the network alone gives {self.word} {chances[self.action]:.1%}, "
                f"its choice number {rank} of {int(self.legal.sum())}"
            )
        ground = Board(
            self.game.family,
            self.pieces,
            self.face.rows,
            self.face.columns,
            tuple(last),
            tuple(self.face.path(self.state, [self.action])),
        )
        head, rows = self.table()
        shown = Explanation(
            title, ground, facts, head, rows, self.maps(methods, seed), names=cell_names(self.game)
        )
        inputs = self.see(self.state)
        if layer is not None:
            output = layers.pick_layer(layers.activations(self.network, self.judge, inputs), layer)
            found = layers.channel_maps(output)
            if found[0].size == len(self.cells):
                found = np.stack([self._upright(values.reshape(-1)) for values in found])
                mean = np.abs(found).mean(0)
                shown.maps.append(Map("layer", layer, mean, f"mean size of its {len(found)} channels"))
            shown.sheets.append(layers.activation_sheet(layer, found))
            shown.sheets += layers.sheets_of(self.network, layer, self.game.planes)
        first = layers.first_convolution(self.network)
        if filters and first is not None and first != layer:
            shown.sheets += layers.sheets_of(self.network, first, self.game.planes)
        return shown


def cell_names(game: Game) -> list[str]:
    """The upright cells in the game's words; "" for those that are never played on."""
    _, height, width = game.obs_shape
    if game.family == "go":
        from tengen.envs.go.text import format_point

        return [format_point(width, cell) for cell in range(height * width)]
    if game.family == "checkers":
        return [
            str(4 * (cell // 8) + cell % 8 // 2 + 1) if (cell // 8 + cell % 8) % 2 else ""
            for cell in range(64)
        ]
    if game.family == "chess":
        return [f"{'abcdefgh'[cell % 8]}{8 - cell // 8}" for cell in range(64)]
    return [f"column {cell % width + 1}, row {height - cell // width}" for cell in range(height * width)]
