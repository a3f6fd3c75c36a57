"""The column kind for audio recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medley.errors import spelled
from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import fraction

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")
_SIGNATURES = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
_EXAMINED = 20


class AudioKind(ColumnKind, register="audio.kind"):
    """Recordings: paths or bytes of audio files, or samples with their rate."""

    name = "audio"
    rank = 15.0  # before images, because arrays of samples could be mistaken for images
    names_files = True

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain:
            cells = profile.sample(_EXAMINED)
            if cells and all(map(is_recording, cells)):
                return KindGuess(self.name, "its cells are recordings", 0.97)
            return None
        if fraction(text.lower().endswith(ENDINGS) for text in profile.strings) < 0.9:
            return None
        paths = profile.strings[:: max(len(profile.strings) // _EXAMINED, 1)][:_EXAMINED]
        existing = sum((profile.root / path).is_file() for path in paths)
        reason = "its cells are paths of audio files"
        if not existing:
            reason += f", but none of {len(paths)} sampled files exists, for example {paths[0]!r} in {profile.root}"
            return KindGuess(self.name, f"{reason}: set {spelled('root')}", 0.4)
        return KindGuess(self.name, reason, 0.7 + 0.29 * existing / len(paths))

    def override(self, profile: ColumnProfile) -> KindGuess:
        if profile.is_plain and profile.values.dtype.kind != "O":
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
        """A list of B paths, bytes or samples with their rate, None where missing."""
        root = profile.root
        return parse_cells(profile, lambda cell: str(root / cell.strip()) if isinstance(cell, str) else cell)

    def describe(self, form: str, distinct: int) -> str:
        return "the spectrogram of a recording"

    def reads_as_text(self, form: str) -> bool:
        return True


def is_recording(cell: Any) -> bool:
    """Whether a cell that is not a string is a recording: bytes of an audio file, or samples with their rate.

    >>> is_recording(b"fLaC..."), is_recording({"array": [0.0], "sampling_rate": 8000}), is_recording(b"GIF89a")
    (True, True, False)
    """
    if isinstance(cell, Mapping):
        if cell.get("array") is not None:
            return "sampling_rate" in cell
        data, path = cell.get("bytes"), str(cell.get("path") or "")
        return is_recording(data) if isinstance(data, bytes) else path.lower().endswith(ENDINGS)
    if isinstance(cell, tuple) and len(cell) == 2:
        return isinstance(cell[0], np.ndarray) and isinstance(cell[1], int | np.integer)
    if isinstance(cell, bytes | bytearray | memoryview):
        header = bytes(cell[:12])
        return header.startswith(_SIGNATURES) or (header[:4] == b"RIFF" and header[8:12] == b"WAVE")
    return False
