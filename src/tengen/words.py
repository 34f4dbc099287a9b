"""Words in messages: the nearest known name to one that is not known."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `word`, if any is like it at all."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str], label: str) -> str:
    """ "did you mean NAME?", or else every known name after `label`."""
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near}?" if near else f"{label}: {', '.join(names) or 'none'}"
