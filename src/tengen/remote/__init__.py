"""Runs kept at a URL: a folder here to work in, and a copy there that any machine goes on from."""
