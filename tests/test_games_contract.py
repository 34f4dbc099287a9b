"""Every registered game keeps the contract of the Game protocol; a registry line is all that it takes."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tengen.envs import Game, game_names, make_game
from tengen.errors import TengenError
from tests.contract import CHECKS, sample_states

LARGE = {"go13", "go19"}  # the source of go9, only slower
NAMES = [name for name in game_names() if name not in LARGE]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, check: Callable[[Game], None]) -> None:
    check(make_game(name))


@pytest.mark.parametrize("name", NAMES)
def test_damaged_text_is_refused_or_understood_but_never_breaks(name: str) -> None:
    game = make_game(name)
    texts = [game.to_text(state) for state in sample_states(game, 4, 0)]

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(st.sampled_from(texts), st.integers(0, 10**6), st.integers(0, 3), st.text(max_size=3))
    def damage(text: str, place: int, cut: int, insert: str) -> None:
        place %= len(text) + 1
        broken = text[:place] + insert + text[place + cut :]
        for read in (game.from_text, game.from_board):
            try:
                state = read(broken)
            except TengenError as error:
                assert str(error)
            else:
                assert game.to_text(game.from_text(game.to_text(state))) == game.to_text(state)

    damage()
