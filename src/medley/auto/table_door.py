"""The table door: from a file of mixed columns to a model of several targets, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medley.auto.automodel import AutoModel
from medley.auto.prepare import strata
from medley.auto.table_call import check_search, understand
from medley.auto.table_plan import Plan
from medley.auto.table_split import split_rows
from medley.core.numbering import numbered
from medley.data.forms import take
from medley.data.leaks import duplicate_groups, leaks
from medley.data.source import Table
from medley.errors import DataError, Mistakes, warn
from medley.model.encoding import row_weights
from medley.model.model import Model
from medley.search.part import Part
from medley.search.progress import Progress
from medley.train.plan import Training


def fit(
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    root: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    validation_split: float = 0.2,
    sample_weight: str | None = None,
    time_limit: float | str | None = "10m",
    max_trials: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    objective: Any = None,
    tuner: Any = None,
    loss_weights: Any = None,
    max_model_size: int | None = None,
    training: Training | None = None,
    on_bad_image: str = "warn",
    project_name: str = "table_model",
    directory: str | Path | None = None,
    overwrite: bool = False,
    seed: int | None = None,
    device: Any = "auto",
    verbose: int = 1,
) -> Model:
    """Fits one model of several targets to a table: guesses what its columns hold, draws a graph, searches, trains.

    Args:
        table: a file (CSV of any delimiter, also packed; TSV, Parquet, JSON lines, Feather), a folder of them, a frame
            of pandas, polars, Arrow or DuckDB, a dict of columns, a list of dicts.
        targets: the column to predict, several, or a dict from column to its head. Cells may be missing.
        inputs: the columns to learn from; all others but those named below, if left out.
        column_kinds: column -> kind ("number", "category", "text", "image", ...), where a guess shall be overruled.
        root: the folder that paths in cells count from; the table's own, if left out.
        group: column; rows of one value are never on both sides of the split.
        time: column; the latest rows are held out.
        split: column that says which rows train and which are held out.
        validation_split: share that is held out otherwise, at random, stratified over the targets.
        sample_weight: column of weights.
        time_limit: seconds, or "10m".
        max_trials: networks to try; as many as fit into the time (100 at most), if left out.
        epochs: of each training; chosen by the number of rows, if left out.
        batch_size: rows per step; likewise.
        objective: as in `AutoModel`.
        tuner: as in `AutoModel`.
        loss_weights: as in `AutoModel`, by target.
        max_model_size: as in `AutoModel`.
        training: as in `AutoModel`.
        on_bad_image: `"warn"` takes pictures that cannot be read as missing, `"raise"` stops, `"drop"` leaves their
            rows out.
        project_name: folder of the search, under `directory`.
        directory: as in `AutoModel`.
        overwrite: as in `AutoModel`.
        seed: as in `AutoModel`.
        device: as in `AutoModel`.
        verbose: 0 silent, 1 what was understood and a line per trial, 2 a line per epoch.

    Returns:
        A model whose `predict` takes tables and gives frames.

    Raises:
        ConfigError, DataError: mistakes in the call or the table, before anything is trained.

    >>> import tempfile
    >>> size, kind = [number / 7 for number in range(64)], ["a", "b", "b", "c"] * 16
    >>> price = [one * (3 if letter == "b" else 1) for one, letter in zip(size, kind)]
    >>> rows = {"size": size, "kind": kind, "price": price}
    >>> model = fit(rows, ["price"], max_trials=1, epochs=1, directory=tempfile.mkdtemp(), verbose=0)
    >>> list(model.predict({"kind": ["b"], "size": [2.0]}).columns)
    ['price']
    """
    mistakes = Mistakes()
    check_search(
        mistakes,
        time_limit=time_limit,
        max_trials=max_trials,
        epochs=epochs,
        batch_size=batch_size,
        validation_split=validation_split,
        seed=seed,
        on_bad_image=on_bad_image,
        verbose=verbose,
    )
    known, plan = understand(
        mistakes,
        table,
        targets,
        inputs=inputs,
        column_kinds=column_kinds,
        root=root,
        roles={"group": group, "time": time, "split": split, "sample_weight": sample_weight},
        on_bad_image=on_bad_image,
    )
    progress = Progress(verbose)
    found = _look_out(known, plan, progress)
    numbers, rows_read = np.arange(len(known)), len(known)
    if on_bad_image == "drop":
        known, numbers = _without_bad_images(known, plan)
    x, y = plan.view.x(known), plan.view.y(known)
    weight = None if sample_weight is None else row_weights(known.frame[sample_weight], len(known))
    heads = {str(head.name): head for head in plan.heads}
    with numbered(numbers):
        codes = strata(heads, y)
    train, held = split_rows(
        known.frame,
        validation_split,
        seed or 0,
        codes,
        duplicate_groups(known.frame.loc[:, plan.view.required]),
        group=group,
        time=time,
        given=split,
    )
    auto = AutoModel(
        plan.inputs,
        plan.heads,
        project_name,
        max_trials or 100,
        directory,
        objective,
        tuner,
        overwrite,
        seed,
        max_model_size,
        loss_weights=loss_weights,
        time_limit=time_limit,
        device=device,
        training=training,
    )
    sides = [_part(x, y, weight, rows, numbers) for rows in (train, held)]
    about = {
        **found,
        "tasks": {name: {"kind": task.kind, "why": task.why} for name, task in plan.tasks.items()},
        "left_out": plan.left_out,
        "dropped_rows": np.setdiff1d(np.arange(rows_read), numbers).tolist(),
        "rows": {"train": len(train), "held_out": len(held)},
    }
    auto.search(sides[0], sides[1], epochs, batch_size, verbose=verbose, table=plan.view, about=about)
    return auto.export_model()


def _part(
    x: Mapping[str, Any], y: Mapping[str, Any], weight: np.ndarray | None, rows: np.ndarray, numbers: np.ndarray
) -> Part:
    x, y = ({name: take(values, rows) for name, values in one.items()} for one in (x, y))
    return Part(x, y, None if weight is None else weight[rows], len(rows), numbers[rows])


def _look_out(table: Table, plan: Plan, progress: Progress) -> dict[str, Any]:
    """Tells what was understood; warns of columns that give a target away."""
    for name, task in plan.tasks.items():
        progress.say(f"target {name}: {task.kind} ({task.why})")
    for feed in plan.view.feeds:
        told = ", ".join(f"{name} ({plan.view.schema[name].kind})" for name in feed.columns)
        progress.say(f"input {feed.name}: {told}")
    for name, why in plan.left_out.items():
        progress.say(f"left out {name}: {why}")
    for name, rows in plan.view.unread(table).items():
        kind = plan.view.schema[name].kind
        progress.say(f"{name}: {len(rows):,} cells are no {kind} and count as missing, the first in row {rows[0]}")
    used = set(plan.view.required)
    found = [one for one in leaks(table.frame, plan.view.schema, plan.tasks) if one.column in used]
    for one in found:
        warn(f"{one} If it is not known when you predict, leave it out with inputs=.")
    return {"leaks": [{"column": one.column, "target": one.target, "how": one.how} for one in found]}


def _without_bad_images(table: Table, plan: Plan) -> tuple[Table, np.ndarray]:
    """The table without rows whose pictures cannot be read, and the numbers (B,) of the rows that are left."""
    from dataclasses import replace

    bad: set[int] = set()
    rows = plan.view.x(table)
    for block in plan.inputs:
        codec: Any = block.codec()
        if hasattr(codec, "bad_rows"):
            bad.update(int(one) for one in codec.bad_rows(rows[str(block.name)]))
    keep = np.setdiff1d(np.arange(len(table)), sorted(bad))
    if not len(keep):
        raise DataError("Every row holds a picture that cannot be read; see on_bad_image.")
    return replace(table, frame=table.frame.iloc[keep]), keep
