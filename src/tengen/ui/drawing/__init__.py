"""Boards, graphs and panels as coloured characters."""
