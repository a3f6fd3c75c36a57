"""The graph of a table's inputs and heads."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import Node
from medley.core.head import Head
from medley.core.input import Input
from medley.core.registry import lookup
from medley.core.space import OneOf
from medley.train.plan import Training, default_batch_size, default_epochs


def table_graph(inputs: Sequence[Input], heads: Sequence[Head]) -> list[Node]:
    """Heads joined to the inputs of a table, as it pays for tables (record 22).

    Plain columns alone become an ensemble; several targets share its first layer and have others of their own. With
    images or vectors beside them, they are merged and read by such an ensemble, which all targets share. With texts,
    every input has an encoder of its own, and an ensemble's hidden layer reads them all.

    Args:
        inputs: of the table's columns.
        heads: one for each target.

    Returns:
        A node for each head.

    >>> from medley.heads import RegressionHead
    >>> from medley.tabular import StructuredDataInput
    >>> heads = [RegressionHead(name=name) for name in ("price", "rent")]
    >>> node = table_graph([StructuredDataInput()], heads)[0]
    >>> print(node.block.name, "<-", node.inputs[0].block)
    price <- TaskLayers()
    """
    if len(inputs) == 1:
        return inputs[0].join_heads(heads)
    if not any(one.encodes_alone for one in inputs):
        vector = lookup("fusion.merge")(merge_type="concatenate")([one.encode_beside() for one in inputs])
        trunk = lookup("tabular.tabm")()(vector)
        return [head(trunk) for head in heads]
    encoded = [one.default_block()(one) for one in inputs]
    hidden = lookup("tabular.tabm")(
        num_layers=OneOf(1, 2), num_units=OneOf(64, 128, 256, default=128), members=OneOf(4, 8, default=8)
    )
    trunk = hidden(lookup("fusion.merge")()(encoded))
    return [head(trunk) for head in heads]


def table_epochs(
    inputs: Sequence[Input], targets: int, rows: int, batch_size: int | None, training: Training | None
) -> int | None:
    """Epochs of a table where the caller says nothing: as its inputs announce.

    Args:
        inputs: of the table's columns.
        targets: how many.
        rows: to train on.
        batch_size: the caller's, if any.
        training: the caller's, if any.

    Returns:
        How many, or None: as for other data, or as `training` says.
    """
    plan = training or Training()
    if plan.epochs:
        return None
    usual = default_epochs(rows, batch_size or plan.batch_size or default_batch_size(rows))
    wanted = [one.training_epochs(usual, targets, is_only=len(inputs) == 1) for one in inputs]
    return min((epochs for epochs in wanted if epochs is not None), default=None)
