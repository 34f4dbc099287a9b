"""`tengen agents`: how agents are named."""

import argparse
from typing import Any

TEXT = """\
An agent is named by one string, the same in every command:

  KIND[:SOURCE][?option=value&option=value]
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
                    {"name": k.name, "summary": k.summary, "syntax": k.syntax, "examples": list(k.examples)}
                    for k in kinds
                ]
            }
        )
        return 0
    print(TEXT)
    table(["kind", "what it is", "syntax"], [[k.name, k.summary, k.syntax] for k in kinds])
    print("\nExamples:")
    for kind in kinds:
        for example in kind.examples:
            print(f"  {example}")
    return 0
