"""The tutorial in docs/adding-a-game.md, followed to the letter."""

import importlib.util
import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tengen.cli import main
from tengen.envs import Game, game_names, make_game, registry
from tests.contract import CHECKS

PAGE = Path(__file__).parents[1] / "docs" / "adding-a-game.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Game]:
    """Tic-Tac-Toe as the page builds it, registered by the page's own line."""
    lines = [block for block in blocks("python") if block.startswith("# envs/registry.py")]
    file = tmp_path_factory.mktemp("envs") / "tictactoe.py"
    file.write_text("\n".join(block for block in blocks("python") if block not in lines))
    name = "tengen.envs.tictactoe"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    patch = pytest.MonkeyPatch()
    patch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    [(family, path)] = re.findall(r'"(\w+)": "([\w.:]+)"', "".join(lines))
    patch.setitem(registry.FAMILIES, family, path)
    yield make_game(family)
    patch.undo()
    make_game.cache_clear()


def test_one_line_registers_the_game(game: Game) -> None:
    assert game.name in game_names() and make_game("tictactoe") is game


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_the_tutorials_game_keeps_the_contract(game: Game, check: Callable[[Game], None]) -> None:
    check(game)


def test_the_tutorials_counts_are_right(game: Game) -> None:
    [counts] = re.findall(r"has ([\d, ]+) sequences", PAGE.read_text("utf-8"))
    assert game.perft(game.new_states(1), 9) == [int(count) for count in counts.split(", ")]


def commands() -> list[str]:
    return [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("command", commands())
def test_the_tutorials_commands_work(
    game: Game, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    program, *arguments = shlex.split(command)
    assert program == "tengen" and main(arguments) == 0
    assert capsys.readouterr().out


def test_search_with_random_games_does_not_lose(game: Game, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", "mcts?sims=100", "random", "--game", "tictactoe", "--games", "20", "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["score"] > 0.8
