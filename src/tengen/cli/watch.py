"""`tengen watch`: an agent at play, in the terminal or into a video."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tengen.cli.world_options import add_world_options
from tengen.errors import TengenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tengen.agents.dqn.agent import WorldAgent
    from tengen.envs.screens import Screen
    from tengen.ui.viewers import Viewer

GIF_HEIGHT, MP4_HEIGHT = 210, 420  # pixels at least: every line of the screen, and each doubled


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "watch",
        help="watch an agent play a world such as atari/Pong",
        description="Watch an agent play in the terminal, at the game's own speed: q quits, space pauses, "
        "+ and - change the speed. In a pipe a picture in plain characters is printed for every second of "
        "play. With --video nothing is shown, and the play is written to a file.",
    )
    parser.add_argument("game", metavar="GAME", help="a world, such as atari/Pong")
    parser.add_argument(
        "--agent",
        metavar="AGENT",
        help="an agent (see 'tengen agents'); default: the network that ships for this world, or else random",
    )
    parser.add_argument("--episodes", metavar="N", type=int, default=1, help="how many (default 1)")
    parser.add_argument(
        "--seconds", metavar="S", type=float, help="stop after so much of the game's time (default: never)"
    )
    parser.add_argument(
        "--speed",
        metavar="X",
        type=float,
        default=1.0,
        help="times the game's own; 0: no waiting (default 1)",
    )
    parser.add_argument("--video", metavar="FILE", help="write FILE.mp4 (by ffmpeg) or FILE.gif instead")
    add_world_options(parser)


def run(args: argparse.Namespace) -> int:
    """Play; 130 when it was interrupted."""
    for name, low, high in (("episodes", 1, 10**6), ("seed", 0, 2**31 - 1), ("speed", 0, 1000)):
        value = getattr(args, name)
        if not low <= value <= high:
            raise TengenError(f"--{name} {value} is out of range; it must be from {low} to {high:,}")
    if args.seconds is not None and not 0 < args.seconds < float("inf"):
        raise TengenError(f"--seconds {args.seconds} is out of range; it must be more than 0")
    if args.video is not None:
        from tengen.ui.video import check_video

        if not args.video:
            raise TengenError("--video is empty; it names a file, as in --video pong.gif")
        check_video(args.video)

    from tengen.agents.dqn.agent import default_world_agent, make_world_agent, worlds_config
    from tengen.console import is_terminal
    from tengen.envs.screens import make_screen
    from tengen.interrupt import GracefulInterrupt

    text = args.agent or default_world_agent(args.game)
    screen = make_screen(args.game, seed=args.seed, config=worlds_config(text, args.protocol))
    agent = make_world_agent(text, screen.spec, seed=args.seed)
    show = _to_video if args.video else _to_terminal if is_terminal(sys.stdout) else _to_pipe
    with GracefulInterrupt("") as interrupt:
        try:
            said = show(screen, agent, args, lambda: interrupt.stop_requested)
        finally:
            screen.close()
        for sentence in said:
            print(sentence)
        return 130 if interrupt.stop_requested else 0


def _to_terminal(
    screen: "Screen", agent: "WorldAgent", args: argparse.Namespace, stopped: "Callable[[], bool]"
) -> list[str]:
    from tengen.ui.terminal import Terminal, colours_of
    from tengen.ui.viewers import TerminalViewer

    with Terminal() as terminal:
        colours = colours_of(sys.stdout)
        viewer = TerminalViewer(terminal, colours, screen.aspect, screen.steps_per_second, args.speed)
        return _play(screen, agent, args, viewer, stopped)


def _to_pipe(
    screen: "Screen", agent: "WorldAgent", args: argparse.Namespace, stopped: "Callable[[], bool]"
) -> list[str]:
    from tengen.ui.viewers import PrintViewer

    viewer = PrintViewer(sys.stdout, screen.aspect, every=max(1, round(screen.steps_per_second)))
    return _play(screen, agent, args, viewer, stopped)


def _to_video(
    screen: "Screen", agent: "WorldAgent", args: argparse.Namespace, stopped: "Callable[[], bool]"
) -> list[str]:
    """The file is finished on Ctrl-C too, and left out where there is a fault."""
    from tengen.console import Progress
    from tengen.ui.video import open_video
    from tengen.ui.viewers import VideoViewer

    video = open_video(args.video, screen.steps_per_second)
    try:
        total = _limit(screen, args)
        with Progress(args.video, total=total and total + 1, unit="pictures") as progress:
            height = GIF_HEIGHT if args.video.lower().endswith(".gif") else MP4_HEIGHT
            viewer = VideoViewer(video, screen.aspect, height, progress)
            said = _play(screen, agent, args, viewer, stopped)
        video.close()
        seconds = viewer.pictures / screen.steps_per_second
        return [*said, f"{args.video}: {seconds:.0f} s of play"]
    finally:
        video.abort()


def _limit(screen: "Screen", args: argparse.Namespace) -> int | None:
    """The decisions after which play stops."""
    return None if args.seconds is None else max(1, round(args.seconds * screen.steps_per_second))


def _play(
    screen: "Screen",
    agent: "WorldAgent",
    args: argparse.Namespace,
    viewer: "Viewer",
    stopped: "Callable[[], bool]",
) -> list[str]:
    """What there is to say of each episode, in the end."""
    from tengen.console import duration

    said = []
    limit = _limit(screen, args)
    played = 0
    for episode in range(1, args.episodes + 1):
        observation = screen.reset()
        score, steps, over, action = 0.0, 0, False, ""
        goes_on = True
        while goes_on:
            number = f"  episode {episode}/{args.episodes}" if args.episodes > 1 else ""
            clock = duration(steps / screen.steps_per_second)
            facts = [f"{screen.spec.name}{number}", f"score {score:g}", clock, agent.name, action]
            goes_on = viewer.show(screen.screen, facts) and not over and not stopped() and played != limit
            if goes_on:
                index = int(agent.act(observation[None])[0])
                observation, reward, over = screen.step(index)
                action = screen.action_names[index]
                score, steps, played = score + reward, steps + 1, played + 1
        end = "" if over else ", not played to its end"
        said.append(f"{screen.spec.name}, {agent.name}: score {score:g} in {clock}{end}")
        if not over:
            break
    return said
