"""Opponents and analysis, in threads of their own."""
