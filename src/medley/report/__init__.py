"""Plots of a search."""
