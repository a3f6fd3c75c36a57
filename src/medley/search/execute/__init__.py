"""Executors: where the trials of a search run. The search itself stays one process."""
