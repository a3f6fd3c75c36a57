"""The graph of a table's inputs and heads."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import Node
from medley.core.head import Head
from medley.core.input import Input
from medley.core.registry import lookup
from medley.core.space import OneOf
from medley.train.plan import Training, default_batch_size, default_epochs

SHARED_LAYERS = 1
MOST_EPOCHS_OF_TEXTS = 25
MOST_EPOCHS = 100


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
    price <- OwnLayers()
    """
    if len(inputs) == 1 and len(heads) > 1 and isinstance(inputs[0], lookup("tabular.input")):
        shared = lookup("tabular.block")(shared_layers=SHARED_LAYERS)(inputs[0])
        return [head(lookup("tabular.own_layers")()(shared)) for head in heads]
    if len(inputs) == 1:
        only = inputs[0].default_block()(inputs[0])
        return [head(only) for head in heads]
    if not any(isinstance(one, lookup("text.input")) for one in inputs):
        encoded = [_columns(one) or one.default_block()(one) for one in inputs]
        trunk = lookup("tabular.tabm")()(lookup("fusion.merge")(merge_type="concatenate")(encoded))
        return [head(trunk) for head in heads]
    encoded = [one.default_block()(one) for one in inputs]
    hidden = lookup("tabular.tabm")(
        num_layers=OneOf(1, 2), num_units=OneOf(64, 128, 256, default=128), members=OneOf(4, 8, default=8)
    )
    trunk = hidden(lookup("fusion.merge")()(encoded))
    return [head(trunk) for head in heads]


def _columns(one: Input) -> Node | None:
    """Plain columns as one vector, so that the ensemble reads them as it does where they are alone."""
    if isinstance(one, lookup("tabular.input")):
        return lookup("tabular.block")(network="none")(one)
    return None


def table_epochs(
    inputs: Sequence[Input], targets: int, rows: int, batch_size: int | None, training: Training | None
) -> int | None:
    """Epochs of a table where the caller says nothing (record 22).

    With texts, half as many as other data gets, 25 at most: bags of n-grams are learnt by heart within a few epochs; a
    schedule that is past its peak by then is worth more than one that is stopped on the way up. Several targets of
    plain columns take more: layers of their own are learnt from what the shared ones have learnt.

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
    texts = any(isinstance(one, lookup("text.input")) for one in inputs)
    several = targets > 1 and len(inputs) == 1 and isinstance(inputs[0], lookup("tabular.input"))
    if plan.epochs or not (texts or several):
        return None
    usual = default_epochs(rows, batch_size or plan.batch_size or default_batch_size(rows))
    if texts:
        return min(max(usual // 2, 10), MOST_EPOCHS_OF_TEXTS)
    return min(usual * 7 // 4, MOST_EPOCHS)
