"""The model: what a user keeps after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded, TargetCodec
from medley.core.registry import lookup
from medley.core.words import NewClasses, WeightCopy
from medley.data.datasets import rows_and_labels
from medley.data.rows import arrange, check_counts
from medley.data.sources import Source, encode_inputs
from medley.errors import DataError, listing, warn
from medley.graph.describe import describe
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.copying import Packed, pack, unpack
from medley.model.derived import InputRows, derived_nodes
from medley.model.drift import LEVEL, MIN_SHIFT, drift_of
from medley.model.encoding import row_weights
from medley.model.forward import compute_embeddings, compute_outputs, joined_embeddings, resolve_device
from medley.model.frozen_outputs import MIN_CACHED_ROWS, FrozenOutputs
from medley.model.labels import EncodedLabels, encode_labels
from medley.model.operations import ModelOperations
from medley.model.privacy import without_examples
from medley.model.row_features import missing_names, row_features
from medley.model.saving import save
from medley.model.tasks import mark_unlabelled, measure, with_decisions, with_further_metrics
from medley.nn.hub import offline
from medley.tables.answers import RowNotes
from medley.tables.columns.unreadable import check_policy, report_unreadable
from medley.tables.predict_options import OnUnreadable
from medley.tables.row_counts import rows_per_pass, without_absent
from medley.tables.view import TableView
from medley.trust.trust import Trust
from medley.trust.validation import ValidationPredictions

if TYPE_CHECKING:
    import pandas as pd


class Model(ModelOperations):
    """A resolved graph with fitted codecs and weights.

    Args:
        graph: resolved.
        sources: fitted encodings, one per source that the graph reads.
        targets: head name -> fitted target codec.
        network: built from the graph.
        metadata: JSON that is saved with the model: scores, hyperparameters, the settings of its training.
        device: where the model runs; "auto" chooses a GPU where there is one.
        table: how the model reads a table, for models that were fitted to one.
        trust: what is known about how far predictions can be trusted.
        frozen: cached outputs of frozen parts; left out, these parts run each time.
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
        trust: Trust | None = None,
        frozen: FrozenOutputs | None = None,
    ) -> None:
        super().__init__(targets, table, trust)
        self._frozen = frozen
        self.graph = graph
        self.sources = list(sources)
        self.network = network.to(resolve_device(device)).eval()
        self.metadata = dict(metadata or {})
        self.device = resolve_device(device)
        self.validation_rows: tuple[dict[str, Any], dict[str, Any]] | None = None  # x and y of `validation`, not saved
        self.may_download = True  # `load` decides: what a model of a stranger names is not fetched unasked

    def __reduce__(self) -> tuple[Any, ...]:
        """A model is pickled as its saved files; what cannot be saved cannot be pickled."""
        return _unpickled, (pack(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        parts = (self.graph, self.sources, self.targets, self.network, self.metadata)
        return Model(*deepcopy((*parts, self.device, self.table, self.trust), memo))

    def __copy__(self) -> Model:
        return deepcopy(self)  # `to` moves the weights of one

    def __repr__(self) -> str:
        reads = ", ".join(self.input_names) if self.table is None else f"{len(self.table.required):,} columns"
        labels = {name: codec.labels for name, codec in self.targets.items()}
        heads = [
            f"{name} ({'number' if found is None else f'{len(found):,} classes'})" for name, found in labels.items()
        ]
        size = sum(parameter.numel() for parameter in self.network.parameters())
        return f"Model({reads} -> {', '.join(heads)}; {size:,} parameters, {self.device})"

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order in which `predict` takes them."""
        return self.graph.input_names

    @property
    def output_names(self) -> list[str]:
        """Names of the heads, in the order in which `predict` returns them."""
        return list(self.graph.heads)

    @property
    def validation(self) -> ValidationPredictions | None:
        """Predictions for rows that the network was not trained on.

        `validation.rows` are their positions; `validation.tasks[head]` holds `.targets`, `.outputs`, `.calibrated`,
        `.observed`, `.weight`. None for models without validation rows, or saved without examples.
        """
        return self.trust.validation

    def to(self, device: str | torch.device) -> Model:
        """Moves the weights to a device; returns the model itself."""
        if resolve_device(device) != self.device:
            self.network.unshare()  # models of one search share frozen parts, and the others are not moved
            self._frozen = None
        self.device = resolve_device(device)
        self.network.to(self.device)
        return self

    def embed(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
    ) -> np.ndarray | dict[str, np.ndarray]:
        """The fused vectors (B, D) that the heads read.

        Args:
            x: as in `predict`.
            batch_size: rows per pass.
            root: as in `predict`.
            on_unreadable: as in `predict`.

        Returns:
            One array where all heads read the same vectors, else a dict by head name.
        """
        rows = self._rows(arrange(self._inputs_of(x, root, on_unreadable), self.input_names, "x"))
        return compute_embeddings(self.network, rows, rows_per_pass(batch_size))

    def drift(
        self,
        x: Any,
        *,
        level: float = LEVEL,
        min_shift: float = MIN_SHIFT,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
    ) -> pd.DataFrame:
        """Compares rows with those that the model was trained on, column by column, and by their embeddings.

        Args:
            x: as in `predict`; 20 rows at least.
            level: probability that anything is called drift where nothing has changed.
            min_shift: least population stability index of what is called drift.
            root: as in `predict`.
            on_unreadable: as in `predict`.

        Returns:
            A row per column, or property of a text, an image and the like: see `medley.model.drift.drift_of`.
        """
        named_x = arrange(self._inputs_of(x, root, on_unreadable), self.input_names, "x")
        features = row_features(self.sources, self._encoded(named_x), named_x, self.table)
        embeddings = self._joined_embeddings(named_x, rows_per_pass(None))
        return drift_of(self.trust.reference, features, embeddings, level=level, min_shift=min_shift)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
        *,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
        all_metrics: bool = False,
    ) -> dict[str, float]:
        """Losses and metrics over the observed labels.

        Args:
            x: as in `predict`.
            y: labels: a list in the heads' order, a dict by head name (of some heads, to measure only those), or the
                labels themselves for one head; left out for a table that has the targets' columns. Targets without a
                column are skipped with a warning.
            batch_size: rows per pass.
            sample_weight: (B,) numbers, or a dict of such by head.
            root: as in `predict`.
            on_unreadable: as in `predict`, for targets as well.
            all_metrics: adds metrics that are usual for such targets: `r2`, `auc`, `f1` and the like.

        Returns:
            Scores under Keras's names: `loss`, and with several heads `<head>_loss`, `<head>_<metric>`. Rows of classes
            that the model has not learnt count as misses in metrics, are left out of losses, and are warned of. Losses
            are those of the network, before calibration; metrics of predicted classes follow `set_threshold`.
        """
        named_x, labels = self.labelled(x, y, sample_weight, root=root, on_unreadable=on_unreadable)
        rows = self._rows(named_x, labels.targets, labels.weight, labels.losses)
        tasks = [with_further_metrics(task) for task in labels.tasks] if all_metrics else labels.tasks
        weights = self.metadata.get("loss_weights") or {task.name: task.head.weight for task in tasks}
        scores = measure(tasks, compute_outputs(self.network, rows, rows_per_pass(batch_size)), rows, weights)
        mark_unlabelled(scores, labels.targets, labels.losses, is_single=len(self.output_names) == 1)
        return scores

    def labelled(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
    ) -> tuple[dict[str, Any], EncodedLabels]:
        """Rows by input, and their labels as tasks that measure predictions; arguments are those of `evaluate`."""
        check_policy(on_unreadable)
        named_x, named_y, sample_weight, size = self._labelled(x, y, sample_weight, root, on_unreadable)
        weight = row_weights(sample_weight, size, list(named_y))
        labels = encode_labels(self.graph, self.targets, named_y, weight)
        return named_x, replace(labels, tasks=with_decisions(labels.tasks, self.trust))

    def _labelled(
        self, x: Any, y: Any, sample_weight: Any, root: str | Path | None, on_unreadable: OnUnreadable = "warn"
    ) -> tuple[dict[str, Any], dict[str, Any], Any, int]:
        """Rows by input, labels by head (of those that have some), sample weights, and the number of rows."""
        heads = self.output_names
        if y is None and self.table is not None and self._is_table(x):
            table = self.table.read(x, root, labelled=True)
            heads = self.table.labelled(table)
            report_unreadable(table, self.table.schema, self.table.unparsed(table), on_unreadable)
            x, y = self.table.x(table), self.table.y(table, heads)
            _warn_of_missing([column for head, column in self.table.targets.items() if head not in heads])
        x, y, sample_weight = rows_and_labels(x, y, sample_weight, self.input_names, heads)
        if isinstance(y, Mapping) and y and set(y) < set(heads):
            heads = [head for head in heads if head in y]
        named_y = arrange(y, heads, "y")
        rows_of_y = next((len(values) for values in named_y.values() if hasattr(values, "__len__")), None)
        named_x = arrange(x, self.input_names, "x", rows_of_y)
        size = check_counts(without_absent(named_x), named_y)
        return named_x, named_y, sample_weight, size

    def fit_more(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_split: float = 0.2,
        sample_weight: Any = None,
        root: str | Path | None = None,
        seed: int = 0,
        time_limit: float | None = None,
        new_classes: NewClasses = "refuse",
    ) -> Model:
        """Trains a copy of the model further, on new rows; this model stays as it is.

        Columns keep their kinds and encodings: new categories count as unseen. The network with the least loss on
        the new validation rows is kept; the present one, if no epoch improves on it.

        Args:
            x: as in `evaluate`: new rows; include old ones if the model shall stay as good on them.
            y: as in `evaluate`.
            epochs: at most.
            batch_size: rows per step; chosen by the number of rows if left out.
            learning_rate: the highest; default: a tenth of that of the training before; all of it for added classes.
            validation_split: fraction of the new rows to choose the best epoch by.
            sample_weight: (B,) numbers.
            root: as in `predict`.
            seed: of the split, the order of rows and dropout.
            time_limit: seconds, or None.
            new_classes: `"add"` adds the classes that the model does not know to its heads; `"refuse"`: an error.

        Returns:
            The new model; its `metadata["fit_more"]` lists rows, epochs, and the losses of each call.

        Raises:
            ConfigError, DataError: an argument or a row breaks a rule, such as a new label.
        """
        named_x, named_y, sample_weight, size = self._labelled(x, y, sample_weight, root)
        return lookup("train.fit_more")(
            self,
            (named_x, named_y, row_weights(sample_weight, size, list(named_y))),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_split=validation_split,
            seed=seed,
            time_limit=time_limit,
            new_classes=new_classes,
        )

    def summary(self) -> str:
        """The parts of the network, their shapes and numbers of parameters, as text."""
        return describe(self.graph, self.network)

    def describe(self) -> str:
        """The model as text: parts, their size and time, columns, tasks, leaks, inputs, outputs, scores, training."""
        from medley.model.costs import described

        parts = (self.graph, self.sources, self.targets, self.metadata, self.table, self.network, self.device)
        return "\n\n".join([self.summary(), *map(str, described(*parts))])

    def save(self, directory: str | Path, *, pretrained: WeightCopy = "copy", examples: bool = True) -> Path:
        """Writes the model as JSON and safetensors; no code, no pickle.

        Args:
            directory: created where missing; a model in it is replaced.
            pretrained: `"copy"` writes the weights of pretrained parts too, so that the model loads without anything
                else; `"reference"` leaves out those that training has not changed, and writes their name, revision
                and checksum instead: they are looked for again when the model is loaded.
            examples: whether example cells of the training table are saved, sentences that may quote cells, and the
                predictions for validation rows with their targets. Categories, words and classes are always saved.

        Raises:
            ArtifactError: a part has no registered name.
            ConfigError: `pretrained` is neither, or referenced weights are no longer where they came from.
        """
        view, metadata = (self.table, self.metadata) if examples else without_examples(self.table, self.metadata)
        trust = self.trust if examples else self.trust.without_examples()
        parts = (self.graph, self.sources, self.targets, self.network, metadata)
        return save(directory, *parts, view, trust, pretrained=pretrained)

    def export(self, path: str | Path) -> Path:
        """Writes the model for `medley.runtime`, which predicts with onnxruntime and without torch.

        Args:
            path: `<name>.onnx`; `<name>.onnx.json` with the codecs is written beside it.

        Returns:
            The ONNX file. Its graph takes any number of rows: per encoded input an array (B, ...) and `<input>.present`
            (B,) bool; it gives raw outputs (B, K) per head, the prior where a row lacks every input.

        Raises:
            ConfigError: such a file cannot be written there, or a part cannot be exported; all are named.
            ArtifactError: an input or head has no registered name.
            MissingDependencyError: onnx or onnxscript is not installed (`medley[export]`).
        """
        from medley.model.export import export

        return export(path, self.graph, self.sources, self.targets, self.network, self.table, self.trust)

    def _compute_raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        outputs = compute_outputs(self.network, self._rows(x), batch_size)
        return {name: raw.cpu().numpy() for name, raw in outputs.items()}

    def _row_notes(self, x: Mapping[str, Any], batch_size: int) -> RowNotes:
        missing = missing_names(self.sources, self._encoded(x), x, self.table)
        reference = self.trust.reference
        if reference is None or reference.usual is None:
            return RowNotes(np.full(len(missing), np.nan), missing)
        return RowNotes(reference.usual.unusualness(self._joined_embeddings(x, batch_size)), missing)

    def _joined_embeddings(self, x: Mapping[str, Any], batch_size: int) -> np.ndarray:
        return joined_embeddings(compute_embeddings(self.network, self._rows(x), batch_size))

    def _encoded(self, x: Mapping[str, Any]) -> dict[str, Encoded]:
        with nullcontext() if self.may_download else offline():
            encoded = encode_inputs(self.sources, InputRows(x, derived_nodes(self.graph)))
        if not len(next(iter(encoded.values())).array):
            raise DataError("There are no rows: every input is empty.")
        return encoded

    def _rows(self, x: Mapping[str, Any], targets: Any = None, weight: RowWeights = None, losses: Any = None) -> Rows:
        if targets is None:
            check_counts(without_absent(x))
        encoded = self._encoded(x)
        if self._frozen is not None and len(next(iter(encoded.values())).array) >= MIN_CACHED_ROWS:
            specs = {source.name: source.codec.spec for source in self.sources}
            return self._frozen.rows(self.network, specs, encoded, targets, weight, losses)
        return Rows(encoded, targets, weight, self.device, loss_targets=losses)


def _warn_of_missing(columns: Sequence[str]) -> None:
    if columns:
        warn(f"There is no column {listing(map(repr, columns))}, so only the other targets are measured.")


def _unpickled(packed: Packed) -> Model:
    return Model(*unpack(packed))
