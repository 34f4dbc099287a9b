"""Trained networks that ship with Tengen."""
