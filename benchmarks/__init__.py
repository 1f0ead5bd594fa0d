"""Measurements of the workbench against named peers: `python -m benchmarks [--only NAME]`."""
