"""What a search is given, and what it makes of the values that a trial chooses: a resolved graph and a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medley.core.block import DataSummary
from medley.core.input import InputBlock
from medley.core.resolve import Suggest, resolve, settle
from medley.errors import GraphError
from medley.graph.graph import Graph
from medley.search.suggest import DefaultSuggest, Token, TrialSuggest
from medley.search.trial_data import TrialData
from medley.tables.view import TableView
from medley.train.plan import Training, default_batch_size, default_epochs, default_learning_rate


@dataclass(frozen=True)
class SearchSpec:
    """A search specification: the graph, its data, and how trials are trained and compared.

    Args:
        graph: as declared, with unset fields.
        data: the encoded data, shared by all trials.
        plan: the settings of the training, with unset fields.
        loss_weights: how several losses are balanced.
        score: the values of a record, by name -> objective to minimise.
        seed: of weights, order of rows, and dropout.
        max_model_size: maximum number of parameters of a network, or None.
        table: how models read a table; None if they do not.
        about: JSON values to add to the metadata of models.
        by_task: whether each task uses the weights of its best epoch.
    """

    graph: Graph
    data: TrialData
    plan: Training
    loss_weights: Any
    score: Callable[[Mapping[str, float]], float]
    seed: int
    max_model_size: int | None = None
    table: TableView | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    by_task: bool = True

    @property
    def summary(self) -> DataSummary:
        """The data summary, on which defaults depend besides the specs."""
        return DataSummary(self.data.parts[0].size, len(self.graph.inputs), self.data.heads)

    @property
    def batch_size(self) -> int:
        """Rows per step."""
        return self.plan.batch_size or default_batch_size(self.summary.rows)

    @property
    def epochs(self) -> int:
        """Epochs of a whole training."""
        return self.plan.epochs or default_epochs(self.summary.rows, self.batch_size)

    @property
    def steps(self) -> int:
        """Steps of a whole training."""
        return self.epochs * -(-self.summary.rows // self.batch_size)


def resolved(search_spec: SearchSpec, suggest: Suggest) -> tuple[Graph, Training]:
    """The resolved graph and training plan.

    Raises:
        GraphError: a part cannot read its nodes, or no part reads an input.
    """
    graph = search_spec.graph
    outputs = resolve(graph.outputs, graph.names, search_spec.data.spec, suggest, search_spec.summary)
    inputs = {node.block.name: node.block for node in Graph.walk(outputs) if isinstance(node.block, InputBlock)}
    if unread := [name for name in graph.input_names if name not in inputs]:
        raise GraphError(
            f"Inputs and outputs not connected. With these values no output reads {', '.join(map(repr, unread))}: "
            "a block that is called on several nodes takes only the first. Join them with Merge() before it."
        )
    inputs = tuple(inputs[name] for name in graph.input_names)
    defaults = (
        {"learning_rate": default_learning_rate(search_spec.steps)} if search_spec.plan.learning_rate is None else {}
    )
    plan = settle(search_spec.plan, "training", suggest, defaults)
    return Graph(inputs, tuple(outputs)), plan


def resolved_or_default(
    search_spec: SearchSpec, suggest: TrialSuggest, default: ResolvedDefault | None
) -> tuple[Graph, Training]:
    """The resolved graph and training plan of a trial: those of the default where the trial takes it."""
    if default is not None and default.is_chosen_by(suggest):
        return default.graph, default.plan
    return resolved(search_spec, suggest)


class ResolvedDefault:
    """The graph and the training plan with their defaults: resolved once, for checks before a search and for trial 0.

    Args:
        search_spec: the search specification.

    Attributes:
        graph: resolved.
        plan: the settings of the training, every field set.

    Raises:
        GraphError: a part cannot read its nodes, or no part reads an input.
    """

    def __init__(self, search_spec: SearchSpec) -> None:
        self._suggest = DefaultSuggest()
        self.graph, self.plan = resolved(search_spec, self._suggest)

    @property
    def params(self) -> dict[str, Token]:
        """Parameter name -> representation of the default in a study."""
        return self._suggest.params

    def is_chosen_by(self, suggest: TrialSuggest) -> bool:
        """Whether a trial takes the defaults, so that this is its graph and plan. Asks it for all parameters."""
        return self._suggest.replay(suggest)
