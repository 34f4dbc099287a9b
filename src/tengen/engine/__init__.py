"""Agents as engines of other programs: GTP and Hub, each as a session of text in, text out."""
