"""The rows that a model was validated on, kept with it in the process that trained it."""

from __future__ import annotations

import numpy as np

from medley.data.rows import take
from medley.model.model import Model
from medley.search.labelled_rows import LabelledRows, row_numbers


def with_validation_rows(model: Model, rows: LabelledRows) -> Model:
    """Keeps the rows of a model's validation predictions with it, for reports in the same process.

    They are neither saved nor copied with the model: files hold predictions and labels of these rows, but no cells.

    Args:
        model: is changed and returned.
        rows: those that the trial was validated on; without inputs where a table is larger than memory.
    """
    validation = model.validation
    if validation is None or not rows.x:
        return model
    numbers = row_numbers(rows)
    order = np.argsort(numbers, kind="stable")
    places = np.minimum(np.searchsorted(numbers[order], validation.rows), rows.size - 1)
    index = order[places]
    if (numbers[index] == validation.rows).all():
        x = {name: None if values is None else take(values, index) for name, values in rows.x.items()}
        model.validation_rows = x, {name: take(values, index) for name, values in rows.y.items()}
    return model
