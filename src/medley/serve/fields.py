"""The columns and targets of a model as a form, an interface description and a tensor see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from medley.core.column import ColumnGuess
from medley.data.sources import Source
from medley.tables.answer_forms import answer_names
from medley.tables.columns.kind import kind_named
from medley.tables.formats.booleans import parse_boolean
from medley.tables.predictor import Predictor
from medley.tables.view import TableView
from medley.tabular.columns import CategoricalColumn, NumericColumn

Control = Literal["number", "choice", "boolean", "text", "time", "image", "images", "audio", "list", "table"]
MOST_CHOICES = 200
"""A category with more values is typed rather than chosen from a list."""

_CONTROLS: dict[str, Control] = {
    "number": "number",
    "category": "choice",
    "boolean": "boolean",
    "time": "time",
    "audio": "audio",
    "vector": "list",
    "series": "list",
    "set": "list",
}
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LONG_TEXT = 30


@dataclass(frozen=True)
class Field:
    """One column that a model reads.

    Args:
        name: of the column.
        kind: of the column.
        control: what it is entered with.
        description: how its cells are written, for people.
        unit: of numbers, or "".
        low: least number of the training rows, or None.
        high: the largest, or None.
        choices: the categories of the training rows, the most frequent first; empty where there are too many.
        example: the value of a training row, or None where the model keeps none.
        is_long: whether a text is entered in several lines.
        is_date: whether times are days.
        takes_arrays: whether a cell may also be an array, as nested lists, in place of the content of a file.
        shape: of the arrays of an input, as far as they have one; () for cells of a table.
        columns: of an input that is a table itself.
    """

    name: str
    kind: str
    control: Control
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    example: Any = None
    is_long: bool = False
    is_date: bool = False
    takes_arrays: bool = False
    shape: tuple[int, ...] = ()
    columns: tuple[Field, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether its cells are contents of files."""
        return self.control in ("image", "images", "audio")

    @property
    def takes_lists(self) -> bool:
        """Whether a cell may be a list."""
        return self.control in ("images", "list", "table")

    def state(self) -> dict[str, Any]:
        """The field as JSON values."""
        return {**asdict(self), "choices": list(self.choices)}


@dataclass(frozen=True)
class Target:
    """One target that a model predicts.

    Args:
        head: of the network.
        column: its column.
        name: of the column of predictions.
        labels: its classes; None for numbers.
        is_set: whether a prediction is a set of labels.
    """

    head: str
    column: str
    name: Any
    labels: tuple[Any, ...] | None
    is_set: bool

    @property
    def answer_names(self) -> list[str]:
        """The columns of its predictions and probabilities."""
        return answer_names(self.column, self.labels, is_set=self.is_set)

    def state(self) -> dict[str, Any]:
        """The target as JSON values."""
        labels = None if self.labels is None else list(map(str, self.labels))
        return {"name": str(self.name), "labels": labels, "is_set": self.is_set}


def fields_of(model: Predictor, view: TableView) -> list[Field]:
    """The columns that a model reads, in order."""
    learned = _learned_columns(model.sources)
    return [_field(view.schema[name], learned.get(name)) for name in view.required]


def targets_of(model: Predictor) -> list[Target]:
    """The targets of a model, in order."""
    view = model.answer_view
    targets = []
    for head, column in view.targets.items():
        labels, codec = model.targets[head].labels, model.targets[head]
        decoded = codec.decode(codec.prior[None])
        is_set = labels is not None and (decoded.ndim > 1 or isinstance(decoded[0], list | tuple | set | frozenset))
        targets.append(Target(head, column, view.forms[column].name, None if labels is None else tuple(labels), is_set))
    return targets


def _learned_columns(sources: Sequence[Source]) -> Mapping[str, NumericColumn | CategoricalColumn]:
    columns: dict[str, NumericColumn | CategoricalColumn] = {}
    for source in sources:
        for column in getattr(source.codec, "columns", ()):
            if isinstance(column, NumericColumn | CategoricalColumn):
                columns.setdefault(column.name, column)
    return columns


def _field(guess: ColumnGuess, learned: NumericColumn | CategoricalColumn | None) -> Field:
    control = _control(guess)
    low = high = None
    choices: tuple[Any, ...] = ()
    if control == "number" and isinstance(learned, NumericColumn) and learned.known:
        low, high = learned.range
    if control in ("choice", "boolean") and isinstance(learned, CategoricalColumn):
        choices = learned.categories if len(learned.categories) <= MOST_CHOICES else ()
    example = _example(guess, control)
    texts = [example for example in guess.examples if isinstance(example, str)]
    return Field(
        guess.name,
        guess.kind,
        control,
        _description(guess, control),
        guess.form[7:].strip() if guess.kind == "number" else "",
        low,
        high,
        choices,
        example,
        is_long=control == "text" and (not texts or max(map(len, texts)) > _LONG_TEXT),
        is_date=control == "time" and bool(texts) and all(map(_ISO_DATE.fullmatch, texts)),
    )


def _control(guess: ColumnGuess) -> Control:
    if guess.kind == "image":
        return "images" if guess.form == "several" else "image"
    if kind_named(guess.kind).names_files:
        return "audio"
    if guess.kind == "series" and "#" in guess.form:  # a step of a series in wide form
        return "number"
    return _CONTROLS.get(guess.kind, "text")


def _description(guess: ColumnGuess, control: Control) -> str:
    formats = {
        "image": "The content of an image file in base64.",
        "images": "A list of contents of image files in base64.",
        "audio": "The content of an audio file in base64.",
        "list": "A list.",
        "time": "A date or time, written as in the training table.",
        "boolean": "Yes or no.",
        "text": "A text.",
        "choice": "One of the categories of the training table; others count as unseen.",
        "number": "A number.",
    }
    return f"{formats[control]} Leave it out (null) where it is missing."


def _example(guess: ColumnGuess, control: Control) -> Any:
    """A value of the training table that is kept whole and that its column takes."""
    for text in guess.examples:
        if text.endswith("...") or control in ("image", "images", "audio", "list"):
            continue
        if control == "boolean":
            return parse_boolean(text)
        if control == "number":
            try:
                return float(text) if "." in text or "e" in text.lower() else int(text)
            except ValueError:
                return text
        return text
    return None
