"""The table API: from a table of mixed columns to a searched model of several targets."""
