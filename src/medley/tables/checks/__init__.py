"""Checks of a table before training: target leakage and duplicate rows."""
