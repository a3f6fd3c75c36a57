"""The model: what a user keeps after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded, TargetCodec
from medley.core.spec import Spec
from medley.data.rows import arrange, check_counts
from medley.data.sources import Source, encode_inputs
from medley.errors import DataError, warn
from medley.graph.describe import describe
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.derived import Columns, derived_nodes
from medley.model.encoding import encode_targets, row_weights
from medley.model.forward import device_of, embeddings, outputs
from medley.model.saving import save
from medley.model.tasks import measure, tasks_of
from medley.tables.predictor import Predictor, given, rows_per_pass
from medley.tables.view import TableView

WORTH = 64
"""Rows from which it is worth to look for what frozen parts have made of them before."""


class Knowing(Protocol):
    """Knows what frozen parts of networks make of rows."""

    def rows(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Encoded],
        targets: Mapping[str, Encoded] | None,
        weight: np.ndarray | None,
    ) -> Rows:
        """Encoded rows as tensors, with the results of frozen parts."""
        ...


class Model(Predictor):
    """A resolved graph with fitted codecs and weights.

    Args:
        graph: resolved.
        sources: fitted encodings, one per source that the graph reads.
        targets: head name -> fitted target codec.
        network: built from the graph.
        metadata: JSON that is kept beside it: scores, parameters, how it was trained.
        device: where it runs; "auto" takes a GPU where there is one.
        table: for models that were fitted to a table: how they read one.
        frozen: knows what frozen parts make of rows; left out, they run each time.
    """

    def __init__(
        self,
        graph: Graph,
        sources: Sequence[Source],
        targets: Mapping[str, TargetCodec],
        network: Network,
        metadata: Mapping[str, Any] | None = None,
        device: str | torch.device | None = "cpu",
        table: TableView | None = None,
        frozen: Knowing | None = None,
    ) -> None:
        super().__init__(targets, table)
        self._frozen = frozen
        self.graph = graph
        self.sources = list(sources)
        self.network = network.to(device_of(device)).eval()
        self.metadata = dict(metadata or {})
        self.device = device_of(device)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order `predict` takes them."""
        return self.graph.input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the heads, in the order `predict` returns them."""
        return list(self.graph.heads)

    def to(self, device: str | torch.device) -> Model:
        """Moves the weights; returns itself."""
        if device_of(device) != self.device:
            self.network.own()  # models of one search share frozen parts, and the others stay where they are
            self._frozen = None
        self.device = device_of(device)
        self.network.to(self.device)
        return self

    def embed(
        self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None
    ) -> np.ndarray | dict[str, np.ndarray]:
        """What the heads read of each row: the fused vectors (B, D).

        Args:
            x: as `predict`.
            batch_size: rows per pass.
            root: as `predict`.

        Returns:
            One array where all heads read the same, else a dict by head name.
        """
        rows = self._rows(arrange(self._x(x, root), self.input_names, "x"))
        return embeddings(self.network, rows, rows_per_pass(batch_size))

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
        *,
        root: str | Path | None = None,
    ) -> dict[str, float]:
        """Losses and metrics over the observed labels.

        Args:
            x: as `predict`.
            y: labels: a list in the heads' order, a dict by head name, or the labels themselves for one head; left
                out for a table that has the targets' columns; a target whose column is not there is left out and told.
            batch_size: rows per pass.
            sample_weight: (B,) numbers.
            root: as `predict`.

        Returns:
            Keras's names: `loss`, and with several heads `<head>_loss`, `<head>_<metric>`.
        """
        heads = self.output_names
        if y is None and self.table is not None and self._is_table(x):
            known = self.table.read(x, root, labelled=True)
            heads = self.table.labelled(known)
            x, y = self.table.x(known), self.table.y(known, heads)
            _tell_lacking([column for head, column in self.table.targets.items() if head not in heads])
        named_y = arrange(y, heads, "y")
        rows_of_y = next((len(values) for values in named_y.values() if hasattr(values, "__len__")), None)
        named_x = arrange(x, self.input_names, "x", rows_of_y)
        size = check_counts(given(named_x), named_y)
        targets = encode_targets({name: self.targets[name] for name in heads}, named_y)
        rows = self._rows(named_x, targets, row_weights(sample_weight, size))
        tasks = [task for task in tasks_of(self.graph, self.targets) if task.name in heads]
        weights = self.metadata.get("loss_weights") or {task.name: task.head.weight for task in tasks}
        found = measure(tasks, outputs(self.network, rows, rows_per_pass(batch_size)), rows, weights)
        unlabelled = [name for name, one in targets.items() if not one.present.any()]
        if len(unlabelled) == len(targets):
            raise DataError(f"No row has a label of {', '.join(unlabelled)}, so there is nothing to measure.")
        for name in unlabelled:
            warn(f"No row has a label of {name}: its loss is told as NaN and is not part of the total.")
            found[f"{name}_loss"] = float("nan")
        return found

    def summary(self) -> str:
        """Parts, shapes and parameters as text."""
        return describe(self.graph, self.network)

    def describe(self) -> str:
        """All that is known of the model as text: parts, columns, tasks, leaks, inputs, outputs, scores, training."""
        from medley.model.describing import sections

        told = sections(self.graph, self.sources, self.targets, self.metadata, self.table)
        return "\n\n".join([self.summary(), *map(str, told)])

    def save(self, directory: str | Path, *, pretrained: str = "copy") -> Path:
        """Writes the model as JSON and safetensors; no code, no pickle.

        Args:
            directory: made where missing; a model in it is replaced.
            pretrained: `"copy"` writes the weights of pretrained parts too, so that nothing else is needed to load the
                model; `"reference"` leaves out those that training has not changed, and names them by name, revision
                and checksum: they are looked for again when the model is loaded.

        Raises:
            ArtifactError: a part has no registered name.
            ConfigError: no such way, or pretrained weights to be named are not where they came from any more.
        """
        view, parts = self.table, (self.graph, self.sources, self.targets, self.network, self.metadata)
        return save(directory, *parts, view, pretrained=pretrained)

    def export(self, path: str | Path) -> Path:
        """Writes the model for `medley.runtime`, which predicts with onnxruntime and without torch.

        Args:
            path: `<name>.onnx`; `<name>.onnx.json` with the codecs is written beside it.

        Returns:
            The ONNX file. Its graph takes any number of rows: per encoded input an array (B, ...) and `<input>.present`
            (B,) bool; it gives raw outputs (B, K) per head, the prior where a row lacks every input.

        Raises:
            ConfigError: the path is no place for such a file, or a part cannot be exported; all are named.
            ArtifactError: an input or head has no registered name.
            MissingDependencyError: onnx or onnxscript is not installed (`medley[export]`).
        """
        from medley.model.export import export

        return export(path, self.graph, self.sources, self.targets, self.network, self.table)

    def _raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        found = outputs(self.network, self._rows(x), batch_size)
        return {name: raw.cpu().numpy() for name, raw in found.items()}

    def _rows(self, x: Mapping[str, Any], targets: Any = None, weight: np.ndarray | None = None) -> Rows:
        if targets is None:
            check_counts(given(x))
        encoded = encode_inputs(self.sources, Columns(x, derived_nodes(self.graph)))
        if not len(next(iter(encoded.values())).array):
            raise DataError("There are no rows: every input is empty.")
        if self._frozen is not None and len(next(iter(encoded.values())).array) >= WORTH:
            specs = {one.name: one.codec.spec for one in self.sources}
            return self._frozen.rows(self.network, specs, encoded, targets, weight)
        return Rows(encoded, targets, weight, self.device)


def _tell_lacking(columns: Sequence[str]) -> None:
    if columns:
        warn(f"There is no column {', '.join(map(repr, columns))}, so only the other targets are measured.")
