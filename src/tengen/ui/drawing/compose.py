"""The scene of a table: the position that is looked at, with what is known about it."""

from collections.abc import Sequence

import numpy as np

from tengen.envs.game import Game, States
from tengen.ui.drawing.scene import Board, Label, Scene
from tengen.ui.model.faces import Face
from tengen.ui.model.review import chance
from tengen.ui.thinking.analyst import Insight
from tengen.ui.thinking.table import Table

LABELS = 6  # best moves that are marked on the board


def board_of(game: Game) -> Board:
    """The drawing of a game's board."""
    if game.family == "go":
        from tengen.ui.drawing.go import GoBoard

        return GoBoard(game.obs_shape[1])
    if game.family == "checkers":
        from tengen.ui.drawing.checkers import CheckersBoard

        return CheckersBoard()
    if game.family == "chess":
        from tengen.ui.drawing.chess import ChessBoard

        return ChessBoard()
    from tengen.ui.drawing.connect4 import Connect4Board

    return Connect4Board()


def scene_of(table: Table, cursor: int | None, picked: Sequence[int], flipped: bool) -> Scene:
    """What is to be seen. picked: the cells of a turn that was begun, the piece first."""
    session, face = table.session, table.face
    node = session.tree.current
    state = node.state
    insight = table.insight if table.insight_of is node else None
    last = face.path(node.parent.state, node.actions) if node.parent else []
    pieces = face.pieces(state)
    targets: list[int] = []
    movable: list[int] = []
    if face.picks:
        if picked:
            turns = face.turns_at(state, picked)
            targets = [face.path(state, turn)[len(picked)] for turn in turns]
        elif not node.is_terminal:
            movable = face.movable(state)
    labels, line, trail = _hints(table, insight, face, state)
    shade = heat = None
    if insight is not None:
        if (table.shown.ownership or session.marks_dead) and insight.ownership is not None:
            shade = insight.ownership
        if table.shown.heat and insight.policy is not None:
            heat = _heat(face, state, insight)
    ghost = cursor is not None and not node.is_terminal and not face.picks
    return Scene(
        pieces=pieces,
        to_play=node.to_play,
        cursor=cursor,
        ghost=ghost,
        last=tuple(last),
        chosen=picked[-1] if picked else None,
        movable=tuple(movable),
        targets=tuple(targets),
        ko=_ko(session.game, state),
        labels=labels,
        line=line,
        trail=trail,
        shade=shade,
        heat=heat,
        dead=session.dead if session.at_tip else frozenset(),
        glow=tuple(face.glow(state)),
        flipped=flipped,
    )


def _hints(
    table: Table, insight: Insight | None, face: Face, state: States
) -> tuple[dict[int, Label], tuple[tuple[int, int, str], ...], tuple[int, ...]]:
    """Labels of the best moves, or the line of the one that is chosen, and the path of its first turn."""
    node = table.session.tree.current
    if insight is None or not (table.shown.analysis or table.hinted is node) or not insight.candidates:
        return {}, (), ()
    if table.candidate is not None and table.candidate < len(insight.candidates):
        chosen = insight.candidates[table.candidate]
        return (
            {},
            _line(table.game, face, state, chosen.line),
            tuple(face.path(state, chosen.turn)) if face.picks else (),
        )
    most = insight.candidates[0].visits
    labels: dict[int, Label] = {}
    for index, candidate in enumerate(insight.candidates[:LABELS]):
        path = face.path(state, candidate.turn)
        if not path or path[-1] in labels or candidate.visits * 50 < most:
            continue
        text = f"{100 * chance(candidate.value):.0f}"
        visits = f"{candidate.visits}" if candidate.visits < 1000 else f"{candidate.visits / 1000:.1f}k"
        labels[path[-1]] = Label(text, visits, candidate.visits / max(1, most), index == 0)
    trail = tuple(face.path(state, insight.candidates[0].turn)) if face.picks else ()
    return labels, (), trail


def _line(
    game: Game, face: Face, state: States, turns: Sequence[Sequence[int]]
) -> tuple[tuple[int, int, str], ...]:
    """Where each turn of a line ends, whose it is, and its number; a later one hides an earlier."""
    here = state.copy()
    out: dict[int, tuple[int, int, str]] = {}
    for number, turn in enumerate(turns, 1):
        path = face.path(here, turn)
        player = int(here["to_play"][0])
        if path and path[-1] not in out:
            out[path[-1]] = (path[-1], player, str(number))
        for action in turn:
            if here["terminal"][0]:
                return tuple(out.values())
            game.step(here, np.array([action], np.int32))
    return tuple(out.values())


def _heat(face: Face, state: States, insight: Insight) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The network's policy on the cells where its actions begin or fall."""
    assert insight.policy is not None
    out = np.zeros(face.rows * face.columns, np.float32)
    if face.picks:
        for first, cell in face.heat_cells(state):
            out[cell] += insight.policy[first]
        return out
    for action in np.flatnonzero(insight.policy):
        if face.columns == 7:
            out[int(action)] = insight.policy[action]
        elif action < len(out):
            out[action] = insight.policy[action]
    return out


def _ko(game: Game, state: States) -> int | None:
    """The point that ko forbids, in Go."""
    if game.family != "go" or not int(state["ko"][0]):
        return None
    from tengen.envs.go.board import address
    from tengen.envs.go.game import Go

    assert isinstance(game, Go)
    for action in range(game.size**2):
        if address(game.size, action) == int(state["ko"][0]):
            return action if game.fault(state, action).startswith("ko") else None
    return None
