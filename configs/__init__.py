"""Recipes: one YAML a training run."""
