"""Batched tree search."""
