"""Saliency: known answers of small networks, symmetry, random weights, and positions with a stone less."""

import numpy as np
import pytest
import torch
from torch import nn

from tengen.envs import Position, make_game
from tengen.envs.worlds import WorldSpec
from tengen.explain import gradients, layers, perturbation, pieces
from tengen.explain.board import BoardMove
from tengen.explain.world import WorldAction
from tengen.networks.checkpoint import load_checkpoint
from tengen.networks.heads import BoardNetwork, NetworkOutput
from tengen.networks.q import QNetwork
from tengen.networks.q_config import QNetworkConfig
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.networks.stack_config import StackConfig
from tengen.ui.model.faces import face_of

CORNER_FIGHT = """
    . . . . . . .
    . X O . . . .
    . X O . X . .
    . . X O O . .
    . . . . X . .
    . . . . . . .
    . . . . . . ."""

OPENING = ["E5", "C3", "G7", "G3", "C7", "D2", "F6"]


def go7(drawing: str, features: str = "tengen", to_play: int = 0) -> tuple:
    game = make_game(f"go:size=7,features={features}")
    return game, game.from_board(drawing, to_play)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, signs and all, over the places that matter to either."""
    at = (np.abs(one) > 1e-3 * np.abs(one).max()) | (np.abs(other) > 1e-3 * np.abs(other).max())
    return float(np.corrcoef(*(values[at].argsort().argsort() for values in (one, other)))[0, 1])


class CountsStones(BoardNetwork):
    """Its win's logit is linear: 0.5 for each own stone, -0.25 for each of the other's."""

    def __init__(self, game) -> None:
        super().__init__()
        self.spec, self.config = spec_for(game), None
        self.layer = nn.Conv2d(2, 1, 1, bias=False)
        self.layer.weight = nn.Parameter(torch.tensor([0.5, -0.25]).view(1, 2, 1, 1))

    def forward(self, obs):
        balance = self.layer(obs[:, :2]).sum((1, 2, 3))
        value = torch.stack([balance, torch.full_like(balance, -40.0), torch.zeros_like(balance)], 1)
        policy = torch.cat([obs[:, 1].flatten(1) * 2, torch.zeros(len(obs), 1)], 1)
        return NetworkOutput(policy, value, None, None)


def test_a_network_that_counts_stones_says_so_by_every_method():
    game, state = go7(CORNER_FIGHT)
    move = BoardMove(CountsStones(game), game, state, 0)
    maps = {map_.method: map_.values for map_ in move.maps(move.methods()) if map_.target == "value"}
    letters = np.array(list(move.pieces)).reshape(7, 7)
    own, other, empty = letters == "X", letters == "O", letters == "."
    for method in ("integrated", "removal"):
        assert (maps[method][own] > 0).all() and (maps[method][other] < 0).all(), method
        assert np.abs(maps[method][empty]).max() < 1e-6
    assert maps["integrated"][own].mean() == pytest.approx(-2 * maps["integrated"][other].mean(), rel=1e-4)
    # tanh(balance / 2), five own stones and four others: without an own stone the balance is 1 instead of 1.5
    assert maps["removal"][own] == pytest.approx(np.tanh(1.5 / 2) - np.tanh(1.0 / 2), abs=1e-5)
    steep = (1 - np.tanh(0.75) ** 2) / 2
    assert maps["gradient"] == pytest.approx(np.full((7, 7), 0.5 * steep), abs=1e-5)  # planes, not stones
    left = 1.5 - 3 * 0.5 + 3 * 0.25  # three stones of each side are covered
    assert maps["occlusion"][3, 3] == pytest.approx(np.tanh(0.75) - np.tanh(left / 2), abs=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_integrated_gradients_sum_to_the_difference_of_the_outputs(target):
    network, _ = load_checkpoint("models/go9")
    game = make_game("go9")
    position = Position(game)
    for word in OPENING:
        position.play(word)
    move = BoardMove(network, game, position.state, game.parse_action(position.state, "C5"))
    inputs = move.see(position.state)
    baseline = torch.from_numpy(pieces.baseline_of(game, position.state))
    difference = float((move.judge(inputs) - move.judge(baseline))[0, target])
    amiss = []
    for steps in (16, 256):
        values, reported = gradients.integrated(move.judge, inputs, baseline, target, steps)
        assert reported == pytest.approx(float(values.sum()) - difference, abs=1e-5)
        amiss.append(abs(reported))
    assert abs(difference) > 0.05 and amiss[1] < 0.02 * abs(difference)


def test_steep_functions_have_the_gradients_of_the_textbook():
    inputs = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.5]]]])  # 2 planes of 1x2

    def judge(x):
        return torch.stack([(x**2).sum((1, 2, 3)), x[:, 0].sum((1, 2))], 1)

    assert gradients.plain(judge, inputs, 0).tolist() == [[6.0, 4.0]]  # 2 x of the larger plane
    assert gradients.smooth(judge, inputs, 1).tolist() == [[1.0, 1.0]]
    values, amiss = gradients.integrated(judge, inputs, torch.zeros_like(inputs), 0)
    assert (
        values.tolist() == pytest.approx([[10.0, 4.25]])
        if False
        else torch.allclose(values, torch.tensor([[10.0, 4.25]]))
    )
    assert abs(amiss) < 1e-5


def test_what_is_covered_and_what_is_blurred():
    covered = perturbation.covered(torch.ones(1, 2, 4, 5), torch.zeros(1, 2, 4, 5))
    assert covered.shape == (20, 2, 4, 5)
    assert covered[7, 0].tolist() == [[1, 0, 0, 0, 1]] * 3 + [[1, 1, 1, 1, 1]]
    assert covered[0].sum() == 2 * (20 - 4)
    even = torch.full((1, 1, 21, 21), 0.3)
    assert torch.allclose(perturbation.blurred(even), even)
    dot = torch.zeros(1, 1, 21, 21)
    dot[..., 10, 10] = 1
    soft = perturbation.blurred(dot)
    assert float(soft.sum()) == pytest.approx(1, abs=1e-4) and soft.argmax() == 10 * 21 + 10
    lost = perturbation.blur_losses(lambda x: x[:, 0, 10, 10][:, None], dot)
    row, column = divmod(int(lost[0].argmax()), lost.shape[2])
    assert (int(perturbation.centres(21)[row]), int(perturbation.centres(21)[column])) == (10, 10)
    assert float(lost[0, 0, 0]) < 0.2 * float(lost.max())


def symmetric_network(game):
    torch.manual_seed(3)
    network = make_network(StackConfig(architecture="clark-storkey"), spec_for(game))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.03)
    return network


def test_a_symmetric_network_finds_a_symmetric_position_symmetric():
    drawing = """
        . . . . . . .
        . X . O . X .
        . . . . . . .
        . O . . . O .
        . . . . . . .
        . X . O . X .
        . . . . . . ."""
    game, state = go7(drawing, "clark-storkey")
    move = BoardMove(symmetric_network(game), game, state, game.pass_action)
    maps = move.maps(("integrated", "gradient", "occlusion", "removal"))
    centre = BoardMove(move.network, game, state, 24).maps(("integrated", "gradient", "removal"))
    assert len(maps) + len(centre) >= 7
    for map_ in [*maps, *centre]:
        values = map_.values
        assert np.abs(values).max() > 0, map_.method
        for turned in (values.T, values[::-1], np.rot90(values)):
            assert turned == pytest.approx(values, abs=1e-4 * float(np.abs(values).max())), (
                map_.method,
                map_.target,
            )


def test_a_turned_position_turns_the_map():
    game, state = go7(CORNER_FIGHT, "clark-storkey")
    network = symmetric_network(game)
    turned = game.from_colors(np.ascontiguousarray(np.rot90(game.colors(state))).reshape(-1), 0)
    action = 3 * 7 + 6
    other = int(np.argmax(np.rot90(np.arange(49).reshape(7, 7)) == action))
    for one, two in zip(
        BoardMove(network, game, state, action).maps(("integrated", "removal")),
        BoardMove(network, game, turned, other).maps(("integrated", "removal")),
        strict=True,
    ):
        assert np.rot90(one.values) == pytest.approx(two.values, abs=1e-4 * float(np.abs(two.values).max()))


@pytest.mark.parametrize("method", ["gradient", "integrated", "smoothgrad", "occlusion", "removal"])
def test_random_weights_change_the_map(method):
    """Adebayo et al. 2018: a map that stays as it is explains the input, not the network."""
    network, _ = load_checkpoint("models/go9")
    game = make_game("go9")
    position = Position(game)
    for word in [*OPENING, "F3", "H4", "H3"]:
        position.play(word)
    action = game.parse_action(position.state, "G4")
    learned = BoardMove(network, game, position.state, action).maps((method,))
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.manual_seed(0)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and "running" not in name:
            tensor.copy_(tensor.flatten()[torch.randperm(tensor.numel())].view_as(tensor))
    network.load_state_dict(weights)
    shuffled = BoardMove(network, game, position.state, action).maps((method,))
    for one, other in zip(learned, shuffled, strict=True):
        assert rank_correlation(one.values, other.values) < 0.8, one.target
    again = BoardMove(network, game, position.state, action).maps((method,))
    assert all(np.array_equal(one.values, other.values) for one, other in zip(shuffled, again, strict=True))


def test_without_a_stone_a_network_sees_one_stone_less_and_the_same_history():
    game = make_game("go9")
    position = Position(game)
    for word in OPENING:
        position.play(word)
    found = pieces.without(
        game, position.state, "".join(".XO"[c] for c in game.colors(position.state).ravel())
    )
    assert len(found) == 7
    before, after = game.new_observation(1), game.new_observation(1)
    game.observe(position.state, before)
    e5, f6 = game.parse_action(Position(game).state, "E5"), game.parse_action(Position(game).state, "F6")
    for cell in (e5, f6):
        game.observe(found[cell], after)
        differing = {game.planes[plane] for plane in np.flatnonzero((before != after).any((0, 2, 3)))}
        # F6 was the last move: without the stone nobody has laid it
        assert differing == ({"opponent's stones", "last move"} if cell == f6 else {"opponent's stones"})
        assert (before != after)[0, 1].sum() == 1 and before[0, 1].ravel()[cell] == 1
    assert pieces.emptied(game, position.state)["to_play"][0] == position.to_play


def test_a_ko_stays_forbidden_while_other_stones_go():
    game, state = go7(
        """
        . X O . . . .
        X O . O . . .
        . X O . . . X
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . ."""
    )
    position = Position(game, state)
    position.play("C6")  # takes B6
    forbidden = game.planes.index("forbidden by repetition")
    seen = game.new_observation(1)
    for cell, after in pieces.without(
        game, position.state, BoardMove(CountsStones(game), game, position.state, game.pass_action).pieces
    ).items():
        game.observe(after, seen)
        if cell == 2 * 7 + 6:  # the stone far away
            assert seen[0, forbidden].sum() == 1


def test_pieces_of_checkers_and_chess_are_taken_off_by_their_own_words():
    checkers = make_game("checkers")
    state = checkers.from_text("W:W21,K30:B1,5,K6:H7")
    found = pieces.without(checkers, state, face_of(checkers).pieces(state))
    texts = sorted(checkers.to_text(after) for after in found.values())
    assert texts == sorted(
        [
            "W:WK30:B1,5,K6:H7",
            "W:W21:B1,5,K6:H7",
            "W:W21,K30:B5,K6:H7",
            "W:W21,K30:B1,K6:H7",
            "W:W21,K30:B1,5:H7",
        ]
    )
    chess = make_game("chess")
    state = chess.from_text("4k3/8/8/3q4/8/4P3/8/R3K3 w Q - 3 20")
    found = pieces.without(chess, state, face_of(chess).pieces(state))
    assert set(found) >= {3 * 8 + 3, 5 * 8 + 4} and {4, 60}.isdisjoint(found)  # no king leaves the board
    assert chess.to_text(found[27]).startswith("4k3/8/8/8/8/4P3/8/R3K3 w")


@pytest.mark.parametrize(
    "name, text", [("checkers", "W:W21,K30:B1,5,K6"), ("chess", "4k3/8/8/3q4/8/4P3/8/R3K3 b - - 3 20")]
)
def test_points_that_a_network_sees_from_the_other_side_lie_upright_on_the_board(name, text):
    game = make_game(name)
    state = game.from_text(text)
    seen = game.new_observation(1)
    game.observe(state, seen)
    planes = 4 if name == "checkers" else 12
    stands = seen[0, :planes].any(0).reshape(-1)
    cells = pieces.cells_of_points(game, state)
    letters = face_of(game).pieces(state)
    assert sorted(cells[stands]) == [cell for cell, letter in enumerate(letters) if letter != "."]


def test_a_dqn_that_looks_at_one_corner_is_found_out():
    spec = WorldSpec("toy/Corner", 3, (84, 84), np.uint8, 2)
    network = QNetwork(QNetworkConfig(torso="mnih2013"), spec)

    class LooksAtCorner(nn.Module):
        def __init__(self):
            super().__init__()
            self.spec, self.config = spec, network.config

        def q_values(self, x):
            corner = x[:, :, 10:20, 60:70].mean((1, 2, 3))
            return torch.stack([corner, 0 * corner, -corner], 1)

        def remove_noise(self):
            return None

    observation = np.zeros((2, 84, 84), np.uint8)
    observation[:, 14:16, 64:66] = 255
    move = WorldAction(LooksAtCorner(), observation, 0, ("left", "stay", "right"))
    for map_ in move.maps(("integrated", "gradient", "smoothgrad", "occlusion")):
        row, column = divmod(int(np.abs(map_.values).argmax()), 84)
        assert 8 <= row < 22 and 58 <= column < 72, map_.method
        assert map_.values[50:, :50] == pytest.approx(0, abs=1e-6)
    assert WorldAction(network, observation, 1, ("a", "b", "c")).maps(("gradient",))[0].values.max() > 0


def test_layers_have_names_shapes_and_filters():
    game = make_game("go:size=7,features=clark-storkey")
    network = symmetric_network(game)
    move = BoardMove(network, game, game.new_states(1), 24)
    found = layers.activations(network, move.judge, move.see(game.new_states(1)))
    assert tuple(found["body.0"].shape) == (1, 64, 7, 7)
    first = layers.first_convolution(network)
    assert first == "body.0"
    filters = layers.filters_of(network.get_submodule(first))
    assert tuple(filters.shape) == (64, 8, 7, 7)
    assert torch.equal(filters, filters.transpose(2, 3)) and torch.equal(filters, filters.flip(2))
    (sheet,) = layers.sheets_of(network, first, game.planes)
    assert sheet.tiles.shape[0] == 32 and np.nanmax(np.abs(sheet.tiles)) == 1
    assert "own chain, liberties 1" in sheet.title
