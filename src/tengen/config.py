"""Recipes: YAML files read into frozen pydantic models, each fault one sentence."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, ValidationError

from tengen.config_faults import describe
from tengen.errors import MachineError, TengenError
from tengen.words import did_you_mean, nearest

M = TypeVar("M", bound=BaseModel)

SHIPPED = Path(__file__).parent / "configs"


class ConfigModel(BaseModel):
    """Base of every configuration: frozen, no unknown keys, strict types (an int serves as a float)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Tengen."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def find_config(path: str | Path) -> Path:
    """The file that a path or a recipe's name ("demo", "configs/demo.yaml") stands for.

    A file wins over a shipped recipe of the same name. Raises TengenError with the nearest names.
    """
    given = Path(path)
    if not str(path).strip():
        raise TengenError(f"the name of the configuration is empty; {_recipes_hint()}")
    if given.is_file():
        return given
    parent = given.parent.as_posix()
    if parent in (".", "configs") and given.suffix in ("", ".yaml") and given.stem:
        shipped = SHIPPED / f"{given.stem}.yaml"
        if shipped.is_file():
            return shipped
    if given.is_dir():
        raise TengenError(f"{path}: is a folder, not a configuration file; {_recipes_hint()}")
    try:
        files = [*given.parent.glob("*.yaml"), *given.parent.glob("*.yml")]
    except OSError:
        files = []
    near = nearest(str(path), [str(file) for file in files]) or nearest(given.stem, shipped_recipes())
    raise TengenError(f"{path}: no such file; {f'did you mean {near}?' if near else _recipes_hint()}")


def _recipes_hint() -> str:
    return f"recipes that ship with tengen: {', '.join(shipped_recipes()) or 'none'}"


def load_config(path: str | Path, model: type[M] | Mapping[str, type[M]], overrides: Sequence[str] = ()) -> M:
    """Read a YAML file (interpolations allowed) and dotted `key=value` overrides into a model.

    Of several models, by the value of the key "kind"; the first is meant where the file has none.
    Raises TengenError that names the file, the dotted key, the value and what would be right;
    MachineError where the file may not be read.
    """
    file = find_config(path)
    shown = f"configs/{file.name}" if file.parent == SHIPPED else str(path)
    config = _parse(_read(file, shown), shown)
    keys = [_override(config, text) for text in overrides]
    try:
        data = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = f"{error.full_key}: " if error.full_key else ""
        raise TengenError(f"{shown}: {key}{_first_line(error)}") from None
    if isinstance(model, Mapping):
        model = _of_kind(model, data, shown)
    try:
        # Strict JSON is the mode in which a list may fill a tuple and yet "3" is not 3.
        return model.model_validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise TengenError(describe(error, model, data, shown, keys)) from None


def _of_kind(models: Mapping[str, type[M]], data: Any, shown: str) -> type[M]:
    kind = data.get("kind", next(iter(models)))
    if not isinstance(kind, str) or kind not in models:
        what, hint = "training", did_you_mean(str(kind), models, "kinds")
        if kind == "tournament":
            hint = f"play it with 'tengen tournament {shown}'"
        elif list(models) == ["tournament"]:
            what, hint = "tournament", f"a recipe is for 'tengen train {shown}'"
        raise TengenError(f"{shown}: kind: '{kind}' is no kind of {what}; {hint}")
    return models[kind]


def to_yaml(config: BaseModel) -> str:
    """The whole configuration as YAML that `load_config` reads back to an equal model."""
    return OmegaConf.to_yaml(OmegaConf.create(_escape(config.model_dump(mode="json"))))


def _escape(value: Any) -> Any:
    """Keep a literal ${...} in a string from being read as an interpolation."""
    if isinstance(value, dict):
        return {key: _escape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escape(item) for item in value]
    # OmegaConf reads pairs of backslashes before ${ as single ones.
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def _read(file: Path, shown: str) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise TengenError(
            f"{shown}: not UTF-8 text (byte {error.start}); a configuration is a YAML file"
        ) from None
    except OSError as error:
        raise MachineError(f"{shown}: cannot be read: {error.strerror}") from None


def _parse(text: str, shown: str) -> DictConfig:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise TengenError(f"{shown}: is empty; a configuration is a mapping of keys to values")
        if not isinstance(node, yaml.MappingNode):
            kind = "list" if isinstance(node, yaml.SequenceNode) else "single value"
            raise TengenError(f"{shown}: is a {kind}, not a mapping of keys to values")
        config = OmegaConf.create(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise TengenError(f"{shown}: not valid YAML: {where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise TengenError(f"{shown}: not valid YAML: {_first_line(error)}") from None
    except OmegaConfBaseException as error:
        raise TengenError(f"{shown}: {_first_line(error)}") from None
    assert isinstance(config, DictConfig)
    return config


def _override(config: DictConfig, text: str) -> str:
    """Apply one `key=value`; returns its key."""
    key, equals, _ = text.partition("=")
    if not equals or not all(part.strip() for part in key.split(".")):
        raise TengenError(f"command line: '{text}' is not of the form key=value, such as seed=7")
    try:
        config.merge_with_dotlist([text])
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError, IndexError) as error:
        raise TengenError(f"command line: '{text}' cannot be applied: {_first_line(error)}") from None
    return key


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
