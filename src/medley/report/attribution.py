"""Attributions of predictions: what each column, word and pixel of a row added, compared with other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.arguments import check_whole_number
from medley.core.batch import Rows
from medley.core.codec import Encoded, TargetCodec
from medley.core.progress_bar import progress_bar
from medley.core.registry import register
from medley.data.sources import Source
from medley.errors import ConfigError, ErrorCollector, did_you_mean
from medley.model.attribution import Attribution, Attributions, Part, WordAmount
from medley.model.forward import compute_outputs
from medley.report.cell_columns import cell_text
from medley.report.exchange_paths import Exchange, ExchangePaths, text_units
from medley.report.explained_output import ExplainedOutput
from medley.report.integrated_gradients import flat_baseline, has_gradient, image_of, integrated_gradients, located
from medley.report.model_rows import ModelColumn, ModelRows, prediction_rows

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.predict_options import OnUnreadable

BATCH_SIZE = 1024
MAX_STATES, MAX_BYTES = 4096, 2**28
"""Rows that are encoded at once, and their bytes."""


@register("report.attribution")
def attribute(
    model: Model,
    x: Any,
    target: str | None = None,
    label: Any = None,
    *,
    background: Any = None,
    samples: int = 64,
    steps: int = 8,
    root: str | Path | None = None,
    on_unreadable: OnUnreadable = "warn",
    seed: int = 0,
    verbose: int = 1,
) -> Attributions:
    """Explains predictions; see `Model.attribute`."""
    targets = [target] if target is not None else model.output_names
    _check(model, targets, label, samples, steps)
    rows = prediction_rows(model, x, root, on_unreadable)
    others = None if background is None else prediction_rows(model, background, root, on_unreadable)
    explainer = Explainer.of(rows, others, samples, steps, seed)
    items: list[Attribution] = []
    with progress_bar("rows", rows.size, is_shown=verbose > 0) as advance:
        for row in range(rows.size):
            items += explainer.explain(row, targets, label)
            advance(1)
    return Attributions(tuple(items))


def _check(model: Model, targets: Sequence[str], label: Any, samples: Any, steps: Any) -> None:
    errors = ErrorCollector()
    check_whole_number(errors, samples, "samples")
    if steps != 0 or isinstance(steps, bool):
        check_whole_number(errors, steps, "steps")
    for name in (name for name in targets if name not in model.targets):
        errors.add(
            f"is {name!r}, which the model does not predict.{did_you_mean(name, model.targets)}", argument="target"
        )
    if label is not None and not errors.errors:
        for name in targets:
            labels = model.targets[name].labels or []
            if label not in labels:
                hint = did_you_mean(str(label), [str(known) for known in labels])
                errors.add(f"is {label!r}, which is not a class of {name}.{hint}", argument="label")
    errors.raise_if_any(ConfigError)


@dataclass(frozen=True)
class _Task:
    """One output that is explained."""

    target: str
    label: Any
    output: ExplainedOutput


class Explainer:
    """Explains rows one by one.

    Args:
        rows: those to explain, and those that they are compared with.
        others: positions of the latter.
        samples: number of paths per row.
        steps: of integrals along encoded inputs; 0 leaves them out.
        generator: of the orders.
    """

    def __init__(
        self, rows: ModelRows, others: np.ndarray, samples: int, steps: int, generator: np.random.Generator
    ) -> None:
        self.rows, self.steps, self.generator = rows, steps, generator
        pairs = (samples + 1) // 2
        self.others = np.repeat(np.resize(others, pairs), 2)  # an order and its reverse start from the same row
        self.dense = (
            {}
            if not steps
            else {name: source for name, source in rows.sources_of_columns().items() if has_gradient(source.codec.spec)}
        )

    @classmethod
    def of(cls, rows: ModelRows, others: ModelRows | None, samples: int, steps: int, seed: int) -> Explainer:
        """Explains `rows` in comparison with others; None stands for a row in which every cell is missing.

        Args:
            rows: to explain.
            others: of the same model; no more of them are encoded than are used.
            samples: as in `Model.attribute`, like the next two.
            steps: of integrals.
            seed: of the orders.
        """
        generator = np.random.default_rng(seed)
        if others is None:
            everything = rows.with_missing_row()
        else:
            everything = rows.joined(others.take(generator.permutation(others.size)[: (samples + 1) // 2]))
        return cls(everything, np.arange(rows.size, everything.size), samples, steps, generator)

    def explain(self, row: int, targets: Sequence[str], label: Any) -> list[Attribution]:
        """The attributions of a row, one per target."""
        texts = {}
        for column in self.rows.columns:
            cell = column.cells[row] if column.kind == "text" else None
            if isinstance(cell, str) and len(cell.split()) > 1:
                texts[column.name] = text_units(cell)
        names = [column.name for column in self.rows.columns]
        events = len(names) + sum(len(units.spans) for units in texts.values())
        states = min(MAX_STATES, MAX_BYTES // self.rows.row_bytes)
        size = max(2, states // (events + 1) // 2 * 2)
        tasks: list[_Task] = []
        chunks: list[list[_Chunk]] = []
        for start in range(0, len(self.others), size):
            paths = ExchangePaths(names, texts, row, self.others[start : start + size], self.generator)
            encoded, raw = self._predict(paths)
            tasks = tasks or [self._task(name, label, raw[name][paths.length]) for name in targets]
            chunks.append([self._chunk(paths, encoded, raw, task) for task in tasks])
        return [
            self._attribution(row, task, [chunk[place] for chunk in chunks], texts) for place, task in enumerate(tasks)
        ]

    def _task(self, target: str, label: Any, raw: np.ndarray) -> _Task:
        codec: TargetCodec = self.rows.model.targets[target]
        if codec.labels is None:
            return _Task(target, None, ExplainedOutput(codec.probabilities, 0))

        def probabilities(raw: np.ndarray) -> np.ndarray:  # calibrated, as those of `predict_proba`
            return codec.probabilities(self.rows.model.trust.calibrated(target, codec, raw))

        place = int(np.argmax(probabilities(raw[None])[0])) if label is None else codec.labels.index(label)
        return _Task(target, codec.labels[place], ExplainedOutput(probabilities, place))

    def _predict(self, paths: ExchangePaths) -> tuple[dict[str, Encoded], dict[str, np.ndarray]]:
        positions = {name: paths.positions(name) for name in paths.columns}
        cells = {}
        for name in paths.texts:
            column = self.rows.cells(name)
            cells[name] = np.array([column[place] for place in positions[name].tolist()], dtype=object)
            for place, text in paths.partial_texts(name):
                cells[name][place] = text
        encoded = self.rows.encode(positions, cells=cells)
        outputs = compute_outputs(self.rows.network, Rows(encoded, device=self.rows.model.device), BATCH_SIZE)
        return encoded, {name: raw.cpu().numpy() for name, raw in outputs.items()}

    def _chunk(
        self, paths: ExchangePaths, encoded: Mapping[str, Encoded], raw: Mapping[str, np.ndarray], task: _Task
    ) -> _Chunk:
        outputs = task.output.of(raw[task.target])
        by_path = outputs.reshape(len(paths.others), paths.length + 1)
        integrate = partial(self._integrate, paths, encoded, task)
        heat = {name: integrate(name, source) for name, source in self.dense.items()}
        return _Chunk(paths.amounts(outputs), by_path[:, 0], by_path[:, -1], heat)

    def _integrate(
        self, paths: ExchangePaths, encoded: Mapping[str, Encoded], task: _Task, column: str, source: Source
    ) -> np.ndarray | None:
        before = np.arange(len(paths.others)) * (paths.length + 1) + paths.begins(column)
        spec, base = source.codec.spec, encoded[source.name]
        if not base.present[before[0] + 1]:
            return None
        own_results = self.rows.result_keys(source.name)
        states = {
            name: Encoded(part.array[before + 1], part.present[before + 1])
            for name, part in encoded.items()
            if name not in own_results
        }
        neutral = flat_baseline(states[source.name].array, spec)
        was_present = base.present[before].reshape(-1, *[1] * spec.rank)
        baselines = np.where(was_present, base.array[before], neutral)
        amounts = integrated_gradients(
            self.rows.network,
            states,
            source.name,
            baselines,
            task.target,
            task.output,
            self.steps,
            self.rows.model.device,
        )
        return located(amounts, spec)

    def _attribution(self, row: int, task: _Task, chunks: Sequence[_Chunk], texts: Mapping[str, Any]) -> Attribution:
        amounts = {event: np.concatenate([chunk.amounts[event] for chunk in chunks]) for event in chunks[0].amounts}
        paths = np.array([len(chunk.starts) for chunk in chunks])
        parts = []
        for column in self.rows.columns:
            events = [event for event in amounts if event.column == column.name]
            total = np.sum([amounts[event] for event in events], axis=0)
            words = []
            if column.name in texts:
                units = texts[column.name]
                words = [
                    WordAmount(units.text[slice(*span)].strip(), float(amounts[Exchange(column.name, place)].mean()))
                    for place, span in enumerate(units.spans)
                ]
            heats = [chunk.heat.get(column.name) for chunk in chunks]
            heat = (
                np.average([h for h in heats if h is not None], axis=0, weights=paths) if heats[0] is not None else None
            )
            parts.append(self._part(column, row, total, words, heat))
        starts, ends = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("starts", "ends"))
        return Attribution(row, task.target, task.label, float(ends.mean()), float(starts.mean()), tuple(parts))

    def _part(
        self, column: ModelColumn, row: int, amounts: np.ndarray, words: list[WordAmount], heat: np.ndarray | None
    ) -> Part:
        pairs = amounts.reshape(-1, 2).mean(axis=1)
        error = float(pairs.std(ddof=1) / np.sqrt(len(pairs))) if len(pairs) > 1 else float("nan")
        cell = cell_text(column.cells[row])
        cell = Path(cell).name if column.name in self.dense else cell  # of an image or recording, the name of its file
        part = Part(column.name, column.kind, cell, float(amounts.mean()), error, tuple(words))
        if heat is None:
            return part
        source = self.dense[column.name]
        return replace(part, heat=heat, shown=image_of(self.rows.encoded_row(source.name, row), source.codec.spec))


@dataclass(frozen=True)
class _Chunk:
    """What P paths give for one task: amounts by event, outputs at starts and ends, heat by column."""

    amounts: dict[Exchange, np.ndarray]
    starts: np.ndarray
    ends: np.ndarray
    heat: dict[str, np.ndarray | None]
