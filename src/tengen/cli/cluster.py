"""`tengen cluster`: start a Ray cluster, and train as a job of one."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.cluster.jobs import Jobs
    from tengen.selfplay.config import RunConfig

ADDRESS = "http://127.0.0.1:8265"
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
LOOK_S = 1.0
LONG_LOG = 100_000  # characters; every look fetches all of it, so that a longer one is looked at less often
LONGEST_LOOK = 10  # times LOOK_S


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "cluster",
        help="start a Ray cluster, and train as a job of one",
        description="Start a Ray cluster with token authentication, add machines to it, and train as a job "
        "that goes on without us. Two machines step by step, clouds and Kubernetes: docs/cluster.md.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    up = actions.add_parser("up", help="start a cluster here, or join one", description="Start Ray here.")
    up.add_argument("--join", metavar="HOST:PORT", help="be a machine of this cluster instead")
    up.add_argument("--port", metavar="N", type=int, default=6379, help="default %(default)s")
    up.add_argument("--jobs-port", metavar="N", type=int, default=8265, help="default %(default)s")
    up.add_argument("--cpus", metavar="N", type=int, help="that Ray may use here (default: all)")
    actions.add_parser("down", help="end Ray on this machine", description="End Ray on this machine.")
    submit = actions.add_parser("submit", help="train as a job", description="Train as a job.")
    submit.add_argument("config", metavar="CONFIG", help="a recipe, by name or file")
    submit.add_argument("overrides", metavar="key=value", nargs="*", help="values in place of the file's")
    submit.add_argument(
        "--run", metavar="DIR", required=True, help="on the cluster, as in /shared/runs/x; or a URL"
    )
    submit.add_argument("--installed", action="store_true", help="by the Tengen that is installed there")
    submit.add_argument("--follow", action="store_true", help="print what it prints, until it ends")
    logs = actions.add_parser("logs", help="what a job printed", description="What a job printed.")
    logs.add_argument("job", metavar="JOB")
    logs.add_argument("--follow", action="store_true", help="until it ends")
    stop = actions.add_parser("stop", help="stop a job; its run is saved", description="Stop a job.")
    stop.add_argument("job", metavar="JOB")
    listed = actions.add_parser("jobs", help="list the jobs", description="List the jobs.")
    for action in (submit, logs, stop, listed):
        action.add_argument("--address", metavar="URL", default=ADDRESS, help="default %(default)s")
        action.add_argument("--open", action="store_true", help="though the cluster asks for no token")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return {
        "up": _up,
        "down": _down,
        "submit": _submit,
        "logs": _logs,
        "stop": _stop,
        "jobs": _list,
    }[args.action](args)


def _up(args: argparse.Namespace) -> int:
    for option in ("port", "jobs_port"):
        if not 1 <= getattr(args, option) <= 65535:
            raise TengenError(
                f"--{option.replace('_', '-')} {getattr(args, option)} is no port; 1 to 65535 are"
            )
    if args.cpus is not None and not 0 <= args.cpus <= 100_000:
        raise TengenError(f"--cpus {args.cpus} is out of range; it must be 0 or more")

    from tengen.cluster.nodes import join, start_head

    if args.join:
        join(args.join, args.cpus)
        print(f"this machine is one of the cluster at {args.join}; 'tengen cluster down' takes it out")
        return 0
    start_head(args.port, args.jobs_port, args.cpus)
    print("a cluster is up. On other machines, which need the same Tengen and a copy of ~/.ray/auth_token:")
    print(f"  tengen cluster up --join HOST:{args.port}")
    print("Here:")
    print("  tengen train CONFIG rollouts.workers=auto rollouts.address=auto")
    print(f"  tengen cluster submit CONFIG --run DIR --address http://127.0.0.1:{args.jobs_port}")
    print("  tengen cluster down")
    return 0


def _down(args: argparse.Namespace) -> int:
    from tengen.cluster.nodes import stop

    stop()
    print("Ray has ended on this machine")
    return 0


def _submit(args: argparse.Namespace) -> int:
    from tengen.config import load_config, to_yaml
    from tengen.remote.place import as_url
    from tengen.selfplay.kinds import KINDS

    if not args.run.strip():
        raise TengenError("--run is empty; it names the folder of the run on the cluster")
    if not Path(args.run).is_absolute() and not as_url(args.run):
        raise TengenError(
            f"--run {args.run} would be in a passing folder of Ray's on the cluster; name it from the root, "
            "as in --run /shared/runs/mine, or by a URL"
        )
    config = _placed(load_config(args.config, KINDS, args.overrides))
    jobs = _jobs(args)
    name = jobs.submit(to_yaml(config), args.run, ship=not args.installed)
    print(f"job {name}; tengen cluster logs {name} --follow")
    return _follow(jobs, name) if args.follow else 0


def _placed(config: "RunConfig") -> "RunConfig":
    """The recipe, its actors and the devices of its learner on the cluster where it has such."""
    for room in ("rollouts", "learner"):
        found: Any = getattr(config, room, None)
        if not hasattr(found, "address"):
            continue
        update: dict[str, Any] = {"address": found.address or "auto"}
        if room == "rollouts" and not found.workers:
            update["workers"] = "auto"
        config = config.model_copy(update={room: found.model_copy(update=update)})
    return config


def _logs(args: argparse.Namespace) -> int:
    jobs = _jobs(args)
    if args.follow:
        return _follow(jobs, args.job)
    print(jobs.logs(args.job), end="")
    return 0


def _follow(jobs: "Jobs", name: str) -> int:
    """Print what comes until the job ends; 0 where it ended well. Ctrl-C leaves the job alone."""
    shown = 0
    while True:
        state, message = jobs.state(name)
        text = jobs.logs(name)
        print(text[shown:], end="", flush=True)
        shown = len(text)
        if state in ENDED:
            print(f"job {name}: {state.lower()}{f' ({message.splitlines()[0]})' if message else ''}")
            return 0 if state == "SUCCEEDED" else 1
        time.sleep(LOOK_S * min(LONGEST_LOOK, 1 + len(text) // LONG_LOG))


def _stop(args: argparse.Namespace) -> int:
    _jobs(args).stop(args.job)
    print(f"job {args.job} is asked to stop")
    return 0


def _list(args: argparse.Namespace) -> int:
    from tengen.console import table

    table(["job", "state", "command"], [list(row) for row in _jobs(args).all()])
    return 0


def _jobs(args: argparse.Namespace) -> "Jobs":
    from tengen.cluster.jobs import Jobs

    return Jobs(args.address, allow_open=args.open)
