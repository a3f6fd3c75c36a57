"""What validation rows show about the network of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.data.sources import Source
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.tasks import Task
from medley.search.search_spec import SearchSpec
from medley.search.weaknesses import replace_weak_heads, shifted_columns, worse_than_linear
from medley.train.fit import Validation
from medley.train.ranks import Ranks
from medley.train.validated import validation_predictions
from medley.trust.trust import Trust

NOT_LEARNED = 0.995
"""Validation loss divided by that of the constant baseline from which a target counts as not learned."""


@dataclass
class Evaluation:
    """The network that the model of a trial is made of, and what validation rows show about it.

    Args:
        search_spec: the search specification.
        graph: of the network.
        network: trained.
        tasks: of the network.
        sources: of the network.
        rows: validation rows, or training rows with folds; None if there are neither.
        encoded: source name -> encoded training rows, and validation rows if there are any; empty without `rows`.
        scores: name -> value; at first those of the best epoch.
        ranks: processes that train the same network together, or None.
        outputs: head name -> raw outputs (N, K) for the rows; empty before `validate`.
        not_learned: heads that are hardly better than the constant baseline.
        weaknesses: metadata about heads that linear models predict better, and about columns that shift.
    """

    search_spec: SearchSpec
    graph: Graph
    network: Network
    tasks: Sequence[Task]
    sources: Sequence[Source]
    rows: Rows | None
    encoded: Mapping[str, Sequence[Encoded]]
    scores: dict[str, float]
    ranks: Ranks | None = None
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    not_learned: list[str] = field(default_factory=list)
    weaknesses: dict[str, Any] = field(default_factory=dict)

    def validate(self, loss_weights: Mapping[str, float], *, starts_at_linear: bool) -> bool:
        """Evaluates the network. Heads of a table that are worse than simple predictions are replaced by them.

        Args:
            loss_weights: head name -> factor in the total loss.
            starts_at_linear: whether heads start at the outputs of linear models, which may replace them.

        Returns:
            Whether there are new scores: False if there are no rows.
        """
        validation = Validation(self.network, self.tasks, loss_weights, self.rows, ranks=self.ranks)
        scores = validation.scores()
        if self.rows is not None:
            encoded = {name: parts[-1] for name, parts in self.encoded.items()}
            worse = worse_than_linear(self.tasks, validation.outputs, self.sources, encoded, self.rows)
            self.weaknesses["worse_than_linear"] = worse if self.ranks is None else self.ranks.content(worse)
        if self.search_spec.table is not None:  # a network that the caller has drawn stays as it was trained
            worse = self.weaknesses.get("worse_than_linear") if starts_at_linear else None
            targets = self.search_spec.data.targets
            self.weaknesses["replaced"] = replace_weak_heads(self.network, targets, validation.relative, worse)
            scores = validation.scores() if self.weaknesses["replaced"] else scores
        self.not_learned = [name for name, relative in validation.relative.items() if relative >= NOT_LEARNED]
        self.outputs = validation.outputs
        self.scores |= {f"val_{name}": value for name, value in scores.items()}
        return bool(scores)

    def compare_times(self) -> None:
        """Notes the columns that shift between training and validation rows, where these are split by time."""
        data, time = self.search_spec.data, self.search_spec.about.get("time")
        if time and len(data.parts) > 1:
            self.weaknesses["shifted"] = shifted_columns(
                self.sources, self.encoded, data.parts, self.search_spec.table, [time]
            )

    def trust(self) -> Trust | None:
        """The predictions for the rows. What is learnt from them is learnt once for the models that are kept."""
        if self.rows is None:
            return None
        part, labels = self.search_spec.data.parts[-1], self.search_spec.data.labels[-1]
        where = "validation_data" if part.where else "training"
        return Trust(
            validation_predictions(
                self.network, self.tasks, self.rows, labels, part.weight, part.numbers, where, part.groups, self.outputs
            )
        )
