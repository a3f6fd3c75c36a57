"""Results of inferring a table's columns: the kind of each column, the task of each target. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ColumnGuess:
    """The inferred kind of a column, with the reason.

    Args:
        name: of the column.
        kind: of the column.
        reason: the reason in one sentence.
        confidence: 0 to 1; 1 if the caller or the data type of the column determines the kind.
        missing: fraction of rows, 0 to 1, whose cell is missing or cannot be parsed as this kind.
        distinct: number of distinct values; of lists, among those examined.
        examples: some of the values, shortened.
        description: how the column is fed to a network.
        form: notation of the cells, for `cells.read_cells`:

            - number: `""` plain, else `"1,234.5"` or `"1.234,5"` and the unit, as in `"1.234,5 kg"`;
            - time: `""` dates, `"ISO"`, a format of `strptime`, or `"epoch s"`, `"epoch ms"`, ...; `"duration"`;
            - category: `"str"`, `"int"`, `"float"` or `"bool"`, the type of its values;
            - image: `""` one per cell, `"several"` lists of images, or paths separated by `;`;
            - set: `""` lists, `"[]"` strings that contain lists, else the delimiter;
            - vector: its length D, as in `"16"`;
        is_used: whether columns of this kind are inputs of networks.
        missing_values: strings that count as missing, like empty cells, in lower case, and numbers as strings; None for
            those that are usual for the kind.
    """

    name: str
    kind: str
    reason: str
    confidence: float
    missing: float
    distinct: int
    examples: tuple[str, ...]
    description: str
    form: str = ""
    is_used: bool = True
    missing_values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TaskGuess:
    """The inferred task of a target column, with the reason.

    Args:
        name: of the column.
        kind: of the task, such as `"binary"`, `"multiclass"`, `"number"`; heads announce theirs.
        reason: the reason in one sentence.
        confidence: 0 to 1.
        missing: fraction of rows without a label, 0 to 1.
        outputs: number of classes, of labels, or of numbers per row.
        labels: the classes, in their order if they are ordered. Empty for numbers and sets.
        cells: kind and notation of the cells, for `read_target`.
    """

    name: str
    kind: str
    reason: str
    confidence: float
    missing: float
    outputs: int
    labels: tuple[Any, ...]
    cells: ColumnGuess
