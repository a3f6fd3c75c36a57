"""Tables: reading files and frames, inferring what columns hold, checks, and what models read of them."""
