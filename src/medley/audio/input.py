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
from medley.core.input import Input, InputColumns, TableOptions
from medley.core.unreadable import Policy

MAX_EPOCHS = 20


class AudioInput(Input, register="audio.input"):
    """One recording per row.

    Rows are paths or bytes of files (WAV, FLAC, OGG, MP3), `(samples, rate)`, `{"array": ..., "sampling_rate": ...}`,
    or samples (N,) or (N, channels) of `sampling_rate`. None, NaN and empty strings are missing. Recordings become
    log-mel spectrograms, once per distinct file. Files need the extra `medley[audio]`.

    Args:
        sampling_rate: in Hz; the most frequent one of the training rows, 16,000 at most, where unset.
        max_seconds: longer recordings are cut; the 99 % quantile of the training rows, 10 s at most, where unset.
        channels: 1 mixes all channels down; more are kept side by side.
        mel_bins: 40 up to 8,000 Hz, else 64, where unset.
        root: the folder of relative paths; left out, the working directory.
        on_bad_file: what becomes of recordings that cannot be read (no such file, damaged): `"warn"` treats them
            as missing and lists them in one `BadAudioWarning`; `"raise"` is a `DataError` that lists them; `"drop"`
            leaves their rows out of the training where a table is fitted, and elsewhere does as `"warn"`.

    Shape: rows -> (B, T, channels x bins) float32, zeros behind the end.

    Raises:
        ConfigError: a number out of its range; no such policy.

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
    """With augmentation and a one-cycle schedule, spectrograms are learned by then."""

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
