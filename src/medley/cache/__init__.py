"""Caches that persist between runs: encoded rows in memory-mapped files and append-only stores, keyed by content."""
