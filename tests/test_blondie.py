"""The two checkers networks: their counts of weights, and torch against the kernels inside the search."""

import numpy as np
import pytest
import torch

from tengen.agents.minimax import blondie as kernels
from tengen.agents.minimax.checkers import load
from tengen.envs.checkers import Checkers
from tengen.envs.checkers.text import pieces_of
from tengen.envs.game import States
from tengen.errors import TengenError
from tengen.networks.blondie import blondie
from tengen.networks.blondie_layout import BLONDIE_1999, BLONDIE_2001, LAYOUTS, SUBSQUARES

KERNELS = {"blondie1999": kernels.by_net_1999, "blondie2001": kernels.by_net_2001}


def test_the_networks_have_the_papers_counts_of_weights() -> None:
    assert BLONDIE_1999.size == 1741
    assert BLONDIE_2001.size == 5046


def test_the_91_subsquares_see_854_dark_squares() -> None:
    assert [sum(len(s) == n for s in SUBSQUARES) for n in (4, 5, 8, 12, 13, 18, 24, 25, 32)] == [
        18, 18, 25, 8, 8, 9, 2, 2, 1
    ]  # fmt: skip
    assert SUBSQUARES[0] == [0, 4, 5, 8]
    assert SUBSQUARES[-1] == list(range(32))


def board_of(state: States, king: float) -> np.ndarray:
    """The inputs by the papers' words: own +1 or +K, the opponent's -1 or -K, White's board turned."""
    worth = {"b": 1.0, "B": king, "w": -1.0, "W": -king, ".": 0.0}
    inputs = np.array([worth[piece] for piece in pieces_of(state)], np.float32)
    return -inputs[::-1].copy() if state["to_play"][0] else inputs


def positions(count: int) -> list[States]:
    game, rng, found = Checkers(), np.random.default_rng(3), []
    while len(found) < count:
        state = game.new_states(1)
        for _ in range(int(rng.integers(90))):
            mask = game.new_mask(1)
            game.legal_mask(state, mask)
            if not mask.any():
                break
            game.step(state, np.array([rng.choice(np.flatnonzero(mask[0]))]))
        found.append(state)
    return found


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_kernel_and_torch_agree(name: str) -> None:
    rng = np.random.default_rng(1)
    flat = rng.normal(0, 0.3, LAYOUTS[name].size).astype(np.float32)
    king = 1.7
    network, params = blondie(name, flat), kernels.pack(name, flat, king)
    words, scratch = np.zeros((1, 6), np.uint64), np.zeros(512, np.float32)
    states = positions(60)
    assert any("B" in pieces_of(s) or "W" in pieces_of(s) for s in states)
    boards = np.stack([board_of(state, king) for state in states])
    with torch.no_grad():
        expected = network(torch.from_numpy(boards)).numpy()
    found = []
    for state in states:
        load(state, words[0])
        found.append(np.tanh(KERNELS[name](words, 0, params, scratch) / kernels.SCALE))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_fast_tanh_is_as_exact_as_it_says() -> None:
    x = np.linspace(-20, 20, 400_001).astype(np.float32)
    fast = x.copy()
    kernels.squash(fast)
    assert np.abs(fast - np.tanh(x.astype(np.float64))).max() < 1e-6


def test_a_board_turned_with_its_colours_is_worth_the_same() -> None:
    game = Checkers()
    flat = np.random.default_rng(2).normal(0, 0.3, BLONDIE_2001.size)
    params, scratch = kernels.pack("blondie2001", flat, 1.5), np.zeros(512, np.float32)
    worth = []
    for text in ("B:W21,22,30,K18:B1,5,6,K10", "W:B12,11,3,K15:W32,28,27,K23"):
        words = np.zeros((1, 6), np.uint64)
        load(game.from_text(text), words[0])
        worth.append(kernels.by_net_2001(words, 0, params, scratch))
    assert worth[0] == worth[1]


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(TengenError, match=r"blondie1999 has 1,741 weights"):
        kernels.pack("blondie1999", np.zeros(5046), 2.0)
