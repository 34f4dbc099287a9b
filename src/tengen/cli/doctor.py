"""`tengen doctor`: what this machine can do, and what is missing."""

import argparse
from typing import Any

BATCH = 256
MEASURE_S = 2.0


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what this machine can do",
        description="Look for what makes Tengen fast, and for playing programs; measure a small network.",
    )
    parser.add_argument("--quick", action="store_true", help="do not measure the network")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the findings, each with what follows from it."""
    from tengen.console import emit_json, table

    facts = examine()
    facts["evals"] = None if args.quick else measured_evals()
    if args.json:
        emit_json(facts)
    else:
        table(["what", "found"], report(facts))
    return 0


def examine() -> dict[str, Any]:
    """What is there, as plain values."""
    from tengen import machine
    from tengen.networks.hardware import cpp_compiler, cpu_bf16

    return {
        "machine": machine.machine(),
        "versions": machine.versions(),
        "gpus": gpus(),
        "bf16": cpu_bf16(),
        "compiler": cpp_compiler(),
        "engines": machine.find_engines(),
        "own_engines": own_engines(),
        "open_spiel": machine.version("open_spiel"),
        "models": machine.shipped_models(),
    }


def own_engines() -> dict[str, str | None]:
    """The user's programs (engines.yaml) and where they are; None where one is missing."""
    from tengen.agents.engines.programs import find_executable, user_engines

    return {name: find_executable(engine.command[0]) for name, engine in user_engines().items()}


def gpus() -> list[str]:
    """Names of the CUDA devices that torch can use."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a driver too old for torch is "no GPU", said below
        if not torch.cuda.is_available():
            return []
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def measured_evals() -> dict[str, Any]:
    """How fast a small network for 9x9 Go (4 blocks of 32 channels) runs here, on one core or the GPU."""
    import time

    import numpy as np

    from tengen.envs.registry import make_game
    from tengen.networks.evaluator import NetworkEvaluator
    from tengen.networks.heads import PolicyValueNet
    from tengen.networks.spec import NetworkConfig, spec_for

    game = make_game("go9")
    evaluator = NetworkEvaluator(PolicyValueNet(NetworkConfig(), spec_for(game)), compile=False, threads=1)
    obs = game.new_observation(BATCH)
    obs[:] = np.random.default_rng(0).random(obs.shape)
    evaluator(obs)  # the first call sets up
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < MEASURE_S:
        evaluator(obs)
        calls += 1
    return {"network": evaluator.describe(), "evals_per_second": calls * BATCH / seconds}


def report(facts: dict[str, Any]) -> list[list[str]]:
    """The findings in words."""
    from tengen.console import number

    here = facts["machine"]
    rows = [
        ["processor", here["cpu"]],
        ["cores", str(here["cores"])],
        ["memory", f"{here['memory_bytes'] / 2**30:.1f} GiB"],
        ["bf16", bf16_words(facts["bf16"])],
        ["vector units", ", ".join(here["features"]) or "none that matter here"],
        ["GPU", ", ".join(facts["gpus"]) or "none that torch can use; networks run on the processor"],
        ["C++ compiler", facts["compiler"] or NO_COMPILER],
    ]
    rows += [["versions", ", ".join(f"{name} {v or 'missing'}" for name, v in facts["versions"].items())]]
    rows += [[engine, path or NO_ENGINE[engine]] for engine, path in facts["engines"].items()]
    rows += [
        [name, path or "its command is not found; mend engines.yaml"]
        for name, path in facts["own_engines"].items()
    ]
    spiel = facts["open_spiel"]
    rows += [["OpenSpiel", f"{spiel} (openspiel-mcts, openspiel-alphabeta)" if spiel else NO_OPENSPIEL]]
    rows += [["models", ", ".join(facts["models"]) or "none shipped; train one with 'tengen train demo'"]]
    if evals := facts["evals"]:
        rows += [["network", f"{number(evals['evals_per_second'])} evaluations/s ({evals['network']})"]]
    return rows


NO_COMPILER = "none; networks run uncompiled and slower; install g++ (Debian, Ubuntu: apt install g++)"
NO_OPENSPIEL = "not found; Tengen runs without it (pip install 'tengen[bench]')"
NO_ENGINE = {
    "gnugo": "not found; Tengen runs without it (Debian, Ubuntu: apt install gnugo)",
    "stockfish": "not found; Tengen runs without it (Debian, Ubuntu: apt install stockfish)",
}


def bf16_words(unit: str | None) -> str:
    """Whether the processor multiplies 16-bit floats, which networks gain most from."""
    if unit is None:
        return "no; networks run in 32 bits, several times slower than with AMX or AVX512-BF16"
    return f"yes ({unit})"
