"""The Universal Chess Interface as text, and an engine's options checked before they are set.

S. Meyer-Kahlen, R. Huber, "Description of the universal chess interface (UCI)", 2006. python-chess gives what
it has in public: the type of an option with its checks, and a map that knows no upper and lower case. Its
readers of lines cannot be borrowed: that of `option` stands in an asyncio coroutine that owns the program,
and those of `info` and `bestmove` are private and want a chess.Board, while this door is for any game.
"""

import math
import re
from collections.abc import Iterable, Mapping

import chess.engine

from tengen.agents.engines.faults import printable
from tengen.errors import TengenError
from tengen.words import did_you_mean, nearest

Option = chess.engine.Option
_OPTION = re.compile(r"option name (.+?) type (check|spin|combo|button|string)\b(.*)")
_SCORE = re.compile(r" score (cp|mate) (-?[0-9]{1,9})(?! (?:lower|upper)bound)(?= |$)")
_SHORT = re.compile(r"[\s_-]+")
CURVE_SCALE, CURVE_BEND = 111.714640912, 1.5620688421
LIMIT_STRENGTH, ELO, SKILL = "UCI_LimitStrength", "UCI_Elo", "Skill Level"


class UciFault(TengenError):
    """Text that is not the protocol."""


class OptionFault(TengenError):
    """An option that the engine does not have, or a value that it does not take."""


def parse_option(line: str) -> Option:
    """The option that a line declares. Raises UciFault."""
    match = _OPTION.fullmatch(" ".join(line.split()))
    if not match:
        raise UciFault(f"expected 'option name NAME type TYPE', got '{printable(line, 80)}'")
    name, kind, rest = match[1], match[2], match[3]
    if kind == "string":
        return Option(name, kind, rest.removeprefix(" default").strip(), None, None, [])
    values: dict[str, list[str]] = {}
    for part in re.split(r" (?=(?:default|min|max|var) )", rest)[1:]:
        key, _, value = part.partition(" ")
        values.setdefault(key, []).append(value.strip())
    bounds: list[int | None] = []
    for key in ("min", "max"):
        text = values.get(key, [""])[0]
        if text and not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise UciFault(f"option {printable(name, 40)}: {key} is '{printable(text, 40)}', and no number")
        bounds.append(int(text) if text else None)
    default = values["default"][0] if "default" in values else None
    return Option(name, kind, default, bounds[0], bounds[1], values.get("var", []))


def option_lines(given: Mapping[str, str], known: Mapping[str, Option]) -> list[str]:
    """The `setoption` commands for options as an agent string has them: name -> value.

    elo and skill are short for what most engines call UCI_Elo (with UCI_LimitStrength) and Skill Level; other
    names are the engine's own, in any case, with spaces, underscores or neither. Raises OptionFault.
    """
    wanted: dict[str, tuple[str, str]] = {}  # name of the engine -> as the user called it, and the value
    for word, value in given.items():
        if word == "elo":
            wanted[LIMIT_STRENGTH] = word, "true"
        wanted[{"elo": ELO, "skill": SKILL}.get(word, word)] = word, value
    names = {_SHORT.sub("", name).lower(): name for name in known}
    lines = []
    for name, (word, value) in wanted.items():
        short = _SHORT.sub("", name).lower()
        found = names.get(short)
        if found is None:
            near = nearest(short, names)
            hint = _hint(names[near] if near else name, names.values())
            meant = name if name == word else f"{word} ({name})"
            raise OptionFault(f"has no option {printable(meant, 60)}; {hint}")
        lines.append(_setoption(known[found], value))
    return lines


def _setoption(option: Option, value: str) -> str:
    name = printable(option.name, 60)
    if option.is_managed():
        raise OptionFault(f"has option {name}, which is not for you to set: the match does")
    if option.type == "button":
        if value != "true":
            raise OptionFault(f"has option {name}, a button: {value[:40]!r} must be true")
        return f"setoption name {option.name}"
    if option.type == "check" and value not in ("true", "false"):
        raise OptionFault(f"has option {name}, which must be true or false, got {value[:40]!r}")
    if option.type == "combo" and value not in (option.var or []):
        raise OptionFault(
            f"has option {name}, and not {value[:40]!r} for it; {_hint(value, option.var or [])}"
        )
    try:
        taken = option.parse(value) if option.type in ("spin", "string") else value
    except chess.engine.EngineError:
        span = f"a whole number from {option.min} to {option.max}" if option.type == "spin" else "one line"
        raise OptionFault(f"has option {name}, which must be {span}, got {value[:40]!r}") from None
    return f"setoption name {option.name} value {taken}"


def _hint(word: str, known: Iterable[str]) -> str:
    return printable(did_you_mean(word, known, "it has"), 400)


def parse_bestmove(line: str) -> str | None:
    """The move of a `bestmove` line, None where the engine has none. Raises UciFault."""
    words = line.split()
    if len(words) not in (2, 4) or (len(words) == 4 and words[2] != "ponder") or len(words[1]) > 12:
        raise UciFault(f"expected 'bestmove MOVE', got '{printable(line, 80)}'")
    return None if words[1] in ("(none)", "0000", "NULL") else words[1]


def parse_score(line: str) -> float | None:
    """The value from -1 to 1 that an `info` line tells for the side to move, None where it tells none."""
    found = _SCORE.search(line)
    if not found or (" multipv " in line and " multipv 1 " not in line):
        return None
    number = int(found[2])
    if found[1] == "mate":
        return 1.0 if number > 0 else -1.0
    return value_of_centipawns(number)


def value_of_centipawns(centipawns: float) -> float:
    """A value in [-1, 1] by the curve with which Leela Chess Zero shows its own in centipawns."""
    return min(1.0, max(-1.0, math.atan(centipawns / CURVE_SCALE) / CURVE_BEND))


def centipawns_of_value(value: float) -> int:
    """The inverse of `value_of_centipawns`."""
    return round(CURVE_SCALE * math.tan(CURVE_BEND * min(1.0, max(-1.0, value))))
