"""The graph of a table's inputs and heads, and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import Node
from medley.core.head import Head
from medley.core.input import Input
from medley.core.registry import lookup
from medley.core.space import OneOf
from medley.train.plan import Training, default_batch_size, default_epochs

LARGE_BATCH_ROWS = 4_000


def table_graph(inputs: Sequence[Input], heads: Sequence[Head], *, linear: bool = True) -> list[Node]:
    """Heads joined to the inputs of a table.

    An ensemble of dense networks reads plain columns as they are, the vectors of all other inputs' encoders, and the
    answers of linear models of columns and texts, at which every head starts (record 23).

    Args:
        inputs: of the table's columns.
        heads: one for each target.
        linear: whether there is a linear path.

    Returns:
        A node for each head.

    >>> from medley.heads import RegressionHead
    >>> from medley.tabular import StructuredDataInput
    >>> heads = [RegressionHead(name=name) for name in ("price", "rent")]
    >>> [str(node.block.name) for node in table_graph([StructuredDataInput()], heads)[0].inputs[1].inputs]
    ['None']
    """
    readable = [block for block in inputs if block.linear_features() is not None] if linear else []
    path = lookup("linear.path")()(readable) if readable else None
    encoded = [block.encode_for_ensemble() for block in inputs]
    if path is None:
        encoded = [node or block.default_block()(block) for node, block in zip(encoded, inputs, strict=True)]
    parts = [node for node in (path, *encoded) if node is not None]
    if path is not None and any(block.is_worth_alone for block in readable):
        # Most of what can be learnt, linear models have learnt: a small step from there is what pays.
        trunk = lookup("tabular.dense_ensemble")(
            num_layers=OneOf(1, 2, 3, default=2),
            num_units=OneOf(128, 192, 256, default=192),
            dropout=OneOf(0.1, 0.2, 0.4, default=0.2),
            input_dropout=OneOf(0.0, 0.1, default=0.1),
        )(parts)
    else:
        trunk = lookup("tabular.dense_ensemble")(members=OneOf(10, default=10), blind=path is not None)(parts)
    return [head([trunk, path] if path is not None else trunk) for head in heads]


def has_folds(inputs: Sequence[Input]) -> bool:
    """Whether members of an ensemble can leave out a fold each: they share no encoder that learns."""
    return not any(block.shares_encoder for block in inputs)


def table_training(inputs: Sequence[Input], rows: int, epochs: int | None, batch_size: int | None) -> Training:
    """How a table's network is trained where the caller says nothing.

    Args:
        inputs: of the table's columns.
        rows: to train on.
        epochs: the caller's, if any.
        batch_size: the caller's, if any.
    """
    if not has_folds(inputs):
        batch_size = batch_size or default_batch_size(rows)
        most = min((block.most_epochs for block in inputs if block.most_epochs is not None), default=None)
        usual = default_epochs(rows, batch_size)
        return Training(
            learning_rate=OneOf(2e-3, 5e-3, 1e-2, default=5e-3),
            epochs=epochs or (usual if most is None else min(usual, most)),
            batch_size=batch_size,
        )
    if any(block.is_worth_alone for block in inputs):
        return Training(
            learning_rate=OneOf(1e-3, 2e-3, 5e-3, default=2e-3),
            schedule="cosine",
            beta2=0.98,
            epochs=epochs or 15,
            batch_size=batch_size or (128 if rows >= LARGE_BATCH_ROWS else 32),
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
    )
