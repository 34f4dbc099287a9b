"""Benchmarks behind `tengen bench`."""
