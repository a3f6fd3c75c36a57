"""Plots of a search. Trains nothing."""
