"""The graph of a table's inputs and heads, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.auto.table.arguments import replace_fields
from medley.core.block import Block, DataSummary, Node
from medley.core.head import Head
from medley.core.input import InputBlock
from medley.core.registry import lookup
from medley.core.space import OneOf
from medley.train.plan import Training, default_batch_size, default_epochs

LARGE_BATCH_ROWS = 4_000
LINEAR_PATH = "linear_path"
"""Name of the linear path in a table's network, unless a column has it."""


def table_graph(
    inputs: Sequence[InputBlock], heads: Sequence[Head], summary: DataSummary, *, path: Mapping[str, Any] | None = None
) -> list[Node]:
    """Heads joined to the inputs of a table.

    An ensemble of dense networks reads plain columns directly, and the predictions of linear models of columns and
    texts, from which every head starts (record 24). With images, recordings and the like among the inputs, that is the
    first stage; the second stage starts from its predictions, and reads the encoders' vectors beside the columns.

    Args:
        inputs: the inputs.
        heads: one per target.
        summary: of the table.
        path: fields of the linear path.

    Returns:
        A node for each head.

    >>> from medley.heads import RegressionHead
    >>> from medley.tabular import StructuredDataInput
    >>> heads = [RegressionHead(name=name) for name in ("price", "rent")]
    >>> graph = table_graph([StructuredDataInput()], heads, DataSummary(rows=500))
    >>> [str(node.block.name) for node in graph[0].inputs[1].inputs]
    ['None']
    """
    readable = [block for block in inputs if block.linear_features() is not None]
    direct = [block.encode_for_ensemble(summary) for block in inputs if not block.shares_encoder(summary)]
    late = [block.encode_for_ensemble(summary) for block in inputs if block.shares_encoder(summary)]
    if not readable:
        nodes = [block.encode_for_ensemble(summary) or block.default_block()(block) for block in inputs]
        trunk = lookup("tabular.dense_ensemble")()(nodes)
        return [head(trunk) for head in heads]
    linear_path = replace_fields(lookup("linear.path")(name=path_name(inputs, heads)), path or {})(readable)
    has_texts = any(block.fits_alone for block in readable)
    columns = [node for node in direct if node is not None]
    trunk = _trunk(has_texts=has_texts, is_only_stage=not late)([linear_path, *columns])
    if not late:
        return [head([trunk, linear_path]) for head in heads]
    first_stage = lookup("heads.first_stage")()([trunk, linear_path])
    second_trunk = lookup("tabular.dense_ensemble")()([*late, *columns])
    return [head([second_trunk, first_stage]) for head in heads]


def path_name(inputs: Sequence[InputBlock], heads: Sequence[Head]) -> str:
    """The name of the linear path in a table's network."""
    name = LINEAR_PATH
    while name in {block.name for block in (*inputs, *heads)}:
        name += "_"
    return name


def _trunk(*, has_texts: bool, is_only_stage: bool) -> Block:
    """The ensemble that reads columns and the linear path."""
    if has_texts:
        # Linear models of texts are already good, so the network is small and strongly regularised.
        return lookup("tabular.dense_ensemble")(
            num_layers=OneOf(1, 2, 3, default=2),
            num_units=OneOf(128, 192, 256, default=192),
            dropout=OneOf(0.1, 0.2, 0.4, default=0.2),
            input_dropout=OneOf(0.0, 0.1, default=0.1),
        )
    if is_only_stage:
        return lookup("tabular.dense_ensemble")(members=OneOf(10, 20, default=10), blind=True)
    return lookup("tabular.dense_ensemble")()


def has_folds(inputs: Sequence[InputBlock], summary: DataSummary) -> bool:
    """Whether each member of an ensemble can leave out a fold, because the members share no trained encoder."""
    return not any(block.shares_encoder(summary) for block in inputs)


LEAST_PATIENCE, PATIENCE_FRACTION = 10, 0.3
"""Epochs without improvement after which a training with encoders stops, at least and as a fraction of its epochs: at
the high learning rates in the middle of the schedule, scores rise and fall for a long time before they improve."""


def table_training(
    inputs: Sequence[InputBlock],
    summary: DataSummary,
    rows: int,
    epochs: int | None,
    batch_size: int | None,
    plan: Mapping[str, Any] | None = None,
    *,
    uses_all_rows: bool = False,
) -> Training:
    """The default training of a table's network.

    Args:
        inputs: the inputs.
        summary: of the table.
        rows: number of training rows.
        epochs: number of epochs, if it is fixed.
        batch_size: rows per step, if it is fixed.
        plan: the plan of an earlier training, to repeat it.
        uses_all_rows: whether validation rows are learned from, too, in the last epochs, if nothing fixes the epochs.
    """
    plan = plan or {}
    last_epochs = plan.get("last_epochs", 0) if plan or epochs or not uses_all_rows else None
    growth = () if epochs else plan.get("growth", ())
    epochs = epochs or plan.get("epochs")
    if not has_folds(inputs, summary):
        batch_size = batch_size or default_batch_size(rows)
        max_epochs = min((block.max_epochs for block in inputs if block.max_epochs is not None), default=None)
        number_of_epochs = default_epochs(rows, batch_size)
        epochs = epochs or (number_of_epochs if max_epochs is None else min(number_of_epochs, max_epochs))
        return Training(
            learning_rate=OneOf(2e-3, 5e-3, 1e-2, default=5e-3),
            epochs=epochs,
            batch_size=batch_size,
            patience=max(LEAST_PATIENCE, round(epochs * PATIENCE_FRACTION)),
            first_epochs=plan.get("first_epochs"),
            last_epochs=last_epochs,
            growth=growth,
        )
    if any(block.fits_alone for block in inputs):
        return Training(
            learning_rate=OneOf(1e-3, 2e-3, 5e-3, default=2e-3),
            schedule="cosine",
            beta2=0.98,
            epochs=epochs or 15,
            batch_size=batch_size or (128 if rows >= LARGE_BATCH_ROWS else 32),
            growth=growth,
        )
    return Training(
        learning_rate=OneOf(3e-3, 8e-3, 2e-2, default=8e-3),
        weight_decay=OneOf(0.0, 0.02, 0.1, default=0.02),
        schedule="one_cycle",
        beta2=0.95,
        average=0.99,
        epochs=epochs or 60,
        batch_size=batch_size or (256 if rows >= LARGE_BATCH_ROWS else 64),
        patience=0,
        growth=growth,
    )
