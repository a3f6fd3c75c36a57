"""The kind of columns of images: paths, bytes, base64, arrays or Pillow images; one or several per cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.errors import spelled
from medley.image.image_cells import (
    as_image,
    has_image_suffix,
    is_image_array,
    is_image_base64,
    is_image_bytes,
    is_url,
    split_paths,
)
from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse
from medley.tables.columns.objects import is_list_like, items_of, type_names
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess, is_absent
from medley.tables.columns.strings import fraction

_SAMPLE = 20
_OBJECT_SAMPLE = 200


class ImageKind(ColumnKind, register="image.kind"):
    """Images. The form is `""` for one per cell, `"several"` for lists of images or paths joined by `;`."""

    name = "image"
    rank = 20.0
    forms = "(several)?"
    names_files = True

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        return _images_from_strings(profile) if profile.is_plain else self._recognize_objects(profile)

    def _recognize_objects(self, profile: ColumnProfile) -> KindGuess | None:
        cells = profile.sample(_OBJECT_SAMPLE)
        if all(map(is_one_image, cells)):
            return KindGuess(self.name, f"its cells are images ({type_names(cells)})", 0.98)
        if not all(map(is_list_like, cells)):
            return None
        items = [item for cell in cells for item in items_of(cell) if not is_absent(item)]
        if items and all(is_one_image(item) or (isinstance(item, str) and has_image_suffix(item)) for item in items):
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
        """A list of B paths, bytes, arrays or Pillow images, None where missing; for `"several"`, a list of B lists."""
        root = profile.root
        if form != "several":
            return parse_cells(profile, lambda cell: as_image(cell, root))
        return parse_cells(profile, lambda cell: [as_image(item, root) for item in _split_cell(cell)] or None)

    def describe(self, form: str, distinct: int) -> str:
        return "several images, pooled" if form == "several" else "an image"

    def reads_as_text(self, form: str) -> bool:
        return True


def is_one_image(cell: Any) -> bool:
    """Whether a cell is one image: file contents, base64, a Pillow image or an array of pixels."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return is_image_bytes(bytes(cell[:64]))
    if isinstance(cell, Mapping):
        return isinstance(cell.get("bytes"), bytes) or has_image_suffix(str(cell.get("path") or ""))
    if hasattr(cell, "getbands") and hasattr(cell, "convert"):
        return True
    if isinstance(cell, str):
        return is_image_base64(cell)
    return isinstance(cell, list | tuple | np.ndarray) and is_image_array(cell)


def _split_cell(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        return split_paths(cell) if "base64," not in cell else [cell]
    return [cell] if is_one_image(cell) else [item for item in items_of(cell) if not is_absent(item)]


def _images_from_strings(profile: ColumnProfile) -> KindGuess | None:
    """Paths of image files, one or several per cell, or images in base64."""
    strings = profile.strings
    if fraction(map(is_image_base64, strings)) >= 0.9:
        return KindGuess("image", "its cells are images in base64", 0.99)
    if fraction(map(is_url, strings)) >= 0.9:
        reason = "its cells are URLs, which are not downloaded"
        return KindGuess("identifier", reason, 0.9) if len(profile.values) == profile.n_present else None
    paths = [split_paths(string) for string in strings]
    if fraction(bool(cell) and all(map(has_image_suffix, cell)) for cell in paths) < 0.9:
        return _images_by_content(profile)
    several = any(len(cell) > 1 for cell in paths)
    form = "several" if several else ""
    sample = [path for cell in paths for path in cell][:: max(len(paths) // _SAMPLE, 1)][:_SAMPLE]
    existing = sum((profile.root / path).is_file() for path in sample)
    description = "its cells are paths of images" + (", joined by ;" if several else "")
    if not existing:
        example = f"for example {sample[0]!r} in {profile.root}"
        reason = f"{description}, but none of {len(sample)} sampled files exists, {example}: set {spelled('root')}"
        return KindGuess("image", reason, 0.4, form)
    missing = len(sample) - existing
    missing_files = f", but {missing} of {len(sample)} sampled files do not exist" if missing else ""
    return KindGuess("image", description + missing_files, 0.7 + 0.29 * existing / len(sample), form)


def _images_by_content(profile: ColumnProfile) -> KindGuess | None:
    """Files that are images by their content, not by their suffix."""
    strings = profile.strings[:: max(len(profile.strings) // _SAMPLE, 1)][:_SAMPLE]
    if fraction("/" in string or "\\" in string for string in strings) < 0.9:
        return None
    if fraction(_is_image_file(profile.root / string) for string in strings) < 0.5:
        return None
    return KindGuess("image", "its cells are paths of files that hold images", 0.9)


def _is_image_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_image_bytes(file.read(64))
    except (OSError, ValueError):
        return False
