"""Errors that reach a user: one sentence each, with the exit code of the command line."""


class TengenError(Exception):
    """A fault of the user's input: what was wrong, the value, what would be right. Exit code 2."""

    exit_code = 2


class IllegalMove(TengenError):
    """A move that the rules forbid, or that cannot be read."""


class MachineError(TengenError):
    """A fault of the machine (disk full, no permission, an engine that died). Exit code 1."""

    exit_code = 1
