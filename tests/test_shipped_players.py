"""The board players that ship: each loads, and wins what it should win."""

from pathlib import Path

import pytest

from tengen.agents.registry import make_agent
from tengen.envs.registry import make_game
from tengen.league.match import play_match

MODELS = Path(__file__).parents[1] / "models"


@pytest.mark.parametrize(
    "game_name, player, opponent, games",
    [
        ("checkers", f"evolved:{MODELS}/blondie24?depth=4", "random", 8),
        ("checkers", f"evolved:{MODELS}/blondie24?depth=4", "mcts?sims=50", 12),
        ("checkers", f"evolved:{MODELS}/evolved-checkers?depth=4", "minimax?depth=2&eval=material", 12),
        ("go9", f"mcts:{MODELS}/go9?sims=16", "random", 8),
        ("go9", f"mcts:{MODELS}/go9?sims=32", "mcts?sims=50", 8),
    ],
)
def test_a_shipped_player_wins_a_short_match(game_name: str, player: str, opponent: str, games: int) -> None:
    game = make_game(game_name)
    result = play_match(game, make_agent(player, game), make_agent(opponent, game, seed=1), games, seed=2)
    outcomes = [record.outcome for record in result.records]
    assert sum(outcomes) >= games / 2  # three quarters of the points


def test_every_shipped_model_has_a_card_that_tells_how_to_make_it_again() -> None:
    folders = [path for path in MODELS.iterdir() if (path / "state.json").exists()]
    assert len(folders) >= 5
    for folder in folders:
        card = (folder / "README.md").read_text()
        for part in ("Plays", "Network", "Training", "Make it again", "Licence"):
            assert f"**{part}:**" in card, f"{folder.name} lacks {part}"
        assert sum(file.stat().st_size for file in folder.iterdir()) <= 4 << 20
