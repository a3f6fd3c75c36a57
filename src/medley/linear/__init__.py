"""Linear models of tables and texts: solved in seconds, read by the network above them."""

from medley.linear.path import LinearPath

__all__ = ["LinearPath"]
