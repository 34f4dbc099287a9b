"""What stands beside the board: players, clocks, the chance to win, best moves, the turns so far."""

import itertools

from rich.text import Text

from tengen.ui.drawing.graph import bar, graph
from tengen.ui.model.review import chance
from tengen.ui.model.session import Session
from tengen.ui.model.tree import Node
from tengen.ui.thinking.analyst import Candidate
from tengen.ui.thinking.table import Table

SWATCH = {
    "go": (("#16181c", "#ddb267"), ("#faf8f2", "#ddb267")),
    "checkers": (("#18181b", "#5e7d4f"), ("#f7f1e3", "#5e7d4f")),
    "chess": (("#fbf8f0", "#9c7a52"), ("#1b1b1f", "#9c7a52")),
    "connect4": (("#f4c61e", "#1f4fa8"), ("#d93025", "#1f4fa8")),
}
BAR = {"go": ("#3a3f4b", "#f3efe4"), "checkers": ("#3a3f4b", "#f3efe4"), "connect4": ("#e0b417", "#d93025")}
BAR["chess"] = BAR["go"][::-1]
NAMES = {"go": ("B", "W"), "checkers": ("B", "W"), "chess": ("W", "B"), "connect4": ("X", "O")}


def panel(table: Table, width: int, height: int) -> Text:
    """The panel as lines of text, at most `height` of them."""
    session = table.session
    lines = [_player(table, player, width) for player in (0, 1)]
    lines.append(_turn(table, width))
    node = session.tree.current
    known = [step for step in session.tree.line() if step.value is not None]
    best = table.insight.candidates if table.insight and table.insight_of is node else ()
    if known or table.shown.analysis:
        lines.append(_win_bar(session, node, width))
        if height >= 18:
            lines += _graph(session, width, 3 if height < 30 else 5)
    if best and (table.shown.analysis or table.hinted is node):
        lines.append(Text(f"{'move':<8}{'visits':>7} {'win':>4}  then", style="dim", no_wrap=True))
        room = max(3, min(8, (height - len(lines)) // 2 - 1))
        for index, candidate in enumerate(best[:room]):
            lines.append(_candidate(candidate, width, index == table.candidate))
    elif table.shown.analysis and not node.is_terminal:
        lines.append(Text("the analysis is getting ready ...", style="dim italic"))
    lines.append(Text("─" * width, style="dim"))
    lines += _turns(session, width, height - len(lines))
    out = Text(no_wrap=True)
    for line in lines[:height]:
        line.truncate(width)
        out.append_text(line)
        out.append("\n")
    return out


def _player(table: Table, player: int, width: int) -> Text:
    session = table.session
    seat = session.seats[player]
    fore, back = SWATCH[session.game.family][player]
    line = Text.assemble((" ● ", f"{fore} on {back}"), " ", (session.sides[player], "bold"), " ")
    right = ""
    taken = session.tree.captures(player)
    if session.game.family != "connect4":
        right += f" +{taken}" if taken else ""
    if session.clock is not None:
        right = f" {session.clock.words(player, table.now())}" + right
    name = seat.name + (f" ({seat.rating})" if seat.rating else "")
    room = width - len(line) - len(right) - 1
    line.append(name if len(name) <= room else name[: max(1, room - 1)] + "…")
    line.append(" " * max(0, width - len(line) - len(right)))
    running = session.clock is not None and session.awaited == player and not table.paused
    line.append(right, "bold" if running else "")
    return line


def _turn(table: Table, width: int) -> Text:
    session, node = table.session, table.session.tree.current
    if not session.at_tip:
        on_way = node in session.tree.path(session.tip)
        what = f"turn {node.number} of {session.tip.number}" if on_way else f"variation, turn {node.number}"
        return Text(f"looking at {what}", style="bold #d9822b")
    if session.is_over:
        reason = f" by {session.reason}" if session.reason and session.reason not in session.result else ""
        return Text(f"{session.result}{reason}", style="bold #2e9f53")
    player = session.tip.to_play
    thinking = table.thinking
    if table.paused:
        return Text(f"paused; {session.sides[player]} to move", style="bold #d9822b")
    if session.awaits_agent:
        count = f" {thinking.evaluations:,}" if thinking and thinking.evaluations else ""
        return Text(f"{session.sides[player]} is thinking ...{count}", style="italic")
    offer = "; a draw is offered" if session.offer == 1 - player else ""
    return Text(f"turn {session.tip.number + 1}: {session.sides[player]} to move{offer}", style="bold")


def _win_bar(session: Session, node: Node, width: int) -> Text:
    names = NAMES[session.game.family]
    value = next((step.value for step in reversed(session.tree.path(node)) if step.value is not None), None)
    if value is None:
        return Text(f"{names[0]}      {'·' * (width - 14)}      {names[1]}", style="dim")
    share = chance(value)
    return Text.assemble(
        (f"{names[0]} {share:>4.0%} ", "bold"),
        (bar(share, width - 14), " on ".join(BAR[session.game.family])),
        (f" {1 - share:>4.0%} {names[1]}", ""),
    )


def _graph(session: Session, width: int, rows: int) -> list[Text]:
    line = session.tree.line()
    drawn = graph(_between([node.value for node in line]), width, rows)
    out = []
    here = session.tree.current
    at = round(line.index(here) * (width - 1) / (len(line) - 1)) if here in line and len(line) > 1 else None
    for text in drawn:
        row = Text(text.ljust(width), style="#3b8eea")
        if at is not None:
            letter = text[at] if at < len(text) and text[at] != " " else "┊"
            row = Text.assemble(
                (text[:at].ljust(at), "#3b8eea"), (letter, "#d9822b"), (text[at + 1 :], "#3b8eea")
            )
        out.append(row)
    return out


def _between(values: list[float | None]) -> list[float | None]:
    """Values with the gaps between two known ones bridged by straight lines."""
    known = [i for i, value in enumerate(values) if value is not None]
    out = list(values)
    for low, high in itertools.pairwise(known):
        first, last = values[low], values[high]
        assert first is not None and last is not None
        for i in range(low + 1, high):
            out[i] = first + (last - first) * (i - low) / (high - low)
    return out


def _candidate(candidate: Candidate, width: int, is_chosen: bool) -> Text:
    then = " ".join(candidate.line_words[1:])
    text = f"{candidate.words[:8]:<8}{_count(candidate.visits):>7} {chance(candidate.value):>4.0%}  {then}"
    return Text(text[:width].ljust(width), style="bold reverse" if is_chosen else "", no_wrap=True)


def _count(visits: int) -> str:
    return f"{visits:,}" if visits < 10_000 else f"{visits / 1000:.1f}k"


def _turns(session: Session, width: int, height: int) -> list[Text]:
    """The turns of the line that is looked at, two to a row or more, the present one marked."""
    line, here = session.tree.line()[1:], session.tree.current
    if not line or height < 1:
        return []
    longest = max(len(node.words) for node in line) + 1 + len(str(len(line)))
    cell = longest + 2
    across = max(1, min(4 if longest < 10 else 2, width // cell))
    rows = [line[i : i + across] for i in range(0, len(line), across)]
    at = next((i for i, row in enumerate(rows) if here in row), 0 if here.parent is None else len(rows) - 1)
    first = max(0, min(at - height // 2, len(rows) - height))
    out = []
    for row in rows[first : first + height]:
        text = Text(no_wrap=True)
        for node in row:
            branches = node.parent is not None and len(node.parent.children) > 1
            label = f"{node.number:>{len(str(len(line)))}} {node.words}{'*' if branches else ''}"
            style = "reverse" if node is here else "bold" if node is session.tip else ""
            text.append(label, style)
            text.append(" " * max(1, cell - len(label)))
        out.append(text)
    return out
