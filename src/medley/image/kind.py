"""The kind of columns of images: paths, bytes, base64, arrays or Pillow images; one or several per cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.errors import spelled
from medley.image.cells import (
    has_image_ending,
    image_of,
    is_address,
    is_image_array,
    is_image_base64,
    is_image_bytes,
    split_paths,
)
from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse
from medley.tables.columns.objects import is_list_like, items_of, type_names
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess, is_absent
from medley.tables.columns.strings import fraction

_EXAMINED = 20
_EXAMINED_OBJECTS = 200


class ImageKind(ColumnKind, register="image.kind"):
    """Images. Its form is `""` for one per cell, `"several"` for a list of them, or paths joined by `;`."""

    name = "image"
    rank = 20.0
    names_files = True

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        return _written_images(profile) if profile.is_plain else self._objects(profile)

    def _objects(self, profile: ColumnProfile) -> KindGuess | None:
        cells = profile.sample(_EXAMINED_OBJECTS)
        if all(map(is_one_image, cells)):
            return KindGuess(self.name, f"its cells are images ({type_names(cells)})", 0.98)
        if not all(map(is_list_like, cells)):
            return None
        items = [item for cell in cells for item in items_of(cell) if not is_absent(item)]
        if items and all(is_one_image(item) or (isinstance(item, str) and has_image_ending(item)) for item in items):
            return KindGuess(self.name, "its cells are lists of images", 0.95, "several")
        return None

    def override(self, profile: ColumnProfile) -> KindGuess:
        if not profile.is_plain:
            is_single = all(map(is_one_image, profile.cells[:100]))
            return KindGuess(self.name, SET_BY_CALLER, 1.0, "" if is_single else "several")
        if profile.values.dtype.kind != "O":
            raise cannot_parse(profile, self.name)
        several = any(len(split_paths(string)) > 1 for string in profile.strings)
        return KindGuess(self.name, SET_BY_CALLER, 1.0, "several" if several else "")

    def parse(self, profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
        """A list of B paths, bytes, arrays or Pillow images, None where missing; of `"several"`, a list of B lists."""
        root = profile.root
        if form != "several":
            return parse_cells(profile, lambda cell: image_of(cell, root))
        return parse_cells(profile, lambda cell: [image_of(item, root) for item in _images_of(cell)] or None)

    def describe(self, form: str, distinct: int) -> str:
        return "several images, pooled" if form == "several" else "an image"

    def reads_as_text(self, form: str) -> bool:
        return True


def is_one_image(cell: Any) -> bool:
    """Whether a cell is an image by itself: a file's bytes, an image of Pillow's, an array of pixels."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return is_image_bytes(bytes(cell[:64]))
    if isinstance(cell, Mapping):
        return isinstance(cell.get("bytes"), bytes) or has_image_ending(str(cell.get("path") or ""))
    if hasattr(cell, "getbands") and hasattr(cell, "convert"):
        return True
    if isinstance(cell, str):
        return is_image_base64(cell)
    return isinstance(cell, list | tuple | np.ndarray) and is_image_array(cell)


def _images_of(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        return split_paths(cell) if "base64," not in cell else [cell]
    return [cell] if is_one_image(cell) else [item for item in items_of(cell) if not is_absent(item)]


def _written_images(profile: ColumnProfile) -> KindGuess | None:
    """Paths of image files, one or several, or images in base64."""
    words = profile.strings
    if fraction(map(is_image_base64, words)) >= 0.9:
        return KindGuess("image", "its cells are images in base64", 0.99)
    if fraction(map(is_address, words)) >= 0.9:
        reason = "its cells are addresses on the web, which are not fetched"
        return KindGuess("identifier", reason, 0.9) if len(profile.values) == profile.n_present else None
    paths = [split_paths(word) for word in words]
    if fraction(bool(some) and all(map(has_image_ending, some)) for some in paths) < 0.9:
        return _unnamed_images(profile)
    several = any(len(some) > 1 for some in paths)
    form = "several" if several else ""
    examined = [path for some in paths for path in some][:: max(len(paths) // _EXAMINED, 1)][:_EXAMINED]
    existing = sum((profile.root / path).is_file() for path in examined)
    described = "its cells are paths of images" + (", joined by ;" if several else "")
    if not existing:
        example = f"{examined[0]!r} in {profile.root} for one"
        reason = f"{described}, but no file of {len(examined)} examined is there, {example}: give {spelled('root')}"
        return KindGuess("image", reason, 0.4, form)
    missing = len(examined) - existing
    lacking = f", of which {missing} of {len(examined)} examined are not there" if missing else ""
    return KindGuess("image", described + lacking, 0.7 + 0.29 * existing / len(examined), form)


def _unnamed_images(profile: ColumnProfile) -> KindGuess | None:
    """Files whose names do not tell that they are images, but whose content does."""
    words = profile.strings[:: max(len(profile.strings) // _EXAMINED, 1)][:_EXAMINED]
    if fraction("/" in word or "\\" in word for word in words) < 0.9:
        return None
    if fraction(_holds_image(profile.root / word) for word in words) < 0.5:
        return None
    return KindGuess("image", "its cells are paths of files that hold images", 0.9)


def _holds_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_image_bytes(file.read(64))
    except (OSError, ValueError):
        return False
