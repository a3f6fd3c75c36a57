"""The description of a model as sections to print: its architecture, columns, scores and training."""

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

MAX_LABELS = 20
MAX_ROWS = 10


@dataclass(frozen=True)
class Section:
    """A titled table with lines of text below it; either may be missing.

    Args:
        title: the line above the table.
        columns: names of the table's columns; empty where there are only lines.
        rows: one cell per column; None is printed as an empty cell.
        right: right-aligned columns.
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
        is_right = [name in self.right for name in self.columns]
        table = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, is_right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*([self.title] if self.title else []), *(table if self.columns else []), *self.lines])


def sections(
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    metadata: Mapping[str, Any],
    view: TableView | None,
) -> Iterator[Section]:
    """All sections of a model's description except for the parts of its network.

    Args:
        graph: resolved.
        sources: fitted encodings.
        targets: head name -> fitted codec.
        metadata: of the model.
        view: how the model reads a table, where it does.
    """
    if view is not None:
        yield from _table(view, metadata)
    yield from _inputs(sources)
    rows = [(name, type(head).__name__, _labels(targets[name])) for name, head in graph.heads.items()]
    yield Section("outputs", ("output", "head", "predicts"), rows)
    yield from score_sections(metadata)
    yield from _distilled(metadata)
    yield from _training(metadata, several=len(rows) > 1)


def _distilled(metadata: Mapping[str, Any]) -> Iterator[Section]:
    """What a student was distilled from, and its price."""
    distilled = metadata.get("distilled")
    if distilled:
        price = distilled["price"]
        rows = [(line["measure"], *(format_number(line[name]) for name in ("teacher", "student"))) for line in price]
        title = f"distilled from {distilled['teacher']}"
        yield Section(title, ("measure", "teacher", "student"), rows, right=("teacher", "student"))


def _table(view: TableView, metadata: Mapping[str, Any]) -> Iterator[Section]:
    """The columns and targets of a table, and warnings about them."""
    rows: list[Sequence[object]] = [
        (name, view.schema[name].kind, feed.name, view.schema[name].description, view.schema[name].reason)
        for feed in view.feeds
        for name in feed.columns
    ]
    rows += [(name, None, None, "left out", why) for name, why in metadata.get("left_out", {}).items()]
    yield Section("columns", ("column", "kind", "input", "input to the network", "reason"), rows)
    tasks = metadata.get("tasks", {})
    targets = [(name, *(tasks.get(name, {}).get(key) for key in ("kind", "reason"))) for name in view.targets.values()]
    yield Section("targets", ("target", "task", "reason"), targets)
    if lines := tuple(_warnings(metadata)):
        yield Section(lines=lines)


def _warnings(metadata: Mapping[str, Any]) -> Iterator[str]:
    for leak in metadata.get("leaks", []):
        yield f"warning: column {leak['column']!r} determines the target {leak['target']!r} ({leak['how']})."
    for name, entries in metadata.get("unreadable_rows", {}).items():
        rows = ", ".join(str(entry["row"]) for entry in entries[:MAX_ROWS])
        more = ", ..." if len(entries) > MAX_ROWS else ""
        yield f"{name}: {len(entries):,} images could not be read and were treated as missing, in rows {rows}{more}."
    if metadata.get("dropped_rows"):
        yield f"{len(metadata['dropped_rows']):,} rows were dropped because their images could not be read."
    yield from (f"warning: {sentence}" for sentence in metadata.get("findings", []))


def _inputs(sources: Sequence[Source]) -> Iterator[Section]:
    rows = [
        (source.input_name, source.name, type(source.codec).__name__, _values(source.codec.spec)) for source in sources
    ]
    yield Section("inputs", ("input", "encoded as", "codec", "one row"), rows)
    for source in sources:
        columns = source.codec.spec.columns
        if columns:
            rows = [
                (column.name, column.kind, column.cardinality or None, len(column.bins) or None, _yes(column.missing))
                for column in columns
            ]
            names = ("column", "kind", "codes", "bin edges", "missing values")
            yield Section(f"columns of {source.input_name}", names, rows, right=names[2:4])


def _yes(value: object) -> str:
    return "yes" if value else ""


def _values(spec: Spec) -> str:
    return f"{spec}, {spec.cardinality:,} codes" if spec.cardinality else str(spec)


def _labels(codec: TargetCodec) -> str:
    if codec.labels is None:
        width = len(codec.prior)
        return "a number" if width == 1 else f"{width} numbers"
    shown = ", ".join(map(repr, codec.labels[:MAX_LABELS]))
    more = ", ..." if len(codec.labels) > MAX_LABELS else ""
    return f"{len(codec.labels)} classes: {shown}{more}"


def score_sections(metadata: Mapping[str, Any]) -> Iterator[Section]:
    """Scores of training and validation rows at the best epoch; nothing where the metadata has none.

    Args:
        metadata: of a model.
    """
    scores: dict[str, float] = metadata.get("scores", {})
    if scores:
        names = list(dict.fromkeys(name.removeprefix("val_") for name in scores))
        rows = [(name, _score(scores.get(name)), _score(scores.get(f"val_{name}"))) for name in names]
        yield Section(
            "scores at the best epoch", ("score", "training", "validation"), rows, right=("training", "validation")
        )


def _score(value: float | None) -> str | None:
    return None if value is None else format_number(value)


def _training(metadata: Mapping[str, Any], *, several: bool) -> Iterator[Section]:
    settings: dict[str, Any] = {**metadata.get("training", {})}
    if "epochs" in metadata:
        settings["epochs run"] = len(metadata["epochs"])
    settings["last epochs"] = metadata.get("plan", {}).get("last_epochs", 0)
    settings.pop("last_epochs", None)
    if "loss_weights" in metadata and several:
        weights = metadata["loss_weights"].items()
        settings["loss weights"] = ", ".join(f"{name} {format_number(weight)}" for name, weight in weights)
    if "seed" in metadata:
        settings["seed"] = metadata["seed"]
    rows = [
        (name.replace("_", " "), format_number(value) if isinstance(value, float) else value)
        for name, value in settings.items()
        if value is not None
    ]
    if rows:
        yield Section("training", ("setting", "value"), rows)


def format_number(value: float) -> str:
    """A number with four significant digits.

    >>> format_number(0.123456), format_number(1234.5678), format_number(float("inf"))
    ('0.1235', '1235', 'inf')
    """
    return f"{value:.4g}"
