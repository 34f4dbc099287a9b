"""Blocks that a configuration names; each with its source."""
