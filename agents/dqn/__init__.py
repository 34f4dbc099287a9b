"""Learning action values: deep Q-learning and its descendants."""
