"""Go on boards of 2 to 19 lines, area scoring, with every common repetition rule."""

from tengen.envs.go.game import Go

__all__ = ["Go"]
