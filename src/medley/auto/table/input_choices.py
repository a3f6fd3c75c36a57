"""How the inputs of a table are read: what follows from the number of rows and the time limit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from medley.auto.table.arguments import replace_fields
from medley.auto.table.design import TableDesign
from medley.core.input import InputBlock
from medley.search.budget import Budget


def suit_rows(design: TableDesign, rows: int, choices: Mapping[str, Any]) -> TableDesign:
    """Chooses how inputs are read, before the rows are split: not all ways allow members to leave out folds.

    Args:
        design: the inferred design.
        rows: number of rows.
        choices: as of `fit_to_time`.
    """
    is_alone = len(design.inputs) == 1
    return _chosen(design, choices, lambda block: block.for_rows(rows, is_alone=is_alone))


def fit_to_time(design: TableDesign, budget: Budget, rows: int, choices: Mapping[str, Any]) -> TableDesign:
    """Sets the size at which inputs are encoded, so that the training fits into the time limit.

    Args:
        design: the inferred design.
        budget: the time limit.
        rows: number of training rows.
        choices: input name -> fields that an earlier call has chosen, which are reused.
    """
    seconds_per_row = budget.seconds_per_row(rows) / (sum(block.shares_encoder for block in design.inputs) or 1)
    return _chosen(design, choices, lambda block: block.for_time(seconds_per_row))


def _chosen(design: TableDesign, choices: Mapping[str, Any], choose: Callable[[InputBlock], InputBlock]) -> TableDesign:
    """The design with the fields that an earlier call has chosen for an input, or else with those chosen now."""
    inputs = [
        replace_fields(block, choices[str(block.name)]) if str(block.name) in choices else choose(block)
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
