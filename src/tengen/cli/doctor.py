"""`tengen doctor`: what this machine can do, and what is missing."""

import argparse
from typing import Any


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

    return {
        "machine": machine.machine(),
        "versions": machine.versions(),
        "gpus": gpus(),
        "compiler": machine.find_compiler(),
        "engines": machine.find_engines(),
        "models": machine.shipped_models(),
    }


def gpus() -> list[str]:
    """Names of the CUDA devices that torch can use."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a driver too old for torch is "no GPU", said below
        if not torch.cuda.is_available():
            return []
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def measured_evals() -> dict[str, Any] | None:
    """Speed of a small network on this machine; None while there is nothing that measures it."""
    try:
        from tengen.networks import measure
    except ImportError:
        return None
    result: dict[str, Any] = measure.doctor_evals()
    return result


def report(facts: dict[str, Any]) -> list[list[str]]:
    """The findings in words."""
    here = facts["machine"]
    features = here["features"]
    rows = [
        ["processor", here["cpu"]],
        ["cores", str(here["cores"])],
        ["memory", f"{here['memory_bytes'] / 2**30:.1f} GiB"],
        ["bf16", bf16_words(features)],
        ["vector units", ", ".join(features) or "none that matter here"],
        ["GPU", ", ".join(facts["gpus"]) or "none that torch can use; networks run on the processor"],
        ["C++ compiler", facts["compiler"] or NO_COMPILER],
    ]
    rows += [["versions", ", ".join(f"{name} {v or 'missing'}" for name, v in facts["versions"].items())]]
    rows += [[engine, path or NO_ENGINE[engine]] for engine, path in facts["engines"].items()]
    rows += [["models", ", ".join(facts["models"]) or "none shipped; train one with 'tengen train demo'"]]
    if facts["evals"]:
        rows += [[name.replace("_", " "), _figure(value)] for name, value in facts["evals"].items()]
    return rows


NO_COMPILER = "none; networks run uncompiled and slower; install g++ (Debian, Ubuntu: apt install g++)"
NO_ENGINE = {
    "gnugo": "not found; matches against GNU Go need it (Debian, Ubuntu: apt install gnugo)",
    "stockfish": "not found; only agents named uci:stockfish need it (Debian, Ubuntu: apt install stockfish)",
}


def bf16_words(features: list[str]) -> str:
    """Whether the processor multiplies 16-bit floats, which networks gain most from."""
    if "amx_bf16" in features:
        return "yes, in matrix tiles (AMX)"
    if "avx512_bf16" in features:
        return "yes (AVX512-BF16)"
    return "no; networks run in 32 bits, several times slower than on a processor with AMX or AVX512-BF16"


def _figure(value: Any) -> str:
    from tengen.console import number

    return number(value) if isinstance(value, int | float) else str(value)
