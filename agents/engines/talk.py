"""Conversations with several programs at once, each written as if it were alone."""

import time
from collections.abc import Generator, Sequence
from typing import TypeVar

from tengen.agents.engines.process import EngineProcess, pump

T = TypeVar("T")

#: Yields the process that it waits for and until when (time.monotonic); returns what came of it.
Talk = Generator[tuple[EngineProcess, float], None, T]


def together(talks: Sequence[Talk[T]]) -> list[T]:
    """Hold all conversations side by side to their ends; what they return, in their order."""
    if len(talks) == 1:
        return [alone(talks[0])]
    results: dict[int, T] = {}
    waiting: dict[int, tuple[EngineProcess, float]] = {}
    due = list(range(len(talks)))
    try:
        while True:
            for index in due:
                try:
                    waiting[index] = next(talks[index])
                except StopIteration as end:
                    waiting.pop(index, None)
                    results[index] = end.value
            if not waiting:
                return [results[index] for index in range(len(talks))]
            until = min(deadline for _, deadline in waiting.values())
            pump([process for process, _ in waiting.values()], max(0.0, until - time.monotonic()))
            now = time.monotonic()
            due = [i for i, (process, deadline) in waiting.items() if process.has_news or now >= deadline]
    finally:
        for talk in talks:
            talk.close()


def alone(talk: Talk[T]) -> T:
    """Hold one conversation to its end."""
    try:
        while True:
            process, deadline = next(talk)
            while True:
                left = deadline - time.monotonic()
                process.pump(left)
                if process.has_news or left <= 0:
                    break
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        talk.close()


def next_line(process: EngineProcess, deadline: float, doing: str) -> Talk[str]:
    """The program's next line. Raises EngineFault: its end, or a hang at the deadline."""
    began = time.monotonic()
    while (line := process.line()) is None:
        if process.ended:
            raise process.end_fault(doing)
        if (now := time.monotonic()) >= deadline:
            raise process.fault("hang", f"was silent for {now - began:.3g} s {doing}")
        yield process, deadline
    return line
