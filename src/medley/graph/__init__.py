"""Graphs of blocks as data, and the networks that resolved graphs build."""
