"""Columns of a table: their profiles, what they hold (with reason and confidence), how their cells are read."""
