"""Recipes: what they may hold, and the one sentence that each fault gets."""

import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from tengen.config import ConfigModel, load_config, shipped_recipes, to_yaml
from tengen.errors import MachineError, TengenError


class Search(ConfigModel):
    simulations: int = Field(32, ge=1, le=100_000)
    selection: Literal["gumbel", "puct"] = "gumbel"
    c_scale: float = 0.5


class Network(ConfigModel):
    channels: tuple[int, ...] = (32, 64)
    dropout: float | None = None


class Recipe(ConfigModel):
    game: str
    """registered name of the game"""
    search: Search = Search()
    network: Network = Network()
    symmetries: bool = True
    device: int | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _first_layer(self) -> "Recipe":
        if self.network.channels[:1] == (13,):
            raise ValueError("network.channels: 13 brings bad luck; 12 or 14 would do")
        return self


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write go9.yaml and read it."""
    monkeypatch.chdir(tmp_path)

    def load(text: str | bytes, *overrides: str) -> Recipe:
        data = text if isinstance(text, bytes) else text.encode()
        Path("go9.yaml").write_bytes(data)
        return load_config("go9.yaml", Recipe, overrides)

    return load


def test_values_defaults_interpolations_and_overrides_come_together(recipe):
    text = (
        "game: go9\nsearch: {simulations: 64, c_scale: 1}\nnetwork: {channels: [16, '${search.simulations}']}"
    )
    config = recipe(text, "search.simulations=8", "network.dropout=1e-3", "symmetries=false")
    assert config.search == Search(simulations=8, c_scale=1.0)
    assert config.symmetries is False


def test_a_configuration_cannot_be_changed_once_read(recipe):
    with pytest.raises(ValidationError, match="frozen"):
        recipe("game: go9").game = "go5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "game: go9\nsearch: {simulatons: 3}",
            "go9.yaml: search.simulatons: unknown key; did you mean search.simulations?",
        ),
        ("game: go9\nsimulations: 3", "go9.yaml: simulations: unknown key; did you mean search.simulations?"),
        ("game: go9\nserch: {}", "go9.yaml: serch: unknown key; did you mean search?"),
        (
            "game: go9\nnetwork: {qqq: 1}",
            "go9.yaml: network.qqq: unknown key; the keys of network are channels, dropout",
        ),
        (
            "search: {simulatons: 3}",
            "go9.yaml: search.simulatons: unknown key; did you mean search.simulations?",
        ),
        ("symmetries: true", "go9.yaml: game: missing (registered name of the game); give it a value"),
        ("game: 9", "go9.yaml: game: 9 is not text"),
        ("game: go9\nsearch: 3", "go9.yaml: search: 3 is not a section of keys"),
        ("game: go9\nsearch:", "go9.yaml: search: nothing (null) is not a section of keys"),
        (
            "game: go9\nsearch: {simulations: many}",
            "go9.yaml: search.simulations: 'many' is not a whole number",
        ),
        ("game: go9\nsearch: {simulations: '8'}", "go9.yaml: search.simulations: '8' is not a whole number"),
        ("game: go9\nsearch: {simulations: 8.0}", "go9.yaml: search.simulations: 8.0 is not a whole number"),
        (
            "game: go9\nsearch: {simulations: true}",
            "go9.yaml: search.simulations: true is not a whole number",
        ),
        (
            "game: go9\nsearch: {simulations: 0}",
            "go9.yaml: search.simulations: 0 is out of range; it must be at least 1",
        ),
        (
            "game: go9\nsearch: {simulations: 1000000}",
            "go9.yaml: search.simulations: 1000000 is out of range; it must be at most 100000",
        ),
        ("game: go9\nsearch: {c_scale: big}", "go9.yaml: search.c_scale: 'big' is not a number"),
        (
            "game: go9\nsearch: {selection: puckt}",
            "go9.yaml: search.selection: 'puckt' is not one of 'gumbel' or 'puct'; did you mean puct?",
        ),
        ("game: go9\nsymmetries: 1", "go9.yaml: symmetries: 1 is not true or false"),
        ("game: go9\ndevice: {}", "go9.yaml: device: a section of keys is not a whole number or 'auto'"),
        ("game: go9\nsearch: {c_scale: .inf}", "go9.yaml: search.c_scale: inf is not a finite number"),
        ("game: go9\nnetwork: {channels: 8}", "go9.yaml: network.channels: 8 is not a list"),
        (
            "game: go9\nnetwork: {channels: [8, x]}",
            "go9.yaml: network.channels.1: 'x' is not a whole number",
        ),
        (
            "game: go9\nnetwork: {channels: [13]}",
            "go9.yaml: network.channels: 13 brings bad luck; 12 or 14 would do",
        ),
        ("game: ${nothing}", "go9.yaml: game: Interpolation key 'nothing' not found"),
        ("game: '???'", "go9.yaml: game: Missing mandatory value: game"),
        ("", "go9.yaml: is empty; a configuration is a mapping of keys to values"),
        ("# only a comment\n", "go9.yaml: is empty; a configuration is a mapping of keys to values"),
        ("- game\n", "go9.yaml: is a list, not a mapping of keys to values"),
        ("go9", "go9.yaml: is a single value, not a mapping of keys to values"),
        (
            "a: b: c",
            "go9.yaml: not valid YAML: line 1, column 5: mapping values are not allowed here",
        ),
        ("game: go9\ngame: go5", "go9.yaml: not valid YAML: line 2, column 1: found duplicate key game"),
        (
            "game: [go9",
            "go9.yaml: not valid YAML: line 1, column 11: expected ',' or ']', but got '<stream end>'",
        ),
        (b"game: \xff", "go9.yaml: not UTF-8 text (byte 6); a configuration is a YAML file"),
        (b"game: \x00\x01", "go9.yaml: not valid YAML: "),
    ],
)
def test_a_fault_is_one_sentence_that_names_file_key_and_value(recipe, text, sentence):
    with pytest.raises(TengenError) as fault:
        recipe(text)
    assert str(fault.value).startswith(sentence)
    assert "\n" not in str(fault.value)
    assert fault.value.exit_code == 2


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "search.simulatons=3",
            "command line: search.simulatons: unknown key; did you mean search.simulations?",
        ),
        ("search.simulations=x", "command line: search.simulations: 'x' is not a whole number"),
        ("search=", "command line: search: nothing (null) is not a section of keys"),
        (
            "network.channels.first=1",
            "command line: network.channels: a section of keys is not a list",
        ),
        ("search", "command line: 'search' is not of the form key=value"),
        ("search..simulations=3", "command line: 'search..simulations=3' is not of the form key=value"),
        ("=3", "command line: '=3' is not of the form key=value"),
        ("game=[", "command line: 'game=[' cannot be applied: "),
    ],
)
def test_a_fault_on_the_command_line_is_told_from_one_in_the_file(recipe, override, sentence):
    with pytest.raises(TengenError) as fault:
        recipe("game: go9", override)
    assert str(fault.value).startswith(sentence)
    assert "\n" not in str(fault.value)


def test_a_missing_file_is_answered_with_the_nearest_one(recipe):
    recipe("game: go9")
    with pytest.raises(TengenError, match=r"^go9\.yml: no such file; did you mean go9\.yaml\?$"):
        load_config("go9.yml", Recipe)
    with pytest.raises(TengenError, match=r"^/nowhere/x\.yaml: no such file; recipes that ship"):
        load_config("/nowhere/x.yaml", Recipe)
    with pytest.raises(TengenError, match=r"^the name of the configuration is empty"):
        load_config("", Recipe)
    with pytest.raises(TengenError, match=r"^\.: is a folder, not a configuration file"):
        load_config(".", Recipe)


def test_a_bare_name_is_a_recipe_that_ships_unless_a_file_has_it(recipe, monkeypatch, tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "tiny.yaml").write_text("game: go5")
    (shipped / "large.yaml").write_text("game: 19")
    monkeypatch.setattr("tengen.config.SHIPPED", shipped)
    assert shipped_recipes() == ["large", "tiny"]
    for name in ("tiny", "tiny.yaml", "configs/tiny.yaml", "configs/tiny"):
        assert load_config(name, Recipe).game == "go5"
    with pytest.raises(TengenError, match=r"^configs/large\.yaml: game: 19 is not text"):
        load_config("large", Recipe)
    with pytest.raises(TengenError, match=r"^tyny: no such file; did you mean tiny\?"):
        load_config("tyny", Recipe)
    Path("tiny.yaml").write_text("game: checkers")
    assert load_config("tiny.yaml", Recipe).game == "checkers"


def test_a_file_that_may_not_be_read_is_the_machines_fault(recipe, monkeypatch):
    recipe("game: go9")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(MachineError, match=r"^go9\.yaml: cannot be read: Permission denied"):
        load_config("go9.yaml", Recipe)


@given(
    st.builds(
        Recipe,
        game=st.text(),
        search=st.builds(
            Search, simulations=st.integers(1, 1000), c_scale=st.floats(allow_nan=False, allow_infinity=False)
        ),
        network=st.builds(
            Network,
            channels=st.lists(st.integers(14, 99)).map(tuple),
            dropout=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        symmetries=st.booleans(),
    )
)
def test_a_configuration_written_out_reads_back_equal(tmp_path_factory, config):
    file = tmp_path_factory.getbasetemp() / f"again-{os.getpid()}.yaml"
    file.write_text(to_yaml(config), "utf-8")
    assert load_config(file, Recipe) == config


def test_every_kind_of_training_has_a_module_that_trains_it():
    from importlib import import_module

    from tengen.cli.train import RUNNERS
    from tengen.selfplay.kinds import KINDS

    assert RUNNERS.keys() == KINDS.keys()
    for name in RUNNERS.values():
        module = import_module(f"tengen.cli.{name}")
        assert callable(module.check) and callable(module.train)
