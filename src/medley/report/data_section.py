"""What the data held: columns with their kinds and reasons, what was left out, leaks, the split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.codec import Encoded
from medley.core.column import ColumnGuess
from medley.data.rows import take
from medley.errors import ConfigError, listing
from medley.model.drift import drift_of
from medley.model.row_features import row_features
from medley.report.evidence import Evidence
from medley.report.figures import table

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.view import TableView

MOST_COLUMNS = 200
MOST_EXAMPLES = 3


MOST_DRIFTED = 30
"""Columns, or properties of them, whose drift is listed."""


def data_section(
    model: Model, view: TableView | None, metadata: Mapping[str, Any], *, examples: bool
) -> dict[str, Any]:
    """The section on data.

    Args:
        model: a model.
        view: how it reads a table; None if it does not.
        metadata: of the model, without what must not be shown.
        examples: whether example cells are shown.
    """
    split = metadata.get("rows") or {}
    facts = [
        ("training rows", split.get("train")),
        ("validation rows", split.get("held_out") or (split.get("train") if metadata.get("folds") else None)),
        ("duplicate rows", metadata.get("duplicate_rows")),
        ("dropped rows", len(metadata["dropped_rows"]) if metadata.get("dropped_rows") else None),
    ]
    section: dict[str, Any] = {
        "facts": [(name, value) for name, value in facts if value is not None],
        "warnings": list(_warnings(metadata)),
        "split": _split(metadata),
        "tables": [],
        "left_out": [],
    }
    if view is None:
        section["tables"].append(_inputs(model))
        return section
    guesses = [(guess, feed.name) for feed in view.feeds for guess in (view.schema[name] for name in feed.columns)]
    if len(guesses) > MOST_COLUMNS:
        section["left_out"].append(
            f"{len(guesses) - MOST_COLUMNS:,} of {len(guesses):,} columns are not listed: see model.table.schema, or "
            "medley describe."
        )
    section["tables"].append(_columns(view, guesses[:MOST_COLUMNS], examples=examples))
    if excluded := metadata.get("left_out"):
        listed = list(excluded.items())[:MOST_COLUMNS]
        section["tables"].append(table(["column", "reason"], listed, "Columns that were left out"))
    tasks = metadata.get("tasks") or {}
    targets = [
        [name, tasks.get(name, {}).get("kind"), tasks.get(name, {}).get("reason")] for name in view.targets.values()
    ]
    section["tables"].append(table(["target", "task", "reason"], targets, "Targets"))
    return section


def _columns(view: TableView, guesses: Sequence[tuple[ColumnGuess, str]], *, examples: bool) -> dict[str, Any]:
    """The table of the columns that a model reads, each with the name of its input."""
    rows = []
    for guess, feed in guesses:
        row = [guess.name, guess.kind, feed, 100 * guess.missing, guess.distinct, guess.reason]
        rows.append([*row, _examples(guess.name, guess.examples, view)] if examples else row)
    columns = ["column", "kind", "input", "missing %", "distinct", "reason", *(["examples"] if examples else [])]
    return table(columns, rows, "Columns that the model reads")


def drift_part(model: Model, evidence: Evidence) -> dict[str, Any] | None:
    """Whether the rows of a report are drawn like those of the training: a sentence and a table; None if unknown.

    Args:
        model: a model.
        evidence: with rows that were passed for the report.
    """
    if evidence.rows is None or evidence.numbers is not None:  # validation rows are what others are compared with
        return None
    index = evidence.sample
    encoded = {name: Encoded(part.array[index], part.present[index]) for name, part in evidence.rows.sources.items()}
    x = {name: take(values, index) for name, values in evidence.rows.by_input.items() if values is not None}
    features = row_features(model.sources, encoded, x, model.table)
    try:
        frame = drift_of(model.trust.reference, features, evidence.embeddings)
    except ConfigError:  # there are too few rows, or the model knows nothing of its training rows
        return None
    drifted = [str(name) for name in frame["name"][frame["drifted"]]]
    sentence = "No drift: the rows of this report are distributed like those of the training."
    if drifted:
        sentence = f"Drift in {len(drifted)} of {len(frame)} columns or properties of them: {listing(drifted, most=5)}."
    cells = [
        [row["name"], "yes" if row["drifted"] else "no", row["shift"], row["p_value"], 100 * row["missing"]]
        for row in frame.head(MOST_DRIFTED).to_dict("records")
    ]
    columns = ["column or property", "drifted", "population stability index", "p-value", "change of missing cells %"]
    return {
        "sentence": sentence,
        "has_drifted": bool(drifted),
        "table": table(columns, cells, "Drift between the rows of the training and of this report"),
    }


def _examples(name: str, examples: Sequence[str], view: TableView) -> str:
    return "private" if name in view.private else ", ".join(examples[:MOST_EXAMPLES])


def _inputs(model: Model) -> dict[str, Any]:
    rows = [[source.input_name, type(source.codec).__name__, str(source.codec.spec)] for source in model.sources]
    return table(["input", "codec", "one row"], rows, "Inputs")


def _split(metadata: Mapping[str, Any]) -> str:
    rows, folds = metadata.get("rows") or {}, metadata.get("folds") or 0
    if rows.get("held_out"):
        part = rows["held_out"] / (rows["train"] + rows["held_out"])
        return f"{rows['held_out']:,} rows ({part:.0%}) were kept for validation; the network was not trained on them."
    if folds:
        return (
            f"All rows were used in {folds} folds: each row is predicted by the members of the ensemble that were not "
            "trained on its fold."
        )
    return ""


def _warnings(metadata: Mapping[str, Any]) -> Iterator[str]:
    for leak in metadata.get("leaks") or []:
        yield f"Column {leak['column']} determines the target {leak['target']} ({leak['how']})."
    for name, entries in (metadata.get("unreadable_rows") or {}).items():
        yield f"{len(entries):,} files of {name} could not be read; they count as missing."
    findings = metadata.get("findings")
    if findings is None:  # a model of a single trial, or of an earlier version
        findings = [
            f"{name}: the model is no better than a constant prediction." for name in metadata.get("not_learned") or []
        ]
    yield from findings
