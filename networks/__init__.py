"""Networks, their inference evaluator and checkpoints."""
