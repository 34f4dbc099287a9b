"""Whatever chooses an action."""
