"""Rows of a request: what a client sent, checked cell by cell, as dicts of cells by column."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from medley.errors import did_you_mean, listing
from medley.serve.fields import Field
from medley.serve.files import FileError, file_content
from medley.serve.refusal import CellError, Refusal, refuse_cells
from medley.serve.settings import Limits

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What a request asks for.

    Args:
        probabilities: whether answers hold a probability per class.
        explain: whether answers say how much each column mattered.
        interval: a probability such as 0.9: answers hold intervals of numbers and sets of classes, too.
        calibrated: whether probabilities are calibrated, where the model is.
        on_unreadable: `"raise"` refuses rows with cells that cannot be read as the kind of their column; `"warn"`
            treats these as missing and lists them in the answer.
    """

    probabilities: bool = True
    explain: bool = False
    interval: float | None = None
    calibrated: bool = True
    on_unreadable: str = "raise"


def rows_of_json(content: Any, columns: Sequence[Field], limits: Limits) -> tuple[Rows, Options]:
    """The rows and the options of a JSON request.

    Args:
        content: an object with `rows`, a list of objects, or with `columns`, an object of lists; and with options.
        columns: that the model reads.
        limits: of rows, pixels and seconds.

    Raises:
        Refusal: anything breaks a rule; all cells at fault are listed.
    """
    if not isinstance(content, dict):
        raise Refusal(422, 'The body must be an object such as {"rows": [{...}]}.')
    options = _options(content)
    if ("rows" in content) == ("columns" in content):
        raise Refusal(422, 'Pass either "rows", a list of objects, or "columns", an object of lists.')
    rows = content["rows"] if "rows" in content else _rows_of_columns(content["columns"])
    return checked_rows(rows, columns, limits), options


def checked_rows(rows: Any, columns: Sequence[Field], limits: Limits) -> Rows:
    """Rows with the columns that a model reads, and nothing in them that could be taken for a file's name.

    Args:
        rows: a list of dicts; other columns are ignored, cells that a row lacks are missing.
        columns: that the model reads.
        limits: of rows, pixels and seconds.

    Raises:
        Refusal: they are not such rows; all cells at fault are listed.
    """
    if not isinstance(rows, list):
        raise Refusal(422, "Rows must be a list of objects.")
    if len(rows) > limits.rows:
        raise Refusal(413, f"The request has {len(rows):,} rows; at most {limits.rows:,} are allowed.")
    wrong = next((place for place, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise Refusal(422, f"Row {wrong} must be an object of cells by column, got {type(rows[wrong]).__name__}.")
    names = set().union(*rows) if rows else {field.name for field in columns}
    errors = [
        CellError(None, field.name, missing_column(field.name, names)) for field in columns if field.name not in names
    ]
    for field in columns:  # inputs that are tables
        objects = [row[field.name] for row in rows if isinstance(row.get(field.name), Mapping)]
        names = set().union(*objects)
        lacking = [part.name for part in field.columns if objects and part.name not in names]
        errors += [CellError(None, f"{field.name}: {name}", missing_column(name, names)) for name in lacking]
    checked: Rows = []
    for place, row in enumerate(rows):
        cells = {}
        for field in columns:
            try:
                cells[field.name] = checked_cell(row.get(field.name), field, limits)
            except FileError as error:
                errors.append(CellError(place, field.name, f"The cell {error}"))
        checked.append(cells)
    refuse_cells(errors)
    return checked


def checked_cell(cell: Any, field: Field, limits: Limits) -> Any:
    """A cell as the model reads it.

    Raises:
        FileError: it is of a type that the column does not take, or no content of a file.
    """
    if field.takes_arrays and isinstance(cell, list):
        return cell
    if field.is_file:
        return file_content(cell, field, limits)
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, dict) and field.kind == "table":
        return cell
    if isinstance(cell, dict) or (isinstance(cell, list) and not field.takes_lists):
        raise FileError(f"must be a single value, got {'an object' if isinstance(cell, dict) else 'a list'}.")
    if isinstance(cell, list) and _holds_object(cell):
        raise FileError("must be a list of values, got one that holds an object.")
    return cell


def _holds_object(cell: Any) -> bool:
    return isinstance(cell, dict) or (isinstance(cell, list) and any(map(_holds_object, cell)))


def _rows_of_columns(columns: Any) -> Rows:
    if not isinstance(columns, dict) or not all(isinstance(cells, list) for cells in columns.values()):
        raise Refusal(422, "Columns must be an object of lists, one per column.")
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = listing(f"{name!r} {length}" for name, length in lengths.items())
        raise Refusal(422, f"All columns must have the same number of rows, got {listed}.")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def missing_column(name: str, names: Collection[str]) -> str:
    """A sentence about a column that no row has.

    Args:
        name: of the column.
        names: that the rows have.
    """
    return f"There is no column {name!r}.{did_you_mean(name, sorted(map(str, names)))} Pass null where it is missing."


def _options(content: Mapping[str, Any]) -> Options:
    names = [field.name for field in fields(Options)]
    for name in content:
        if name not in ("rows", "columns", *names):
            hint = did_you_mean(name, ["rows", "columns", *names])
            raise Refusal(422, f"{name!r} is not part of a request.{hint}")
    values = {name: content[name] for name in names if name in content}
    for name in ("probabilities", "explain", "calibrated"):
        if not isinstance(values.get(name, True), bool):
            raise Refusal(422, f"{name!r} must be true or false, got {values[name]!r:.40}.")
    if values.get("on_unreadable", "raise") not in ("raise", "warn"):
        raise Refusal(422, f'\'on_unreadable\' must be "raise" or "warn", got {values["on_unreadable"]!r:.40}.')
    interval = values.get("interval")
    if interval is not None and (isinstance(interval, bool) or not isinstance(interval, int | float)):
        raise Refusal(422, f"'interval' must be a probability such as 0.9, got {interval!r:.40}.")
    return Options(**values)
