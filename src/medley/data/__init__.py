"""Rows in any form: counting, selecting, matching to node names, and splitting."""

from medley.data.rows import arrange, check_counts, count, rows_of, take
from medley.data.split import bins, split

__all__ = ["arrange", "bins", "check_counts", "count", "rows_of", "split", "take"]
