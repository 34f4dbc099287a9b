"""The endgame database of English draughts: every position of up to four pieces, solved."""

from tengen.envs.checkers.tablebase.file import Probed, Tablebase, read_tablebase, tablebase_for

__all__ = ["Probed", "Tablebase", "read_tablebase", "tablebase_for"]
