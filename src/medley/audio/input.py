"""Recordings as an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from medley.audio.block import AudioBlock
from medley.audio.codec import AudioCodec
from medley.audio.recordings import RECORDINGS
from medley.core.arguments import whole_number_problems
from medley.core.block import Block
from medley.core.column import ColumnGuess
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.core.unreadable import Policy

MAX_EPOCHS = 20


class AudioInput(InputBlock, register="audio.input"):
    """One recording per row.

    Rows are paths or bytes of files (WAV, FLAC, OGG, MP3), `(samples, rate)`, `{"array": ..., "sampling_rate": ...}`,
    or samples (N,) or (N, channels) of `sampling_rate`. None, NaN and empty strings are missing. Log-mel
    spectrograms are computed once per distinct file. Files need the extra `medley[audio]`.

    Args:
        sampling_rate: in Hz; default: the most frequent one of the training rows, at most 16,000.
        max_seconds: longer recordings are truncated; default: the 99 % quantile of the training rows, at most 10 s.
        channels: number of channels; 1 downmixes to mono.
        mel_bins: number of mel bins; default: 40 up to 8,000 Hz, else 64.
        root: the folder that relative paths start from; default: the working directory.
        on_bad_file: for recordings that cannot be read (missing or damaged files): `"warn"` treats them as missing and
            lists them in one `BadAudioWarning`; `"raise"` raises a `DataError` that lists them; `"drop"` leaves out
            their rows in the training of the table API, and elsewhere equals `"warn"`.

    Shape: rows -> (B, T, channels x bins) float32, padded with zeros at the end.

    Raises:
        ConfigError: a number is out of range, or the policy is unknown.

    >>> AudioInput(sampling_rate=8000, max_seconds=1.0).codec().max_seconds
    1.0
    """

    kinds: ClassVar[tuple[str, ...]] = ("audio",)
    claim_rank: ClassVar[float | None] = 25.0

    sampling_rate: int | None = field(default=None, kw_only=True)
    max_seconds: float | None = field(default=None, kw_only=True)
    channels: int = field(default=1, kw_only=True)
    mel_bins: int | None = field(default=None, kw_only=True)
    root: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    on_bad_file: Policy = field(default="warn", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", None if self.root is None else os.fspath(self.root))
        super().__post_init__()

    max_epochs: ClassVar[int | None] = MAX_EPOCHS
    """Sufficient with augmentation and a one-cycle schedule."""

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "sampling_rate", "channels", "mel_bins")
        seconds = self.max_seconds
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0):
            yield f"max_seconds must be a number above 0, got {seconds!r}."
        yield from RECORDINGS.policy_problem(self.on_bad_file)

    def codec(self) -> AudioCodec:
        return AudioCodec(
            self.sampling_rate,
            self.max_seconds,
            channels=self.channels,
            bins=self.mel_bins,
            root=None if self.root is None else str(self.root),
            on_bad_file=self.on_bad_file,
        )

    def default_block(self) -> Block:
        return AudioBlock()

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input per column of recordings."""
        policy: Any = options.on_bad_file
        return [InputColumns(cls(name=column.name, on_bad_file=policy), (column.name,)) for column in columns]
