"""Tengen: game-playing reinforcement learning, from a laptop to a cluster."""

from tengen._runtime import prepare_environment

__version__ = "0.1.0"

prepare_environment()
