"""`tengen bench`: run a benchmark."""

import argparse
import importlib
from typing import Any

from tengen.errors import TengenError


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "bench",
        help="run a benchmark",
        description="Run a benchmark; the last line is one JSON object with the machine, versions and "
        "figures. Without a name, list them.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the benchmark")
    parser.add_argument(
        "rest",
        metavar="...",
        nargs=argparse.REMAINDER,
        help="its options; 'tengen bench NAME --help' tells them",
    )


def run(args: argparse.Namespace) -> int:
    """Run the benchmark, print its figures as a table and as JSON."""
    from tengen.benchmarks import BENCHES
    from tengen.console import emit_json, table
    from tengen.machine import machine, versions
    from tengen.words import did_you_mean

    if args.name is None:
        table(
            ["benchmark", "what it measures"], [[name, summary(target)] for name, target in BENCHES.items()]
        )
        return 0
    if args.name not in BENCHES:
        raise TengenError(
            f"unknown benchmark '{args.name}'; {did_you_mean(args.name, BENCHES, 'benchmarks')}"
        )
    module_name, _, function = BENCHES[args.name].partition(":")
    module = importlib.import_module(module_name)

    from tengen.cli import Parser

    parser = Parser(prog=f"tengen bench {args.name}", description=summary(BENCHES[args.name]))
    module.add_arguments(parser)
    options = parser.parse_args(args.rest)
    figures: dict[str, float] = getattr(module, function)(options)
    here = machine()
    table(["figure", "value"], list(figures.items()), title=f"{args.name} on {here['cores']} x {here['cpu']}")
    emit_json(
        {
            "bench": args.name,
            "options": vars(options),
            "machine": here,
            "versions": versions(),
            "figures": figures,
        }
    )
    return 0


def summary(target: str) -> str:
    """The first line of the docstring of a benchmark's module."""
    doc = importlib.import_module(target.partition(":")[0]).__doc__ or ""
    return (doc.strip().splitlines() or [""])[0]
