"""Work that is done once for each distinct image of many rows, in batches, with progress."""

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
from medley.image.pixels import as_array, depth_of, is_image, is_missing, read
from medley.image.sources import BadImageError, source
from medley.image.unreadable import IMAGES, Policy, Problems, by_row

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")

# Larger than any image: JPEG files are then decoded at their full size.
_WHOLE = (1_000_000, 1_000_000)
_QUIET = 30.0
"""Seconds between two lines about progress where there is no terminal."""


@dataclass
class Distinct:
    """Images of many rows, each distinct one known by a key of its content.

    Args:
        rows: as passed.
        root: the folder of relative paths.
        keys: (B,) per row; None where the row has no image, or one that cannot be read.
        found: what cannot be read.

    >>> Distinct.of([np.zeros((2, 2)), None, np.zeros((2, 2))]).first.values()
    dict_values([0])
    """

    rows: Sequence[Any]
    root: str | None = None
    keys: list[str | None] = field(default_factory=list)
    found: Problems = field(default_factory=Problems)

    @classmethod
    def of(cls, rows: Sequence[Any], root: str | None = None) -> Distinct:
        """Reads the content of every image, without decoding it."""
        made = cls(rows, root)
        made.keys = made.attempt(range(len(rows)), lambda row: _key(rows[row], root))
        return made

    @property
    def first(self) -> dict[str, int]:
        """Key -> the first row that has it."""
        found: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            if key is not None:
                found.setdefault(key, row)
        return found

    def batches(self, keys: Sequence[str], size: int, told: str) -> Iterator[tuple[list[str], list[Image]]]:
        """Yields the images of these keys, decoded; those that cannot be are noted in `found` and left out.

        Args:
            keys: which.
            size: how many at once.
            told: what the progress is of: "captions".
        """
        first = self.first
        with progress(told, len(keys)) as advance:
            for start in range(0, len(keys), size):
                some = keys[start : start + size]
                images = self.attempt([first[key] for key in some], lambda row: decoded(self.rows[row], self.root))
                there = [(key, one) for key, one in zip(some, images, strict=True) if one is not None]
                if there:
                    yield [key for key, _ in there], [one for _, one in there]
                advance(len(some))

    def check(self, policy: Policy, keys: Sequence[str]) -> None:
        """As `close`, before the work on these keys is begun, which may take hours; warns of nothing.

        Raises:
            DataError: as `close`.
        """
        if policy == "raise":
            first = self.first
            self.attempt(
                [first[key] for key in keys], lambda row: bool(read(self.rows[row], 3, (1, 1), self.root).size)
            )
        self._spread()
        IMAGES.stop(self.found, self.rows, by_row, policy)

    def close(self, policy: Policy) -> None:
        """Tells what could not be read.

        Warns:
            BadImageWarning: some are taken as missing.

        Raises:
            DataError: the policy is `"raise"` and some cannot be read, or something is not an image at all.
        """
        self._spread()
        IMAGES.stop(self.found, self.rows, by_row, policy)
        IMAGES.warn_of(IMAGES.listed(self.found.bad, self.rows, by_row), len(self.rows))

    def _spread(self) -> None:
        """What is wrong with an image is wrong in every row that has it."""
        for problems in (self.found.bad, self.found.wrong):
            by_key = {self.keys[row]: why for row, why in problems.items() if self.keys[row] is not None}
            problems.update({row: by_key[key] for row, key in enumerate(self.keys) if key in by_key})

    def attempt(self, rows: Sequence[int], work: Callable[[int], Result]) -> list[Result | None]:
        """Does work for some rows, with threads, and notes all that goes wrong."""

        def one(row: int) -> Result | None:
            try:
                return work(row)
            except BadImageError as error:
                self.found.bad[row] = str(error)
            except (ValueError, TypeError, MemoryError) as error:
                self.found.wrong[row] = str(error)
            return None

        with (
            warnings.catch_warnings()
        ):  # Pillow warns of huge images, broken metadata and the like: what is bad is told
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
                return list(pool.map(one, rows))


def decoded(item: Any, root: str | None = None) -> Image:
    """One image in any form as an RGB image of Pillow's, in its own size.

    Args:
        item: as for `pixels.read`.
        root: the folder of relative paths.

    Raises:
        BadImageError: it is an image that cannot be read.
        DataError: it is not an image, has channels other than grey or colours, or numbers that are no brightness.

    >>> decoded(np.ones((4, 6))).size, decoded(np.ones((4, 6))).getpixel((0, 0))
    ((6, 4), (255, 255, 255))
    """
    from PIL import Image

    pixels = read(item, 3, _WHOLE, root)
    if pixels.shape[2] not in (1, 2, 3, 4):
        raise DataError(f"an image has 1 to 4 channels, got an array of shape {pixels.shape}")
    pixels = as_bytes(pixels)
    colours = pixels[:, :, :3] if pixels.shape[2] > 2 else np.repeat(pixels[:, :, :1], 3, axis=2)
    return Image.fromarray(np.ascontiguousarray(colours))


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels as bytes: booleans, 16 bits, whole numbers from 0 to 255 and numbers from 0 to 1.

    Raises:
        DataError: numbers of another range.

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
        f"an image's pixels go from 0 to 1 or are whole numbers from 0 to 255, got {pixels.min():.4g} to "
        f"{pixels.max():.4g}"
    )


def _key(item: Any, root: str | None) -> str | None:
    if is_missing(item):
        return None
    if not is_image(item):
        return digest(as_array(item))
    content = source(item, root)
    if isinstance(content, bytes):
        return digest(content)
    if isinstance(content, str | PathLike):
        return digest(_file(fspath(content)))
    return digest(content.mode, np.asarray(content))


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise BadImageError("no such file") from None
    except OSError as error:
        raise BadImageError((error.strerror or str(error)).lower()) from None


@contextmanager
def progress(told: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a line now and then anywhere else; what is over soon is not told.

    Args:
        told: what is counted.
        total: how many there are.

    Yields:
        What to call with the number of those done since the last call.
    """
    bars = _bars() if total and sys.stderr.isatty() else None
    if bars is None:
        yield _lines(told, total)
        return
    task = bars.add_task(told, total=total)
    try:
        yield lambda done: bars.advance(task, done)
    finally:
        bars.stop()


def _bars() -> Any:
    from rich.console import Console
    from rich.errors import LiveError
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, console=Console(stderr=True), transient=True)
    try:
        bars.start()
    except LiveError:  # a search shows its own bars, and older versions of rich draw one thing at a time
        return None
    return bars


def _lines(told: str, total: int) -> Callable[[int], None]:
    done, spoken = 0, monotonic()

    def advance(more: int) -> None:
        nonlocal done, spoken
        done += more
        if monotonic() - spoken > _QUIET:
            spoken = monotonic()
            print(f"{told}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return advance
