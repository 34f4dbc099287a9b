"""Worlds and their rules. Importing this room makes the games known to gymnasium too."""

from tengen.envs.adapters import register_games
from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.envs.registry import game_names, make_game

__all__ = ["Game", "Position", "States", "game_names", "make_game"]

register_games()
