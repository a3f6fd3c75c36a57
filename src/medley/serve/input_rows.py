"""Rows of models that were fitted to arrays, texts and images by input rather than to a table: a cell per input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medley.core.spec import Spec
from medley.data.sources import Source
from medley.errors import listing
from medley.serve.fields import Control, Field
from medley.serve.refusal import CellError
from medley.serve.rows import Rows
from medley.serve.table_inputs import column_fields, columns_of
from medley.tables.predictor import Predictor

_CONTROLS: dict[str, Control] = {"image": "image", "audio": "audio", "text": "text"}
"""Package of a codec -> what its rows are entered with; all others are lists."""

_DESCRIPTIONS: dict[str, str] = {
    "image": "The content of an image file in base64, or an array of pixels [height, width, channels].",
    "images": "A list of contents of image files in base64.",
    "audio": "The content of an audio file in base64, or a list of samples.",
    "text": "A text.",
}


def input_fields(model: Predictor) -> list[Field]:
    """One field per input of a model, in order."""
    sources = _plain_sources(model)
    return [_field(name, sources.get(name)) for name in model.input_names]


def input_rows(model: Predictor, rows: Rows) -> tuple[dict[str, Any], list[CellError]]:
    """Input name -> rows, as `Model.predict` takes them; and the cells that cannot be read, which count as missing.

    Args:
        model: was fitted to inputs.
        rows: as `rows.checked_rows` returns them.

    Raises:
        DataError: the rows cannot be read in another way.
    """
    sources, errors = _plain_sources(model), []
    x: dict[str, Any] = {}
    for name in model.input_names:
        source, cells = sources.get(name), [row[name] for row in rows]
        if source is not None and source.codec.spec.columns:
            x[name], unreadable = columns_of(source, name, cells)
        else:
            x[name], unreadable = _cells(source, name, cells)
        errors += unreadable
    return x, errors


def _plain_sources(model: Predictor) -> dict[str, Source]:
    """Input name -> the first of its encodings, which says what a row of it is."""
    sources: dict[str, Source] = {}
    for source in model.sources:
        if not source.reads:
            sources.setdefault(source.input_name, source)
    return sources


def _package(source: Source) -> str:
    """The package of a codec: that of its modality."""
    return type(source.codec).__module__.split(".")[1]


def _field(name: str, source: Source | None) -> Field:
    if source is None:  # only read together with other inputs
        return Field(name, "list", "list", "A list.")
    spec, control = source.codec.spec, _CONTROLS.get(_package(source), "list")
    if spec.columns:
        listed = listing(column.name for column in spec.columns)
        description = f"A list of {len(spec.columns)} cells, or an object of cells by name: {listed}."
        columns = column_fields(source)
        return Field(
            name, "table", "table" if columns else "list", description, shape=(len(spec.columns),), columns=columns
        )
    if control == "image" and spec.rank > 3:
        control = "images"
    shape = spec.shape if control == "list" else ()
    description = _DESCRIPTIONS.get(control, f"An array of the shape {list(shape)}, as nested lists.")
    return Field(
        name,
        control if control != "list" else "array",
        control,
        f"{description} Leave it out (null) where it is missing.",
        is_long=control == "text",
        takes_arrays=control in ("image", "audio"),
        shape=shape,
    )


def _cells(source: Source | None, name: str, cells: list[Any]) -> tuple[Any, list[CellError]]:
    if source is None:
        return cells, []
    arrays, errors = list(cells), []
    is_list, spec = _CONTROLS.get(_package(source), "list") == "list", source.codec.spec
    for row, cell in enumerate(cells):
        if _is_array(cell):
            arrays[row] = _array(cell)
            if arrays[row] is None:
                message = "The cell must be an array: nested lists of numbers, of equal lengths."
                errors.append(CellError(row, name, message))
            elif is_list and not _fits(arrays[row].shape, spec):
                message = f"The array must have the shape {list(spec.shape)}, got {list(arrays[row].shape)}."
                errors.append(CellError(row, name, message))
                arrays[row] = None
    return (_stacked(arrays, spec.shape) if is_list else arrays), errors


def _is_array(cell: Any) -> bool:
    """Whether a cell is a nested list of numbers; a list may also hold the contents of several files."""
    return isinstance(cell, list) and not any(isinstance(item, bytes) for item in cell)


def _fits(shape: Sequence[int], spec: Spec) -> bool:
    """Whether an array of this shape holds a row of a spec: axes of size 1 may be left out, T and S have any length.

    >>> _fits((28, 28), Spec((28, 28, 1), "HWC")), _fits((28, 27), Spec((28, 28, 1), "HWC"))
    (True, False)
    >>> _fits((7, 3), Spec((5, 3), "TC")), _fits((7, 4), Spec((5, 3), "TC"))
    (True, False)
    """
    if "T" in spec.axes or "S" in spec.axes:
        sizes = zip(shape, spec.shape, spec.axes, strict=False)
        return len(shape) == spec.rank and all(size == wanted or axis in "TS" for size, wanted, axis in sizes)
    return [size for size in shape if size != 1] == [size for size in spec.shape if size != 1]


def _stacked(cells: list[Any], shape: Sequence[int]) -> Any:
    """Arrays of numbers as one array; a row without one is NaN. Arrays of several shapes stay a list."""
    arrays = [np.full(shape, np.nan, np.float32) if cell is None else np.asarray(cell) for cell in cells]
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else arrays


def _array(cell: Any) -> np.ndarray | None:
    """A nested list as an array: of bytes where all numbers are such, as pixels are; null is NaN.

    None if its lists have different lengths, or hold something else than numbers.
    """
    try:
        array = np.asarray(cell)
        if array.dtype.kind in "iu":
            return array.astype(np.uint8) if array.size and array.min() >= 0 and array.max() <= 255 else array
        return np.asarray(cell, np.float32)
    except (TypeError, ValueError):
        return None
