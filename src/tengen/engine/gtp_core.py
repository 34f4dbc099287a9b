"""GTP's commands for playing: about the engine, moves, and the end of a game."""

from typing import TYPE_CHECKING

import numpy as np

from tengen import __version__
from tengen.engine.refusal import Refusal
from tengen.engine.status import area_owners, area_score, dead_chains, neighbours, score_text, without
from tengen.envs.go.text import format_point, parse_point
from tengen.errors import IllegalMove

if TYPE_CHECKING:
    from tengen.engine.gtp_session import GtpSession

STATUSES = ("alive", "dead", "seki", "black_territory", "white_territory", "dame")


def need(words: list[str], what: str, least: int, most: int | None = None) -> None:
    """Raise Refusal unless there are as many words as a command takes."""
    if not least <= len(words) <= (least if most is None else most):
        raise Refusal(f"syntax error: expected {what}" if what else "syntax error: no arguments expected")


def whole(word: str) -> int:
    """A whole number of 0 or more. Raises Refusal."""
    if len(word) > 9 or not (word.isascii() and word.isdecimal()):
        raise Refusal(f"syntax error: '{word[:40]}' is not a whole number")
    return int(word)


def protocol_version(session: "GtpSession", words: list[str]) -> str:
    return "2"


def name(session: "GtpSession", words: list[str]) -> str:
    return "Tengen"


def version(session: "GtpSession", words: list[str]) -> str:
    return f"{__version__} {session.player.spec}"


def known_command(session: "GtpSession", words: list[str]) -> str:
    from tengen.engine.gtp_session import COMMANDS as known

    return "true" if words and words[0] in known else "false"


def list_commands(session: "GtpSession", words: list[str]) -> str:
    from tengen.engine.gtp_session import COMMANDS as known

    return "\n".join(sorted(known))


def quit_(session: "GtpSession", words: list[str]) -> str:
    session.is_over = True
    return ""


def play(session: "GtpSession", words: list[str]) -> str:
    need(words, "play COLOR VERTEX", 2)
    color = session.color(words[0])
    try:
        action = parse_point(session.board.size, words[1])
    except IllegalMove as error:
        raise Refusal(f"syntax error: {error}") from None
    try:
        session.board.play(color, action)
    except IllegalMove as error:
        raise Refusal(f"illegal move: {error}") from None
    return ""


def undo(session: "GtpSession", words: list[str]) -> str:
    try:
        session.board.undo()
    except IllegalMove:
        raise Refusal("cannot undo") from None
    return ""


def genmove(session: "GtpSession", words: list[str]) -> str:
    need(words, "genmove COLOR", 1)
    return session.genmove(session.color(words[0]))[0]


def reg_genmove(session: "GtpSession", words: list[str]) -> str:
    need(words, "reg_genmove COLOR", 1)
    choice = session.player.choose(session.board, session.color(words[0]), closed=session.wire.closed)
    return format_point(session.board.size, choice.action) if choice.action >= 0 else "resign"


def genmove_cleanup(session: "GtpSession", words: list[str]) -> str:
    """As genmove, but the other side's dead stones are taken before it passes."""
    need(words, "kgs-genmove_cleanup COLOR", 1)
    color = session.color(words[0])
    board = session.board
    dead = [c for c in dead_chains(board, session.player.judge()) if board.colors()[c[0]] == 2 - color]
    action = capturing_move(session, color, dead) if dead else board.game.pass_action
    board.play(color, action)
    return format_point(board.size, action)


def capturing_move(session: "GtpSession", color: int, dead: list[list[int]]) -> int:
    """The move at a liberty of dead chains that goes farthest to take them; a pass where none is legal."""
    board, game = session.board, session.board.game
    state = board.turned(color)
    mask = game.new_mask(1)
    game.legal_mask(state, mask)
    colors = board.colors()
    stones = [point for chain in dead for point in chain]
    around = {near for point in stones for near in neighbours(point, board.size) if colors[near] == 0}
    options = sorted(point for point in around if mask[0, point])
    if not options:
        return game.pass_action
    after = np.repeat(state, len(options))
    game.step(after, np.array(options, np.int32))
    judge, worth = session.player.judge(), []
    for i in range(len(options)):
        left = game.colors(after[i : i + 1]).reshape(-1)
        gone = sum(left[point] == 0 for point in stones)
        worth.append((gone, judge.by_playouts(game, after[i : i + 1]).sum() * (1 - 2 * color)))
    return options[max(range(len(options)), key=lambda i: worth[i])]


def final_score(session: "GtpSession", words: list[str]) -> str:
    return score_text(area_score(session.board, dead_chains(session.board, session.player.judge())))


def final_status_list(session: "GtpSession", words: list[str]) -> str:
    need(words, "final_status_list STATUS", 1)
    status, board = words[0].lower(), session.board
    if status not in STATUSES:
        raise Refusal(f"syntax error: '{status[:40]}' is not a status; {', '.join(STATUSES)} are")
    if status == "seki":
        return ""
    dead = dead_chains(board, session.player.judge())
    if status == "dead":
        groups = dead
    elif status == "alive":
        from tengen.engine.status import chains

        groups = [chain for chain in chains(board.colors(), board.size) if chain not in dead]
    else:
        left = without(board.colors(), dead)
        owners = area_owners(left, board.size)
        owner = {"black_territory": 1, "white_territory": 2, "dame": 0}[status]
        groups = [[int(point)] for point in np.flatnonzero((left == 0) & (owners == owner))]
    return "\n".join(" ".join(format_point(board.size, point) for point in group) for group in groups)


def showboard(session: "GtpSession", words: list[str]) -> str:
    board = session.board
    black, white = board.captured()
    side = ("Black", "White")[board.to_play]
    return (
        f"{side} to play, komi {board.komi:g}, move {len(board.moves) + 1}, "
        f"captured: {black} black, {white} white\n{board.game.board(board.state)}"
    )


COMMANDS = {
    "protocol_version": protocol_version,
    "name": name,
    "version": version,
    "known_command": known_command,
    "list_commands": list_commands,
    "quit": quit_,
    "play": play,
    "undo": undo,
    "genmove": genmove,
    "reg_genmove": reg_genmove,
    "kgs-genmove_cleanup": genmove_cleanup,
    "final_score": final_score,
    "final_status_list": final_status_list,
    "showboard": showboard,
}
