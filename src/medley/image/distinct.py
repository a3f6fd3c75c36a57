"""Process each distinct image of many rows once, in batches, with a progress bar."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from medley.cache.folder import digest
from medley.errors import DataError
from medley.image.image_files import BadImageError, path_or_bytes
from medley.image.pixels import as_array, depth_of, is_image, is_missing, read
from medley.image.unreadable import IMAGES, Policy, Problems, by_row

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")

# Larger than any image, so that JPEG files are decoded at full size.
_FULL_SIZE = (1_000_000, 1_000_000)
_SECONDS_BETWEEN_LINES = 30.0
"""Time between two lines of progress where stderr is not a terminal."""


@dataclass
class DistinctImages:
    """Images of many rows, identified by a hash of their content.

    Args:
        rows: B images in any format.
        root: the folder that relative paths are resolved against.
        keys: B hashes; None where the row has no image, or one that cannot be read.
        problems: the images that cannot be read.

    >>> DistinctImages.of([np.zeros((2, 2)), None, np.zeros((2, 2))]).first.values()
    dict_values([0])
    """

    rows: Sequence[Any]
    root: str | None = None
    keys: list[str | None] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)

    @classmethod
    def of(cls, rows: Sequence[Any], root: str | None = None) -> DistinctImages:
        """Reads the content of every image, without decoding it."""
        images = cls(rows, root)
        images.keys = images.attempt(range(len(rows)), lambda row: _content_hash(rows[row], root))
        return images

    @property
    def first(self) -> dict[str, int]:
        """Key -> the first row with that image."""
        rows: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            if key is not None:
                rows.setdefault(key, row)
        return rows

    def batches(self, keys: Sequence[str], batch_size: int, label: str) -> Iterator[tuple[list[str], list[Image]]]:
        """Yields batches of keys and decoded images; unreadable images are recorded in `problems` and skipped.

        Args:
            keys: of the images to decode.
            batch_size: number of images per batch.
            label: of the progress bar, such as "captions".
        """
        first = self.first
        with progress(label, len(keys)) as advance:
            for start in range(0, len(keys), batch_size):
                batch = keys[start : start + batch_size]
                images = self.attempt([first[key] for key in batch], lambda row: decode(self.rows[row], self.root))
                readable = [(key, image) for key, image in zip(batch, images, strict=True) if image is not None]
                if readable:
                    yield [key for key, _ in readable], [image for _, image in readable]
                advance(len(batch))

    def check(self, policy: Policy, keys: Sequence[str]) -> None:
        """Raises errors as `close` does, before work on these images begins, which may take hours; does not warn.

        Raises:
            DataError: as in `close`.
        """
        if policy == "raise":
            first = self.first
            self.attempt(
                [first[key] for key in keys], lambda row: bool(read(self.rows[row], 3, (1, 1), self.root).size)
            )
        self._copy_to_duplicates()
        IMAGES.raise_errors(self.problems, self.rows, by_row, policy)

    def close(self, policy: Policy) -> None:
        """Reports the images that could not be read.

        Warns:
            BadImageWarning: some cannot be read and are treated as missing.

        Raises:
            DataError: the policy is `"raise"` and some images cannot be read, or something is not an image.
        """
        self._copy_to_duplicates()
        IMAGES.raise_errors(self.problems, self.rows, by_row, policy)
        IMAGES.warn_of(IMAGES.list_items(self.problems.unreadable, self.rows, by_row), len(self.rows))

    def _copy_to_duplicates(self) -> None:
        """Copies each problem to all rows with the same image."""
        for problems in (self.problems.unreadable, self.problems.invalid):
            by_key = {self.keys[row]: reason for row, reason in problems.items() if self.keys[row] is not None}
            problems.update({row: by_key[key] for row, key in enumerate(self.keys) if key in by_key})

    def attempt(self, rows: Sequence[int], work: Callable[[int], Result]) -> list[Result | None]:
        """Calls `work` for some rows in threads and collects all problems."""

        def call(row: int) -> Result | None:
            try:
                return work(row)
            except BadImageError as error:
                self.problems.unreadable[row] = str(error)
            except (ValueError, TypeError, MemoryError) as error:
                self.problems.invalid[row] = str(error)
            return None

        with warnings.catch_warnings():  # Pillow's own warnings: unreadable images are reported
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
                return list(pool.map(call, rows))


def decode(item: Any, root: str | None = None) -> Image:
    """Decodes one image in any format as an RGB Pillow image of its original size.

    Args:
        item: as in `pixels.read`.
        root: the folder that relative paths are resolved against.

    Raises:
        BadImageError: it is an image that cannot be read.
        DataError: it is not an image, does not have 1 to 4 channels, or has pixel values out of range.

    >>> decode(np.ones((4, 6))).size, decode(np.ones((4, 6))).getpixel((0, 0))
    ((6, 4), (255, 255, 255))
    """
    from PIL import Image

    pixels = read(item, 3, _FULL_SIZE, root)
    if pixels.shape[2] not in (1, 2, 3, 4):
        raise DataError(f"an image must have 1 to 4 channels, got an array of shape {pixels.shape}")
    pixels = as_bytes(pixels)
    rgb = pixels[:, :, :3] if pixels.shape[2] > 2 else np.repeat(pixels[:, :, :1], 3, axis=2)
    return Image.fromarray(np.ascontiguousarray(rgb))


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Converts pixels to bytes: from booleans, 16-bit integers, integers from 0 to 255 and numbers from 0 to 1.

    Raises:
        DataError: values outside these ranges.

    >>> as_bytes(np.array([0.0, 0.5, 1.0])), as_bytes(np.array([True]))
    (array([  0, 128, 255], dtype=uint8), array([255], dtype=uint8))
    """
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    match depth_of(pixels):
        case "byte":
            return pixels.astype(np.uint8) * np.uint8(255 if pixels.dtype == np.bool_ else 1)
        case "unit":
            return np.rint(np.nan_to_num(pixels) * 255).astype(np.uint8)
    raise DataError(
        f"pixels must be numbers from 0 to 1 or whole numbers from 0 to 255, got {pixels.min():.4g} to "
        f"{pixels.max():.4g}"
    )


def _content_hash(item: Any, root: str | None) -> str | None:
    if is_missing(item):
        return None
    if not is_image(item):
        return digest(as_array(item))
    content = path_or_bytes(item, root)
    if isinstance(content, bytes):
        return digest(content)
    if isinstance(content, str | PathLike):
        return digest(_read_file(fspath(content)))
    return digest(content.mode, np.asarray(content))


def _read_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise BadImageError("no such file") from None
    except OSError as error:
        raise BadImageError((error.strerror or str(error)).lower()) from None


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar on a terminal; elsewhere prints a line every 30 seconds.

    Args:
        label: the name of the items, such as "captions".
        total: number of items.

    Yields:
        A function to call with the number of items done since the last call.
    """
    bar = _start_bar() if total and sys.stderr.isatty() else None
    if bar is None:
        yield _line_printer(label, total)
        return
    task = bar.add_task(label, total=total)
    try:
        yield lambda done: bar.advance(task, done)
    finally:
        bar.stop()


def _start_bar() -> Any:
    from rich.console import Console
    from rich.errors import LiveError
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    try:
        bar.start()
    except LiveError:  # a search already shows a bar, and older versions of rich allow only one
        return None
    return bar


def _line_printer(label: str, total: int) -> Callable[[int], None]:
    done, last_printed = 0, monotonic()

    def advance(count: int) -> None:
        nonlocal done, last_printed
        done += count
        if monotonic() - last_printed > _SECONDS_BETWEEN_LINES:
            last_printed = monotonic()
            print(f"{label}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return advance
