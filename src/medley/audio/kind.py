"""The kind of columns of recordings: paths of audio files."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.tables.columns.kind import SAID, ColumnKind
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import fraction

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")


class AudioKind(ColumnKind, register="audio.kind"):
    """Recordings: paths of audio files."""

    name = "audio"
    rank = 30.0
    names_files = True

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain or fraction(text.lower().endswith(ENDINGS) for text in profile.strings) < 0.9:
            return None
        return KindGuess(self.name, "its cells are paths of audio files", 0.9)

    def override(self, profile: ColumnProfile) -> KindGuess:
        return KindGuess(self.name, SAID, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
        """A list of B paths, or the cells as they are, None where missing."""
        root = profile.root
        return parse_cells(profile, lambda cell: str(root / cell.strip()) if isinstance(cell, str) else cell)

    def describe(self, form: str, distinct: int) -> str:
        return "left out: audio is not supported yet"

    def reads_as_text(self, form: str) -> bool:
        return True
