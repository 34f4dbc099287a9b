"""`tengen play` on a drawn board."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tengen.errors import MachineError, TengenError
from tengen.shipped import shipped_network
from tengen.ui.model.autosave import AutoSave, unfinished
from tengen.ui.model.clock import GameClock, parse_control
from tengen.ui.model.keys import Keys
from tengen.ui.model.records import game_of_record, load_record, save_record
from tengen.ui.model.session import Seat, Session

if TYPE_CHECKING:
    from tengen.cli.play import Player
    from tengen.envs.game import Game

SWITCH_S = 0.002  # between Python's threads, so that a search does not hold up a key
REPAINTS = 120  # a second, at most: a key waits for half of one on average
SHOW_S = 0.6  # what a move takes at least where two agents play for somebody to watch


def run_board(args: argparse.Namespace, game: "Game", players: "tuple[Player, Player]") -> int:
    """Play until the user leaves."""
    clock = GameClock(parse_control(args.clock)) if args.clock else None
    keys = Keys.load()
    notice = ""
    if args.load:
        game = game_of_record(game, args.load)
    alone = sum(player.spec == "human" for player in players) == 1
    seats = [
        Seat(player.spec, "you" if alone and player.spec == "human" else player.label, player.rating)
        for player in players
    ]
    session = Session(game, seats, clock)
    if args.load:
        notice = load_record(session, args.load)
    left = [] if args.load or args.new else unfinished(game)
    os.environ.setdefault("TEXTUAL_FPS", str(REPAINTS))  # read when Textual is imported
    from tengen.ui.screens.app import TengenApp

    app = TengenApp(
        session,
        keys=keys,
        network=shipped_network(game) or _network_of(players),
        autosave=AutoSave(game),
        seed=args.seed,
        least_s=SHOW_S if all(player.spec != "human" for player in players) else 0.0,
        light=args.light,
        notice=notice,
        left=left[:1],
    )
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        status = app.run() or 0
    finally:
        sys.setswitchinterval(interval)
        app.table.close()
        if args.save:
            save_record(app.table.session, args.save)
    if app.fault is not None:
        if isinstance(app.fault, TengenError):
            raise app.fault
        raise MachineError(
            f"unexpected {type(app.fault).__name__}: {app.fault} (TENGEN_DEBUG=1 shows where); "
            "the game is kept, and 'tengen play' goes on with it"
        )
    _farewell(app.table.session, app.table.autosave, args.save, offered=not args.load)
    return status


def _network_of(players: "tuple[Player, Player]") -> str | None:
    """The network of a player, for the analysis."""
    from tengen.agents.registry import parse_agent

    specs = [parse_agent(player.spec) for player in players if player.spec != "human"]
    return next((spec.target for spec in specs if spec.kind in ("mcts", "policy") and spec.target), None)


def _farewell(session: Session, kept: AutoSave | None, saved: str | None, *, offered: bool) -> None:
    """What stays of the game, in the shell that comes back."""
    if session.result:
        print(f"result: {session.result}")
    if saved:
        print(f"saved to {saved}")
    elif kept is not None and kept.record.exists():
        more = "" if session.is_over or not offered else "; the same command offers to go on with it"
        print(f"the game is in {kept.record}{more}")
