"""Analysis commands of GoGui: maps of what the agent thinks, drawn on the board.

M. Enzenberger, GoGui documentation, "Analyze Commands": types gfx and dboard.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tengen.engine.analysis import Analysis, root_rows
from tengen.engine.status import dead_chains
from tengen.envs.game import Floats
from tengen.envs.go.text import format_point

if TYPE_CHECKING:
    from tengen.engine.gtp_session import GtpSession

VISITS = 400  # of the searches behind these maps


def analyze_commands(session: "GtpSession", words: list[str]) -> str:
    return "\n".join(f"{kind}/{label}/{name}" for name, (kind, label, _) in MAPS.items())


def _search(session: "GtpSession") -> Analysis:
    visits = min(VISITS, session.options.visits)
    analysis = session.player.analyse(session.board, session.board.to_play, visits)
    analysis.run(session.wire.closed)
    return analysis


def policy(session: "GtpSession", words: list[str]) -> str:
    """What the network would play before any search."""
    prior = session.player.analyse(session.board, session.board.to_play, 1).prior
    return _map(session, prior, lambda x: f"{100 * x:.0f}", 0.005)


def visits(session: "GtpSession", words: list[str]) -> str:
    """How often a search looked at each move."""
    counts = _counts(session, _search(session))
    return _map(session, counts, lambda x: f"{x:.0f}", 0.5)


def winrate(session: "GtpSession", words: list[str]) -> str:
    """The win rate of the side to move after each move that a search tried."""
    analysis, size = _search(session), session.board.size
    lines, text = [], "no move was tried"
    for order, row in enumerate(root_rows(analysis.search)):
        point = format_point(size, row.action)
        if not order:
            text = f"{point}: {row.winrate:.1%} after {row.visits} visits"
        if row.action < size * size:
            lines.append(f"COLOR {_color(row.winrate)} {point}")
            lines.append(f"LABEL {point} {100 * row.winrate:.0f}")
    return "\n".join([*lines, f"TEXT {text}"])


def variation(session: "GtpSession", words: list[str]) -> str:
    """The line that a search thinks best."""
    analysis, size = _search(session), session.board.size
    rows = root_rows(analysis.search)
    if not rows:
        return "TEXT no move was tried"
    color, words_ = session.board.to_play, []
    for action in rows[0].line:
        words_.append(f"{'bw'[color]} {format_point(size, action)}")
        color = 1 - color
    return f"VAR {' '.join(words_)}\nTEXT {rows[0].winrate:.1%}"


def ownership(session: "GtpSession", words: list[str]) -> str:
    """Whose each point will be: rows from the top, 1 Black's, -1 White's."""
    board = session.board
    owners = session.player.judge().ownership(board.game, board.turned(board.to_play))
    return "\n".join(" ".join(f"{x:.3f}" for x in row) for row in owners.reshape(board.size, -1))


def dead(session: "GtpSession", words: list[str]) -> str:
    """The stones that count as dead, marked."""
    board = session.board
    points = [format_point(board.size, p) for c in dead_chains(board, session.player.judge()) for p in c]
    return f"MARK {' '.join(points)}\nTEXT {len(points)} dead" if points else "TEXT no stones are dead"


def _counts(session: "GtpSession", analysis: Analysis) -> Floats:
    counts = np.zeros(session.board.game.num_actions, np.float32)
    for row in root_rows(analysis.search):
        counts[row.action] = row.visits
    return counts


def _map(session: "GtpSession", values: Floats, words: Callable[[float], str], least: float) -> str:
    """Values [A] as influence, 1 at the largest, with labels; the pass in the text below."""
    size, top = session.board.size, max(float(values.max()), 1e-9)
    points = [int(p) for p in np.argsort(-values[:-1], kind="stable") if values[p] >= least]
    lines = []
    if points:
        influence = (f"{format_point(size, p)} {float(values[p]) / top:.3f}" for p in points)
        lines = [f"INFLUENCE {' '.join(influence)}"]
        lines.append(
            "LABEL " + " ".join(f"{format_point(size, p)} {words(float(values[p]))}" for p in points)
        )
    return "\n".join([*lines, f"TEXT pass {words(float(values[-1]))}"])


def _color(winrate: float) -> str:
    """From red, lost, over yellow to green, won."""
    red, green = min(1.0, 2 * (1 - winrate)), min(1.0, 2 * winrate)
    return f"#{round(255 * red):02x}{round(255 * green):02x}00"


MAPS: dict[str, tuple[str, str, Callable[["GtpSession", list[str]], str]]] = {
    "tengen-policy": ("gfx", "Policy", policy),
    "tengen-visits": ("gfx", "Visits", visits),
    "tengen-winrate": ("gfx", "Win Rate", winrate),
    "tengen-variation": ("gfx", "Best Variation", variation),
    "tengen-ownership": ("dboard", "Ownership", ownership),
    "tengen-dead": ("gfx", "Dead Stones", dead),
}

COMMANDS = {"gogui-analyze_commands": analyze_commands} | {name: run for name, (_, _, run) in MAPS.items()}
