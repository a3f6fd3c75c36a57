"""How the inputs of a table are read: what follows from the time limit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from medley.auto.table.arguments import replace_fields
from medley.auto.table.design import TableDesign
from medley.search.budget import Budget


def fit_to_time(design: TableDesign, budget: Budget, rows: int, choices: Mapping[str, Any]) -> TableDesign:
    """Sets the size at which inputs are encoded, so that the training fits into the time limit.

    Args:
        design: the inferred design.
        budget: the time limit.
        rows: number of training rows.
        choices: input name -> fields that an earlier call has chosen, which are reused.
    """
    encoders = sum(block.shares_encoder(design.summary) for block in design.inputs)
    seconds_per_row = budget.seconds_per_row(rows) / (encoders or 1)
    inputs = [
        replace_fields(block, choices[name])
        if (name := str(block.name)) in choices
        else block.for_time(seconds_per_row)
        for block in design.inputs
    ]
    return replace(design, inputs=inputs)


def chosen_fields(design: TableDesign, left_out: Collection[str]) -> dict[str, dict[str, Any]]:
    """Input name -> the fields that the time limit has set, which repeat its choices without a limit.

    Args:
        design: fitted to the time.
        left_out: inputs whose pretrained encoder was left out.
    """
    fields: dict[str, dict[str, Any]] = {}
    for block in design.inputs:
        fields[str(block.name)] = dict(block.choices)
        if block.name not in left_out:  # the caller's choice, which another call may change
            fields[str(block.name)].pop("pretrained", None)
    return {name: values for name, values in fields.items() if values}
