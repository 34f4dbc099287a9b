"""What a session answers where a command cannot be obeyed."""

from tengen.errors import TengenError


class Refusal(TengenError):
    """A command that fails; its text is the answer."""
