"""The linear path of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self, cast

from medley.core.arguments import whole_number_problem
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.input import DerivedInput, Input
from medley.core.linear import LinearFeatures, LinearRows
from medley.errors import GraphError
from medley.linear.codec import LinearPathCodec


class LinearPath(DerivedInput, register="linear.path"):
    """A linear model of inputs, solved before the network is trained, whose answers the network starts from.

    Called on inputs that have features for linear models (tables, texts, label sets, vectors), it fits one ridge
    regression for all heads, and one for each text alone. A head that is called on a node and on the linear path,
    `RegressionHead()([node, linear])`, adds what the ridge regression answers to what it reads from the node, whose
    layer starts at zero: before the first step the network is the linear model. Other blocks read the answers as a
    vector.

    Training rows get the answers of models that have not seen them (five folds), so that the network does not trust
    them more than it may. Where near rows have like targets, as on a map, the model keeps the coordinates and targets
    of its training rows; `local_means=False` leaves them out.

    Args:
        local_means: whether means of the targets of near rows, in planes of two columns, may be features.
        iterations: of the solver; unset, 40, or as many from 12 on as fit into the time there is.
        alone: whether each text has a model of its own beside that of all features; unset, where there is time.

    Shape: rows of its inputs -> (B, D): 1, raw outputs head by head, standardised answers.

    Raises:
        GraphError: it is called on an input that has no features for linear models.

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

    def for_inputs(self, inputs: Sequence[Input]) -> Self:
        without = [type(block).__name__ for block in inputs if block.linear_features() is None]
        if without:
            raise GraphError(f"LinearPath reads inputs that have linear features; {', '.join(without)} has none.")
        return self

    def derive(self, inputs: Sequence[Input], columns: Sequence[Any]) -> LinearRows:
        """The rows of its inputs, by name."""
        rows = {str(block.name): values for block, values in zip(inputs, columns, strict=True)}
        features = {str(block.name): cast(LinearFeatures, block.linear_features()) for block in inputs}
        return LinearRows(rows, features)

    def codec(self) -> Codec:
        """Linear models, not fitted yet."""
        return LinearPathCodec(local_means=self.local_means, iterations=self.iterations, alone=self.alone)

    def default_block(self) -> Block:
        """The answers as they are."""
        from medley.core.choice import Identity

        return Identity()
