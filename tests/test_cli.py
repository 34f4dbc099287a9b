"""The command line: light to start, one sentence for every fault."""

import errno
import json
import os
import subprocess
import sys

import pytest

from tengen import __version__, cli
from tengen.errors import MachineError, TengenError

HEAVY = ("torch", "ray", "numba", "numpy", "rich", "pydantic", "omegaconf")


def tengen(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tengen", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def fault(capsys, *arguments: str) -> str:
    """The one sentence that wrong usage is answered with."""
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("tengen: error: ")
    return line.removeprefix("tengen: error: ")


def last_json(text: str) -> dict:
    return json.loads(text.splitlines()[-1])


@pytest.mark.parametrize("arguments", [["--help"], ["perft", "--help"], ["games", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import sys; from tengen.cli import main; code = main(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for command, summary in cli.COMMANDS.items():
        assert f"    {command} " in out
        assert summary in out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"tengen {__version__}\n"


def test_no_command_shows_the_help_as_wrong_usage(capsys):
    assert cli.main([]) == 2
    assert "commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gmaes"], "unknown command 'gmaes'; did you mean games?"),
        (["xyzzy"], "unknown command 'xyzzy'; commands: train, play"),
        (["games", "--jsn"], "unknown argument '--jsn'; see 'tengen games --help'"),
        (["games", "a=1"], "unknown argument 'a=1'; see 'tengen games --help'"),
        (["perft"], "the following arguments are required: GAME, DEPTH; see 'tengen perft --help'"),
        (
            ["perft", "connect4", "deep"],
            "argument DEPTH: invalid int value: 'deep'; see 'tengen perft --help'",
        ),
        (["perft", "connect4", "0"], "depth 0 is out of range; it must be from 1 to 100"),
        (["perft", "conect4", "2"], "unknown game 'conect4'; did you mean connect4?"),
        (["perft", "connect4", "2", "--position", "huh"], "position 'huh': "),
        (["perft", "connect4:args=1", "2"], "game 'connect4:args=1': unknown option 'args'; options: none"),
        (["perft", "go:size=5,size=7", "2"], "game 'go:size=5,size=7': option 'size' is given twice"),
        (["perft", "x" * 1000, "2"], f"unknown game '{'x' * 51}"),
        (["config", "show", "x" * 1000], f"{'x' * 60}... File name too long"),
        (["config"], "the following arguments are required: ACTION"),
        (["config", "show", "no-such"], "no-such: no such file; recipes that ship with tengen: "),
        (["bench", "ruls"], "unknown benchmark 'ruls'; did you mean rules?"),
        (["bench", "rules", "--seconds", "0"], "--seconds 0 is out of range; it must be above 0"),
        (["bench", "rules", "--gme"], "unrecognized arguments: --gme; see 'tengen bench rules --help'"),
        (
            ["bench", "rules", "--game", "connect4"],
            "no rules benchmark for 'connect4'; there is one for go",
        ),
    ],
)
def test_wrong_usage_is_one_sentence(capsys, arguments, sentence):
    assert fault(capsys, *arguments).startswith(sentence)


def test_perft_of_connect_four(capsys):
    assert cli.main(["perft", "connect4", "4", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("depth  1                     7 ")
    answer = last_json(out)
    assert answer.pop("seconds") >= 0
    position = answer.pop("position")
    assert answer == {"game": "connect4", "counts": [7, 49, 343, 2401]}
    assert cli.main(["perft", "connect4", "1", "--position", position, "--json"]) == 0
    assert last_json(capsys.readouterr().out)["position"] == position


def test_games_are_listed_with_their_sizes(capsys):
    assert cli.main(["games"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["go9", "go", "82"] for line in lines)
    assert cli.main(["games", "--json"]) == 0
    games = {game["name"]: game for game in last_json(capsys.readouterr().out)["games"]}
    assert games["connect4"]["actions"] == 7
    assert games["go19"]["observation"][1:] == [19, 19]
    assert "komi" in games["go9"]["options"]
    assert games["go5"]["options"]["size"] == 5


def test_worlds_are_listed_by_name(capsys):
    assert cli.main(["games", "--worlds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"atari/Breakout", "atari/MsPacman", "gym/CartPole-v1"} <= set(lines)
    assert cli.main(["games", "--worlds", "--json"]) == 0
    assert last_json(capsys.readouterr().out) == {"worlds": lines}


def test_agents_are_explained(capsys):
    from tengen.agents.registry import AGENT_KINDS

    assert cli.main(["agents"]) == 0
    out = capsys.readouterr().out
    for kind in AGENT_KINDS.values():
        assert kind.name in out
        assert all(example in out for example in kind.examples)
    assert cli.main(["agents", "--json"]) == 0
    assert {agent["name"] for agent in last_json(capsys.readouterr().out)["agents"]} == set(AGENT_KINDS)


def test_config_show_prints_what_it_reads_back(capsys, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("game: go5\nseed: 3\n")
    assert cli.main(["config", "show", str(file), "seed=4"]) == 0
    again = tmp_path / "again.yaml"
    again.write_text(capsys.readouterr().out)
    assert cli.main(["config", "show", str(again), "--json", "seed=5"]) == 0
    shown = last_json(capsys.readouterr().out)
    assert (shown["game"], shown["seed"]) == ("go5", 5)
    assert "search" in shown
    assert fault(capsys, "config", "show", str(file), "sed=4").startswith("command line: sed: unknown key")


def test_benchmarks_are_listed_and_explained(capsys):
    assert cli.main(["bench"]) == 0
    assert "rules" in capsys.readouterr().out
    assert cli.main(["bench", "rules", "--help"]) == 0
    assert "--seconds" in capsys.readouterr().out


def test_bench_ends_with_its_figures(capsys):
    assert cli.main(["bench", "rules", "--game", "go5", "--seconds", "0.01"]) == 0
    answer = last_json(capsys.readouterr().out)
    assert answer["bench"] == "rules"
    assert {"cpu", "cores", "memory_bytes", "features"} <= set(answer["machine"])
    assert {"python", "tengen", "torch", "numba", "numpy", "ray"} == set(answer["versions"])
    figures = answer["figures"]
    assert figures["games"] >= 1
    assert figures["per_second"] == pytest.approx(figures["games"] / figures["seconds"], rel=0.01)


def test_doctor_says_what_follows_where_something_is_missing(capsys, monkeypatch):
    from tengen.networks.hardware import cpp_compiler

    cpp_compiler.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("tengen.machine.ENGINES", ("no-such-engine",))
    monkeypatch.setattr("tengen.cli.doctor.NO_ENGINE", {"no-such-engine": "not found; install it"})
    assert cli.main(["doctor", "--quick"]) == 0
    cpp_compiler.cache_clear()
    out = capsys.readouterr().out
    assert "none; networks run uncompiled and slower; install g++" in out
    assert "not found; install it" in out
    assert cli.main(["doctor", "--quick", "--json"]) == 0
    facts = last_json(capsys.readouterr().out)
    assert facts["compiler"] is None
    assert facts["engines"] == {"no-such-engine": None}
    assert facts["machine"]["cores"] >= 1
    assert facts["evals"] is None
    assert facts["own_engines"] == {}


def test_doctor_lists_the_users_own_engines(capsys, monkeypatch, tmp_path):
    config = tmp_path / "engines.yaml"
    config.write_text(
        f"engines:\n  here: {{protocol: gtp, command: [{sys.executable}]}}\n"
        "  gone: {protocol: hub, command: [no-such-engine]}\n"
    )
    monkeypatch.setenv("TENGEN_ENGINES", str(config))
    assert cli.main(["doctor", "--quick", "--json"]) == 0
    assert last_json(capsys.readouterr().out)["own_engines"] == {"here": sys.executable, "gone": None}
    assert cli.main(["doctor", "--quick"]) == 0
    assert "its command is not found; mend engines.yaml" in capsys.readouterr().out


def test_doctor_measures_a_network(capsys, monkeypatch):
    monkeypatch.setattr("tengen.cli.doctor.MEASURE_S", 0.01)
    assert cli.main(["doctor"]) == 0
    assert " evaluations/s (" in capsys.readouterr().out


def test_a_reader_that_has_gone_ends_the_command_quietly():
    command = f"{sys.executable} -m tengen perft connect4 3 --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert done.stdout == "d0\n"


class RemoteFault(Exception):
    """Stands for an error that a Ray worker raised: a wrapper around the cause."""

    cause = TengenError("no such game")


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (TengenError("this, not that"), "this, not that", 2),
        (MachineError("the disk is full"), "the disk is full", 1),
        (RemoteFault("a page of traceback"), "no such game", 2),
        (MemoryError(), "out of memory; a smaller batch or fewer games at once need less", 1),
        (OSError(errno.EACCES, "Permission denied", "runs/a"), "runs/a: Permission denied", 1),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a"),
            "runs/a: No space left on device; free some space and run it again",
            1,
        ),
        (KeyError("x"), "unexpected KeyError: 'x' (TENGEN_DEBUG=1 shows where)", 1),
        (RuntimeError("one\ntwo"), "unexpected RuntimeError: one (TENGEN_DEBUG=1 shows where)", 1),
    ],
)
def test_whatever_happens_is_one_sentence(capsys, monkeypatch, error, sentence, code):
    def burst(args):
        raise error

    monkeypatch.delenv("TENGEN_DEBUG", raising=False)
    monkeypatch.setattr("tengen.cli.games.run", burst)
    assert cli.main(["games"]) == code
    assert capsys.readouterr().err == f"tengen: error: {sentence}\n"


def test_the_traceback_is_there_for_who_asks(monkeypatch):
    def burst(args):
        raise ZeroDivisionError

    monkeypatch.setenv("TENGEN_DEBUG", "1")
    monkeypatch.setattr("tengen.cli.games.run", burst)
    with pytest.raises(ZeroDivisionError):
        cli.main(["games"])


def test_ctrl_c_is_exit_code_130(capsys, monkeypatch):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("tengen.cli.games.run", interrupt)
    assert cli.main(["games"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_python_m_tengen_carries_the_exit_code():
    done = tengen("gmaes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tengen: error: unknown command 'gmaes'; did you mean games?\n"
