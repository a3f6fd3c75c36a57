"""What a model is made of, what it reads and predicts, and how good it is: as sections that anybody can print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medley.core.codec import TargetCodec
    from medley.core.spec import Spec
    from medley.data.sources import Source
    from medley.graph.graph import Graph
    from medley.tables.view import TableView

_MOST_LABELS = 20
_MOST_ROWS = 10


@dataclass(frozen=True)
class Section:
    """A table of a description, or some lines of text.

    Args:
        title: what stands above it.
        columns: names of the table's columns; none where there are only lines.
        rows: cells, as many per row as there are columns; None is left empty.
        right: columns that are aligned at their right edge, as numbers are.
        lines: text below the table.
    """

    title: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[object]] = ()
    right: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The section as plain text."""
        cells = [self.columns, *(["" if cell is None else str(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        ends = [name in self.right for name in self.columns]
        told = [
            "  ".join(
                cell.rjust(width) if end else cell.ljust(width)
                for cell, width, end in zip(row, widths, ends, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*([self.title] if self.title else []), *(told if self.columns else []), *self.lines])


def sections(
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    metadata: Mapping[str, Any],
    view: TableView | None,
) -> Iterator[Section]:
    """All that is told of a model, its network's parts left out.

    Args:
        graph: resolved.
        sources: fitted encodings.
        targets: head name -> fitted codec.
        metadata: what the model keeps of its training.
        view: how it reads a table, where it does.
    """
    if view is not None:
        yield from _table(view, metadata)
    yield from _inputs(sources)
    rows = [(name, type(head).__name__, _labels(targets[name])) for name, head in graph.heads.items()]
    yield Section("outputs", ("output", "head", "predicts"), rows)
    yield from scores(metadata)
    yield from _training(metadata, several=len(rows) > 1)


def _table(view: TableView, metadata: Mapping[str, Any]) -> Iterator[Section]:
    """What a model that was fitted to a table reads of it and predicts, and what was noticed."""
    rows: list[Sequence[object]] = [
        (name, view.schema[name].kind, feed.name, view.schema[name].description, view.schema[name].reason)
        for feed in view.feeds
        for name in feed.columns
    ]
    rows += [(name, None, None, "left out", why) for name, why in metadata.get("left_out", {}).items()]
    yield Section("columns", ("column", "kind", "input", "input to the network", "reason"), rows)
    tasks = metadata.get("tasks", {})
    told = [(name, *(tasks.get(name, {}).get(word) for word in ("kind", "reason"))) for name in view.targets.values()]
    yield Section("targets", ("target", "task", "reason"), told)
    if lines := tuple(_noticed(metadata)):
        yield Section(lines=lines)


def _noticed(metadata: Mapping[str, Any]) -> Iterator[str]:
    for leak in metadata.get("leaks", []):
        yield f"warning: column {leak['column']!r} determines the target {leak['target']!r} ({leak['how']})."
    for name, found in metadata.get("bad_rows", {}).items():
        shown = ", ".join(str(one["row"]) for one in found[:_MOST_ROWS]) + (", ..." if len(found) > _MOST_ROWS else "")
        yield f"{name}: {len(found):,} images could not be read and counted as missing, in rows {shown}."
    if metadata.get("dropped_rows"):
        yield f"{len(metadata['dropped_rows']):,} rows were left out, as their images could not be read."


def _inputs(sources: Sequence[Source]) -> Iterator[Section]:
    rows = [(one.input_name, one.name, type(one.codec).__name__, _values(one.codec.spec)) for one in sources]
    yield Section("inputs", ("input", "encoded as", "codec", "one row"), rows)
    for source in sources:
        columns = source.codec.spec.columns
        if columns:
            told = [
                (one.name, one.kind, one.cardinality or None, len(one.bins) or None, "yes" if one.missing else "")
                for one in columns
            ]
            names = ("column", "kind", "codes", "bin edges", "had gaps")
            yield Section(f"columns of {source.input_name}", names, told, right=names[2:4])


def _values(spec: Spec) -> str:
    return f"{spec}, {spec.cardinality:,} codes" if spec.cardinality else str(spec)


def _labels(codec: TargetCodec) -> str:
    if codec.labels is None:
        width = len(codec.prior)
        return "a number" if width == 1 else f"{width} numbers"
    shown = ", ".join(map(repr, codec.labels[:_MOST_LABELS]))
    more = ", ..." if len(codec.labels) > _MOST_LABELS else ""
    return f"{len(codec.labels)} classes: {shown}{more}"


def scores(metadata: Mapping[str, Any]) -> Iterator[Section]:
    """Scores of training and validation rows at the best epoch; nothing where a model keeps none.

    Args:
        metadata: of a model.
    """
    told: dict[str, float] = metadata.get("scores", {})
    if told:
        names = list(dict.fromkeys(name.removeprefix("val_") for name in told))
        rows = [(name, _score(told.get(name)), _score(told.get(f"val_{name}"))) for name in names]
        yield Section(
            "scores at the best epoch", ("score", "training", "validation"), rows, right=("training", "validation")
        )


def _score(value: float | None) -> str | None:
    return None if value is None else number(value)


def _training(metadata: Mapping[str, Any], *, several: bool) -> Iterator[Section]:
    told: dict[str, Any] = {**metadata.get("training", {})}
    if "epochs" in metadata:
        told["epochs run"] = len(metadata["epochs"])
    if "loss_weights" in metadata and several:
        told["loss weights"] = ", ".join(f"{name} {number(one)}" for name, one in metadata["loss_weights"].items())
    if "seed" in metadata:
        told["seed"] = metadata["seed"]
    rows = [
        (name.replace("_", " "), number(value) if isinstance(value, float) else value)
        for name, value in told.items()
        if value is not None
    ]
    if rows:
        yield Section("training", ("setting", "value"), rows)


def number(value: float) -> str:
    """A score with four digits that count.

    >>> number(0.123456), number(1234.5678), number(float("inf"))
    ('0.1235', '1235', 'inf')
    """
    return f"{value:.4g}"
