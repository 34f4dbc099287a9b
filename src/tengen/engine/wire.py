"""What a session may do besides answering: say something while it works, and ask whether it should stop."""

from typing import Protocol


class Wire(Protocol):
    """The other side, as a session sees it while a command goes on."""

    def send(self, text: str) -> None:
        """Let it have text at once."""

    def flush(self) -> None:
        """Let it have the responses that were kept back to go together."""

    def pending(self) -> bool:
        """Whether it has sent another line, or has gone."""

    def closed(self) -> bool:
        """Whether it has gone and hears no answer."""

    def heard(self, *words: str) -> bool:
        """Whether one of these words begins a line that waits."""

    def wait(self, seconds: float) -> None:
        """Do nothing for so long, or until it sends something."""


class Silent:
    """Nobody: whatever goes on ends at once. What was said is in `said`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def send(self, text: str) -> None:
        """See Wire."""
        self.said.append(text)

    def flush(self) -> None:
        """See Wire."""

    def pending(self) -> bool:
        """See Wire."""
        return True

    def closed(self) -> bool:
        """See Wire."""
        return False

    def heard(self, *words: str) -> bool:
        """See Wire."""
        return True

    def wait(self, seconds: float) -> None:
        """See Wire."""
