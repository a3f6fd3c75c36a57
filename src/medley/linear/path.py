"""The linear path of a graph: its declaration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self, cast

from medley.core.arguments import whole_number_problem
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.input import DerivedInput, InputBlock
from medley.core.linear import LinearFeatures, LinearRows
from medley.errors import GraphError
from medley.linear.codec import LinearPathCodec


class LinearPath(DerivedInput, register="linear.path"):
    """A linear model of inputs, fitted before the network is trained; heads add their outputs to those of the model.

    Called on inputs with features for linear models (tables, texts, label sets, vectors), it fits one ridge regression
    for all heads, and one for each text alone. A head that is called on a node and on the linear path,
    `RegressionHead()([node, linear])`, adds its output to that of the ridge regression; its layer starts at zero, so
    before the first step the network equals the linear model. Other blocks read the outputs as a vector.

    Training rows are encoded out of fold (five folds), so that the network does not rely on outputs that are too good.
    If neighbouring rows have similar targets, as on a map, the model stores the coordinates and targets of its training
    rows; `local_means=False` turns this off.

    Args:
        local_means: whether mean targets of neighbouring rows, in planes of two columns, may be features.
        iterations: of the solver; if unset, 40, or as many as the time limit allows, at least 12.
        alone: whether each text also has a separate model; if unset, only if there is time.

    Shape: rows of its inputs -> (B, D): a 1, raw outputs of each head, standardised outputs.

    Raises:
        GraphError: it is called on an input without features for linear models.

    >>> from medley.text.input import TextInput
    >>> len(LinearPath()(TextInput(name="title")).inputs)
    1
    """

    local_means: bool = True
    iterations: int | None = None
    alone: bool | None = None

    exports: ClassVar[bool] = True

    def check(self) -> Iterable[str]:
        yield from whole_number_problem(self.iterations, "iterations")
        for name in ("local_means", "alone"):
            if not isinstance(getattr(self, name), bool | None):
                yield f"{name} must be True or False, got {getattr(self, name)!r}."

    def for_inputs(self, inputs: Sequence[InputBlock]) -> Self:
        unsupported = [type(block).__name__ for block in inputs if block.linear_features() is None]
        if unsupported:
            raise GraphError(f"LinearPath reads inputs with linear features; {', '.join(unsupported)} has none.")
        return self

    def derive(self, inputs: Sequence[InputBlock], columns: Sequence[Any]) -> LinearRows:
        """The rows of its inputs, by name."""
        rows = {str(block.name): values for block, values in zip(inputs, columns, strict=True)}
        features = {str(block.name): cast(LinearFeatures, block.linear_features()) for block in inputs}
        return LinearRows(rows, features)

    def codec(self) -> Codec:
        """Returns a new codec with linear models."""
        return LinearPathCodec(local_means=self.local_means, iterations=self.iterations, alone=self.alone)

    def default_block(self) -> Block:
        """Returns a block that leaves the outputs unchanged."""
        from medley.core.choice import Identity

        return Identity()
