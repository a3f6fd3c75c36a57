"""Tables: reading files and frames, inferring what columns hold, checks, and what models read of them."""

from medley.tables.columns import unused  # noqa: F401  (importing registers)
