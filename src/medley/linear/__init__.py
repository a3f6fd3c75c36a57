"""Linear models of tables and texts, fitted in seconds, to whose outputs networks add."""

from medley.linear.path import LinearPath

__all__ = ["LinearPath"]
