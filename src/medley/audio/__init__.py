"""Audio: recordings as an input."""

from medley.audio import kind  # noqa: F401  (importing registers)
