"""Results of inferring a table's columns: the kind of each column, the task of each target. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ColumnGuess:
    """What one column holds, and why.

    Args:
        name: the column.
        kind: what its cells are.
        reason: one sentence that gives the reason, and what else is worth knowing.
        confidence: 0 to 1; 1 where the caller or the column's own type says so.
        missing: fraction of rows, 0 to 1, whose cell is missing or cannot be read as this kind.
        distinct: number of distinct values; of lists, among those examined.
        examples: some of the values, shortened.
        description: what a network will see.
        form: how the cells are written, for `cells.read_cells`:

            - number: `""` plain, else `"1,234.5"` or `"1.234,5"` and the unit, as in `"1.234,5 kg"`;
            - time: `""` dates, `"ISO"`, a format of `strptime`, or `"epoch s"`, `"epoch ms"`, ...; `"duration"`;
            - category: `"str"`, `"int"`, `"float"` or `"bool"`, the type of its values;
            - image: `""` one per cell, `"several"` a list of them, or paths joined by `;`;
            - set: `""` lists, `"[]"` lists written out, else the delimiter;
            - vector: their number D, as in `"16"`;
        is_used: whether networks learn from columns of this kind.
        missing_values: strings that count as missing, as empty cells do, in lower case, and numbers as strings; None:
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
    """What a target column asks for, and why.

    Args:
        name: the column.
        kind: the kind of task, such as `"binary"`, `"multiclass"`, `"number"`; heads announce theirs.
        reason: the reason.
        confidence: 0 to 1.
        missing: fraction of rows without a label, 0 to 1.
        outputs: number of classes, of labels, or of numbers per row.
        labels: the classes; in their order where they have one. Empty for numbers and sets.
        cells: how its cells are read; for `read_target`.
    """

    name: str
    kind: str
    reason: str
    confidence: float
    missing: float
    outputs: int
    labels: tuple[Any, ...]
    cells: ColumnGuess
