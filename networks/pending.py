"""Answers of networks that may still be on their way."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Evaluation = tuple[NDArray[np.float32], NDArray[np.float32]]


class Pending(Protocol):
    """An evaluation under way."""

    def result(self) -> Evaluation:
        """Wait for policy logits [B, A] and values [B]."""
        ...


class Done:
    """An evaluation that has been made."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def result(self) -> Evaluation:
        """Policy logits [B, A] and values [B]."""
        return self._evaluation
