"""What a pipeline may be told: trainings in a row, each of which may start from what came before."""

import re
from typing import Any, Literal

from pydantic import model_validator

from tengen.selfplay.config import RunConfig
from tengen.words import did_you_mean

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
REFERENCE = re.compile(r"stage:([A-Za-z0-9_-]*)")  # in any text of a stage: the checkpoint of another one


class PipelineConfig(RunConfig):
    """Stages in order. Game and seed are those of the whole where a stage has none of its own."""

    kind: Literal["pipeline"] = "pipeline"
    stages: dict[str, dict[str, Any]]
    """By name: a recipe of any kind, or a tournament; `stage:NAME` stands for an earlier one's network."""

    @model_validator(mode="after")
    def _in_order(self) -> "PipelineConfig":
        if not self.stages:
            raise ValueError("stages: there is none; a pipeline needs one stage or more")
        before: list[str] = []
        for name, stage in self.stages.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"stages: '{name}' names no folder; letters, digits, - and _ do")
            for used in references(stage):
                if used not in before:
                    hint = did_you_mean(used, before, "earlier stages") if before else "it is the first one"
                    raise ValueError(f"stages.{name}: 'stage:{used}' is no earlier stage; {hint}")
            before.append(name)
        return self

    def filled(self, name: str, networks: dict[str, str]) -> dict[str, Any]:
        """A stage's own values, references replaced by the paths `networks` of stages by name."""
        stage = {"game": self.game, "seed": self.seed, **self.stages[name]}
        found: dict[str, Any] = _replaced(stage, networks)
        return found


def references(value: Any) -> list[str]:
    """The stages that a stage's values name."""
    if isinstance(value, dict):
        return [name for item in value.values() for name in references(item)]
    if isinstance(value, list):
        return [name for item in value for name in references(item)]
    return REFERENCE.findall(value) if isinstance(value, str) else []


def _replaced(value: Any, networks: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, networks) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, networks) for item in value]
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: networks[match[1]], value)
    return value
