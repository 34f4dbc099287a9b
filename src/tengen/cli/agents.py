"""`tengen agents`: how agents are named."""

import argparse
from typing import Any

TEXT = """\
An agent is named by one string, the same in every command and configuration:

    KIND[:TARGET][?option=value&option=value]

The target is a checkpoint, a folder that holds weights (runs/NAME/latest is a run's newest), or a program:
gnugo, a command line without ? in it, or a name from the file engines.yaml in the current folder
(TENGEN_ENGINES names another):

    engines:
      katago:
        protocol: gtp              # or hub, for draughts, or uci
        command: [katago, gtp, -config, gtp.cfg, -model, model.bin.gz]
        environment: {OMP_NUM_THREADS: "1"}
        memory_mb: 8000            # 0 is no limit
        processes: 1               # side by side; 0 is one a core
        # options: {Hash: 64}      # of a uci program, by name; the agent string's go before them
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "agents", help="explain how agents are named", description="Explain how agents are named."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print each kind of agent with its syntax and examples."""
    from tengen.agents.registry import AGENT_KINDS
    from tengen.console import emit_json, table

    kinds = list(AGENT_KINDS.values())
    if args.json:
        emit_json(
            {
                "agents": [
                    {
                        "name": kind.name,
                        "summary": kind.summary,
                        "syntax": kind.syntax,
                        "options": kind.options,
                        "examples": kind.examples,
                    }
                    for kind in kinds
                ]
            }
        )
        return 0
    print(TEXT)
    table(["kind", "what it is"], [[kind.name, kind.summary] for kind in kinds])
    for kind in kinds:
        print(f"\n{kind.syntax}")
        for option, meaning in kind.options.items():
            print(f"    {option:<12} {meaning}")
        print(f"    such as {', '.join(kind.examples)}")
    return 0
