"""Pictures in a terminal, and in files."""
