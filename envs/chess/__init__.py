"""Chess (FIDE Laws, Chess960): bitboards, rules, notation."""

from tengen.envs.chess.game import Chess

__all__ = ["Chess"]
