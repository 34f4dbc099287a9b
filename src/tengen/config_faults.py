"""What is wrong with a configuration, in one sentence."""

import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tengen.words import nearest

WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "none_required": "empty (null)",
}
BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}

ELSEWHERE = {  # keys that only other kinds of training have
    "learner.devices": "several devices are for learners of boards: kinds alphazero and supervised",
}
ITEM = "<n>"  # stands for the number of an item in the key of a list's sections


def describe(
    error: ValidationError, model: type[BaseModel], data: Any, source: str, overrides: Sequence[str]
) -> str:
    """One sentence for the fault that explains most: an unknown key before all else.

    `data` is what was validated, `source` the file, `overrides` the dotted keys set on the command line.
    """
    faults = error.errors(include_url=False)
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    path = _path_in(data, fault)
    key = ".".join(map(str, path))
    if key and any(_overlap(key, name) for name in overrides):
        source = "command line"
    rivals = [other for other in faults if _path_in(data, other) == path]
    sentence = _neither(rivals) or _sentence(fault, path, model)
    return f"{source}: {key}: {sentence}" if key else f"{source}: {sentence}"


def _overlap(key: str, override: str) -> bool:
    """Whether one of the dotted keys holds the other."""
    return f"{key}.".startswith(f"{override}.") or override.startswith((f"{key}.", f"{key}["))


def _neither(faults: Sequence[ErrorDetails]) -> str | None:
    """What a union of plain types would take, where that can be said: each member has a fault of its own."""
    wanted = [
        WANTED.get(fault["type"]) or (fault["type"] == "literal_error" and str(fault["ctx"]["expected"]))
        for fault in faults
    ]
    if len(faults) < 2 or not all(wanted):
        return None
    return f"{_show(faults[0]['input'])} is not {' or '.join(map(str, wanted))}"


def _sentence(fault: ErrorDetails, path: list[str | int], model: type[BaseModel]) -> str:
    kind, value, context = fault["type"], _show(fault["input"]), fault.get("ctx", {})
    if kind == "extra_forbidden" and (words := ELSEWHERE.get(".".join(map(str, path)))):
        return words
    if kind == "extra_forbidden":
        return f"unknown key; {_near_key(path, model)}"
    if kind == "missing":
        return f"missing{_hint(path, model)}; give it a value"
    if kind in WANTED:
        return f"{value} is not {WANTED[kind]}"
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        return f"{value} is out of range; it must be {words} {context[name]}"
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"])
        near = nearest(
            str(fault["input"]), [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
        )
        return f"{value} is not one of {expected}" + (f"; did you mean {near}?" if near else "")
    if kind in ("value_error", "assertion_error"):
        reason = str(context.get("error", fault["msg"]))
        return reason if isinstance(fault["input"], dict) else f"{value} is not right: {reason}"
    message = fault["msg"]
    return f"{value} is not right: {message[:1].lower()}{message[1:]}"


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "a section of keys"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _path_in(data: Any, fault: ErrorDetails) -> list[str | int]:
    """The fault's place in the file: pydantic's location without the names of a union's members."""
    path: list[str | int] = []
    for part in fault["loc"]:
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if inside:
            data = data[part]
        elif fault["type"] != "missing" or part != fault["loc"][-1]:
            continue
        path.append(part)
    return path


def _near_key(path: list[str | int], model: type[BaseModel]) -> str:
    """The valid key that was probably meant: among its neighbours, then anywhere, in full dotted form."""
    numbers = [str(part) for part in path if isinstance(part, int)]
    found = _near_dotted([ITEM if isinstance(part, int) else part for part in path], model)
    for number in numbers:
        found = found.replace(ITEM, number, 1)
    return found


def _near_dotted(path: list[str], model: type[BaseModel]) -> str:
    *section, leaf = path
    prefix = ".".join(section)
    keys = dict(_keys(model))
    siblings = [key for key in keys if key.rpartition(".")[0] == prefix]
    leaves = {key.rpartition(".")[2]: key for key in siblings}
    near = nearest(leaf, leaves)
    if near:
        return f"did you mean {leaves[near]}?"
    elsewhere = [key for key in keys if key.rpartition(".")[2] == leaf]
    others = [key for key in keys if key != prefix]
    meant = elsewhere[0] if elsewhere else nearest(".".join(map(str, path)), others, cutoff=0.75)
    if meant:
        return f"did you mean {meant}?"
    return f"the keys of {prefix or 'a configuration'} are {', '.join(sorted(leaves)) or 'none'}"


def _hint(path: list[str | int], model: type[BaseModel]) -> str:
    text = dict(_keys(model)).get(".".join(ITEM if isinstance(part, int) else part for part in path))
    return f" ({text})" if text else ""


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every valid dotted key with the field's description."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield key, field.description
        for section, in_list in _sections(field.annotation):
            yield from _keys(section, f"{key}.{ITEM}." if in_list else f"{key}.")


def _sections(annotation: Any, in_list: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """Models that may stand under a key, in its union or its list, and whether that is a list."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, in_list
    elif origin in (typing.Union, types.UnionType, typing.Annotated, list, tuple):
        for member in typing.get_args(annotation):
            yield from _sections(member, in_list or origin in (list, tuple))
