"""Games by name: `go9`, `checkers`, `go:size=11,komi=6.5`."""

import difflib
import importlib
import inspect
from functools import lru_cache

from tengen.envs.game import Game
from tengen.errors import TengenError

#: Family -> class, imported when asked for. A new game is one line here.
FAMILIES = {
    "go": "tengen.envs.go:Go",
    "checkers": "tengen.envs.checkers:Checkers",
    "connect4": "tengen.envs.connect4:Connect4",
    "chess": "tengen.envs.chess:Chess",
}

#: Short names -> full ones.
ALIASES = {
    "go5": "go:size=5",
    "go7": "go:size=7",
    "go9": "go:size=9",
    "go13": "go:size=13",
    "go19": "go:size=19",
}


def game_names() -> list[str]:
    """Every registered name, as `tengen games` lists them."""
    return [*ALIASES, *(family for family in FAMILIES if family != "go")]


def option_defaults(cls: type[Game]) -> dict[str, object]:
    """The options that a family's names may carry, with their defaults; None is chosen by the game."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    named = [
        p for p in parameters if p.name != "self" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    return {p.name: None if p.default is p.empty else p.default for p in named}


def alias_options(name: str) -> dict[str, object]:
    """The options that a short name sets, such as {"size": 5} for go5; none for other names."""
    words = ALIASES.get(name, "").partition(":")[2].split(",")
    pairs = (word.partition("=") for word in words if word)
    return {key: int(value) for key, _, value in pairs}


@lru_cache(maxsize=64)
def make_game(name: str) -> Game:
    """The game that a name stands for: an alias, a family, or `family:key=value,...`.

    Raises TengenError for an unknown name (with the nearest known one), option or value.
    """
    text = name.strip()
    known = {*FAMILIES, *ALIASES}
    family, _, options_text = text.partition(":")
    if family in ALIASES:
        full = ALIASES[family]
        family, _, base = full.partition(":")
        options_text = ",".join(filter(None, (base, options_text)))
    if family not in FAMILIES:
        near = difflib.get_close_matches(family, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known games: {', '.join(game_names())}"
        raise TengenError(f"unknown game '{name}'; {hint}")
    module, _, cls_name = FAMILIES[family].partition(":")
    cls: type[Game] = getattr(importlib.import_module(module), cls_name)
    options = {}
    for part in filter(None, options_text.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise TengenError(f"game '{name}': option '{part}' is not of the form key=value")
        if key in options:
            raise TengenError(f"game '{name}': option '{key}' is given twice")
        options[key] = value
    names = list(option_defaults(cls))
    for key in options:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"options: {', '.join(names) or 'none'}"
            raise TengenError(f"game '{name}': unknown option '{key}'; {hint}")
    return cls(**options)
