"""Worlds and their rules."""

from tengen.envs.game import Game, States
from tengen.envs.position import Position
from tengen.envs.registry import game_names, make_game

__all__ = ["Game", "Position", "States", "game_names", "make_game"]
