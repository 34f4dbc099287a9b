"""`tengen explain`: why a network moves as it does."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tengen.cli.world_options import add_world_options
from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.explain.maps import Explanation
    from tengen.explain.source import Source

BOARD_METHODS, WORLD_METHODS = ("integrated", "removal"), ("integrated", "occlusion")
OF_BOARDS, OF_WORLDS = ("position", "game", "move"), ("steps", "protocol", "video", "seconds")


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "explain",
        help="show what a network's move and value rest on",
        description="Show what the value of a position and the choice of a move rest on: maps by gradients "
        "and by taking away what is there, value and policy before and after the move, filters and what "
        "comes out of layers. Red speaks for the move or the value, blue against it. Without colours, and in "
        "a pipe, numbers: hundredths of the largest.",
    )
    parser.add_argument(
        "--agent",
        metavar="AGENT",
        required=True,
        help="policy:, mcts: or dqn:CHECKPOINT, or a checkpoint's folder",
    )
    boards = parser.add_argument_group("boards")
    boards.add_argument(
        "--position", metavar="TEXT", help="a position on one line, or a file with one or a drawing"
    )
    boards.add_argument("--game", metavar="FILE", help="a game's record: SGF, PDN, PGN, a line of turns")
    boards.add_argument("--move", metavar="N", type=int, help="which move of it, from 1 (default: the last)")
    worlds = parser.add_argument_group("worlds, such as atari/Pong")
    worlds.add_argument(
        "--steps", metavar="N", type=int, help="steps of an episode to play before (default 0)"
    )
    worlds.add_argument(
        "--video", metavar="FILE", help="play on, with the map over it, into FILE.mp4 or FILE.gif"
    )
    worlds.add_argument("--seconds", metavar="S", type=float, help="length of the video (default 10)")
    add_world_options(worlds)
    parser.add_argument(
        "--action", metavar="MOVE", help="the move to explain (default: the record's, else the agent's)"
    )
    parser.add_argument(
        "--method",
        metavar="NAMES",
        help="integrated, gradient, smoothgrad, occlusion, removal, several with commas between, or all "
        "(default: integrated and removal or occlusion; with --html all)",
    )
    parser.add_argument("--layer", metavar="NAME", help="show what comes out of this layer too")
    for form in ("png", "svg", "html"):
        parser.add_argument(f"--{form}", metavar="FILE", help=f"write {form.upper()} to FILE")


def run(args: argparse.Namespace) -> int:
    """Explain; 130 when a video was interrupted."""
    from tengen.explain.source import find_source
    from tengen.files import check_writable

    for name, low, high in (("steps", 0, 10**6), ("seed", 0, 2**31 - 1)):
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise TengenError(f"--{name} {value} is out of range; it must be from {low} to {high:,}")
    if args.seconds is not None and not 0 < args.seconds <= 3600:
        raise TengenError(
            f"--seconds {args.seconds} is out of range; it must be more than 0 and at most 3,600"
        )
    for form in ("png", "svg", "html", "video"):
        if getattr(args, form) == "":
            raise TengenError(f"--{form} is empty; it names a file")
        if getattr(args, form) is not None:
            check_writable(getattr(args, form))
    source = find_source(args.agent)
    strange = OF_BOARDS if source.is_world else OF_WORLDS
    for name in strange:
        if getattr(args, name) is not None:
            what = "worlds such as atari/Pong" if source.is_world else "board games"
            raise TengenError(f"--{name} does not go with {source.agent.text}, which plays {what}")
    if source.is_world:
        return _explain_world(source, args)
    _show(_explain_board(source, args), args)
    return 0


def _explain_board(source: "Source", args: argparse.Namespace) -> "Explanation":
    import numpy as np

    from tengen.agents.registry import make_agent
    from tengen.envs.registry import make_game
    from tengen.explain.board import BoardMove
    from tengen.explain.maps import pick_methods
    from tengen.explain.source import Asked, before_move, pick_action, read_position, read_record
    from tengen.networks.checkpoint import checkpoint_planes, load_checkpoint

    if (args.position is None) == (args.game is None):
        raise TengenError("say which position: --position TEXT, or --game FILE and --move N")
    if args.move is not None and args.game is None:
        raise TengenError("--move counts the moves of a record; name one with --game FILE")
    _, meta = load_checkpoint(source.agent.target)
    trained_for = make_game(meta.game)
    if args.position is not None:
        game, position = read_position(args.position, trained_for)
        asked, where = Asked(position), "a position"
    else:
        game, whole = read_record(args.game, trained_for)
        asked = before_move(whole, args.move)
        position, where = asked.position, f"{Path(args.game).name}, move {asked.number}"
    if position.is_terminal:
        raise TengenError(
            f"the game is over ({game.describe_result(position.state)}); there is no move to explain"
        )
    seen = game.seeing(checkpoint_planes(source.agent.target))
    network, _ = load_checkpoint(source.agent.target, seen)
    if args.action is not None:
        action = pick_action(position, args.action)
    elif asked.turn:
        action = asked.turn[0]
    else:
        agent = make_agent(source.agent.text, game, seed=args.seed)
        agent.start(game, 1)
        action = int(agent.choose(position.state, np.zeros(1, np.int32))[0])
        agent.close()
    move = BoardMove(network, seen, position.state, action)
    default = BOARD_METHODS if "removal" in move.methods() else ("integrated", "occlusion")
    methods = pick_methods(args.method, move.methods(), move.methods() if args.html else default)
    return move.explain(
        f"{source.agent.text}: {where}",
        methods,
        layer=args.layer,
        filters=args.html is not None,
        last=asked.last,
        seed=args.seed,
    )


def _explain_world(source: "Source", args: argparse.Namespace) -> int:
    from tengen.agents.dqn.agent import make_world_agent, worlds_config
    from tengen.envs.screens import make_screen
    from tengen.explain.maps import METHODS, Screen, pick_methods
    from tengen.explain.world import WorldAction, check_images, step_to
    from tengen.networks.q_checkpoint import load_q_checkpoint
    from tengen.words import did_you_mean

    network, meta = load_q_checkpoint(source.agent.target)
    check_images(meta.spec)
    known = tuple(name for name in METHODS if name != "removal")
    methods = pick_methods(args.method, known, known if args.html else WORLD_METHODS)
    steps = args.steps or 0
    config = worlds_config(source.agent.text, args.protocol)
    screen = make_screen(meta.spec.name, seed=args.seed, config=config)
    names = screen.action_names
    if args.action is not None and args.action not in names:
        raise TengenError(
            f"--action: unknown action '{args.action}'; {did_you_mean(args.action, names, 'actions')}"
        )
    try:
        network, _ = load_q_checkpoint(source.agent.target, screen.spec)
        agent = make_world_agent(source.agent.text, screen.spec, seed=args.seed)
        choose = lambda seen: int(agent.act(seen[None])[0])  # noqa: E731
        course = step_to(screen, choose, steps)
        observation, background = course.observation, course.background
        if args.video is not None:
            return _film(
                args, network, screen, observation, choose, methods if args.method else ("occlusion",)
            )
        action = choose(observation) if args.action is None else names.index(args.action)

        def after(tried: int) -> Any:
            """One step further in the same episode, which is played again up to here."""
            again = make_screen(meta.spec.name, seed=args.seed, config=config)
            try:
                again.reset()
                for earlier in course.actions:
                    again.step(earlier)
                return again.step(tried)
            finally:
                again.close()

        shown = WorldAction(network, observation, action, names, background).explain(
            f"{source.agent.text}: {meta.spec.name}, step {steps} of seed {args.seed}",
            [f"score {course.score:g}; {names[action]}"],
            Screen(screen.screen, screen.aspect),
            methods,
            layer=args.layer,
            filters=args.html is not None,
            after=after,
            seed=args.seed,
        )
    finally:
        screen.close()
    _show(shown, args)
    return 0


def _film(
    args: argparse.Namespace, network: Any, screen: Any, observation: Any, choose: Any, methods: Any
) -> int:
    """The file is finished on Ctrl-C too, and left out where there is a fault."""
    from tengen.cli.watch import GIF_HEIGHT, MP4_HEIGHT
    from tengen.console import Progress
    from tengen.explain.film import film
    from tengen.interrupt import GracefulInterrupt
    from tengen.ui.video import check_video, open_video
    from tengen.ui.viewers import VideoViewer

    if len(methods) > 1:
        raise TengenError(f"--video shows one method, got {', '.join(methods)}; name one with --method")
    check_video(args.video)
    pictures = max(1, round((args.seconds or 10.0) * screen.steps_per_second))
    video = open_video(args.video, screen.steps_per_second)
    height = GIF_HEIGHT if args.video.lower().endswith(".gif") else MP4_HEIGHT
    try:
        with (
            GracefulInterrupt("") as interrupt,
            Progress(args.video, total=pictures, unit="pictures") as progress,
        ):
            viewer = VideoViewer(video, screen.aspect, height, progress)
            stopped = lambda: interrupt.stop_requested  # noqa: E731
            count = film(
                network, screen, observation, choose, methods[0], pictures, viewer, stopped, args.seed
            )
        video.close()
        print(f"{args.video}: {count / screen.steps_per_second:.0f} s of play")
        return 130 if interrupt.stop_requested else 0
    finally:
        video.abort()


def _show(shown: "Explanation", args: argparse.Namespace) -> None:
    """Write the files that were asked for, or else to the terminal."""
    import shutil

    from tengen.explain.drawing import picture_of
    from tengen.explain.page import page
    from tengen.explain.terminal import text_of
    from tengen.files import atomic_write_bytes
    from tengen.ui.terminal import colours_of

    for form, made in (
        ("png", lambda: picture_of(shown).png()),
        ("svg", lambda: picture_of(shown).svg().encode()),
        ("html", lambda: page(shown).encode()),
    ):
        if getattr(args, form) is not None:
            atomic_write_bytes(getattr(args, form), made())
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 120
    print("\n".join(text_of(shown, max(24, columns), colours_of(sys.stdout))))
