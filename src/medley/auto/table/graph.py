"""The graph of a table's inputs and heads, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.auto.table.arguments import with_fields
from medley.core.block import Block, Node
from medley.core.head import Head
from medley.core.input import Input
from medley.core.registry import lookup
from medley.core.space import OneOf
from medley.train.plan import Training, default_batch_size, default_epochs

LARGE_BATCH_ROWS = 4_000
LINEAR_PATH = "linear_path"
"""Name of the linear path in a table's network, where nothing else has it."""


def table_graph(
    inputs: Sequence[Input], heads: Sequence[Head], *, linear: bool = True, path: Mapping[str, Any] | None = None
) -> list[Node]:
    """Heads joined to the inputs of a table.

    An ensemble of dense networks reads plain columns as they are, and the answers of linear models of columns and
    texts, at which every head starts (record 24). With images, recordings and the like among the inputs, that is a
    first stage; a second one starts at its answers, and reads the vectors of their encoders beside the columns.

    Args:
        inputs: of the table's columns.
        heads: one for each target.
        linear: whether there is a linear path.
        path: fields of the linear path.

    Returns:
        A node for each head.

    >>> from medley.heads import RegressionHead
    >>> from medley.tabular import StructuredDataInput
    >>> heads = [RegressionHead(name=name) for name in ("price", "rent")]
    >>> [str(node.block.name) for node in table_graph([StructuredDataInput()], heads)[0].inputs[1].inputs]
    ['None']
    """
    readable = [block for block in inputs if block.linear_features() is not None] if linear else []
    start = (
        with_fields(lookup("linear.path")(name=path_name(inputs, heads)), path or {})(readable) if readable else None
    )
    direct = [block.encode_for_ensemble() for block in inputs if not block.shares_encoder]
    late = [block.encode_for_ensemble() for block in inputs if block.shares_encoder]
    if start is None:
        nodes = [block.encode_for_ensemble() or block.default_block()(block) for block in inputs]
        trunk = lookup("tabular.dense_ensemble")()(nodes)
        return [head(trunk) for head in heads]
    has_texts = any(block.is_worth_alone for block in readable)
    trunk = _trunk(has_texts=has_texts, alone=not late)([node for node in (start, *direct) if node is not None])
    if not late:
        return [head([trunk, start]) for head in heads]
    stage = lookup("heads.first_stage")()([trunk, start])
    second = lookup("tabular.dense_ensemble")()([*late, start, *(node for node in direct if node is not None)])
    return [head([second, stage]) for head in heads]


def path_name(inputs: Sequence[Input], heads: Sequence[Head]) -> str:
    """The name of the linear path in a table's network."""
    name = LINEAR_PATH
    while name in {block.name for block in (*inputs, *heads)}:
        name += "_"
    return name


def _trunk(*, has_texts: bool, alone: bool) -> Block:
    """What reads columns and the linear path."""
    if has_texts:
        # Most of what can be learnt, linear models have learnt: a small step from there is what pays.
        return lookup("tabular.dense_ensemble")(
            num_layers=OneOf(1, 2, 3, default=2),
            num_units=OneOf(128, 192, 256, default=192),
            dropout=OneOf(0.1, 0.2, 0.4, default=0.2),
            input_dropout=OneOf(0.0, 0.1, default=0.1),
        )
    if alone:
        return lookup("tabular.dense_ensemble")(members=OneOf(10, 20, default=10), blind=True)
    return lookup("tabular.dense_ensemble")()


def has_folds(inputs: Sequence[Input]) -> bool:
    """Whether members of an ensemble can leave out a fold each: they share no encoder that learns."""
    return not any(block.shares_encoder for block in inputs)


def table_training(
    inputs: Sequence[Input],
    rows: int,
    epochs: int | None,
    batch_size: int | None,
    plan: Mapping[str, Any] | None = None,
) -> Training:
    """How a table's network is trained where the caller says nothing.

    Args:
        inputs: of the table's columns.
        rows: to train on.
        epochs: the caller's, if any.
        batch_size: the caller's, if any.
        plan: of an earlier training that is repeated.
    """
    plan = plan or {}
    epochs = epochs or plan.get("epochs")
    if not has_folds(inputs):
        batch_size = batch_size or default_batch_size(rows)
        most = min((block.most_epochs for block in inputs if block.most_epochs is not None), default=None)
        usual = default_epochs(rows, batch_size)
        return Training(
            learning_rate=OneOf(2e-3, 5e-3, 1e-2, default=5e-3),
            epochs=epochs or (usual if most is None else min(usual, most)),
            batch_size=batch_size,
            first_epochs=plan.get("first_epochs"),
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
