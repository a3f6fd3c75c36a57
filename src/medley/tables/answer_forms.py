"""The form in which predictions of a target come back: the name, type and unit that the target was given in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.garbage import uncollected
from medley.core.imported import imported_object
from medley.core.rules import Choice, Either, Fields, Flag, Items, Real, Text, Whole
from medley.errors import ConfigError, ErrorCollector

if TYPE_CHECKING:
    import pandas as pd

    from medley.core.column import ColumnGuess


@dataclass(frozen=True)
class AnswerForm:
    """How the predictions of a target are returned.

    Args:
        name: of the column, as it was given: text, a number or a boolean.
        kind: "plain", "duration", "categorical" or "enum".
        categories: of a categorical column, in order.
        ordered: whether a categorical column has an order.
        enum: module and name of a class of members.

    >>> AnswerForm("took", "duration").restore(np.array([1.5]))[0]
    Timedelta('1 days 12:00:00')
    """

    name: str | int | float
    kind: str = "plain"
    categories: tuple[Any, ...] = ()
    ordered: bool = False
    enum: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, column: pd.Series, guess: ColumnGuess) -> Self:
        """The form of a target's column.

        Args:
            column: labels of the training rows, as they were given.
            guess: what its cells hold.
        """
        name = str(column.name)
        if guess.kind == "number":
            return cls(name, "duration" if guess.form == "duration" else "plain")
        dtype: Any = column.dtype
        if str(dtype) == "category":
            categories = dtype.categories.tolist()
            if all(isinstance(value, str | int | float) and not isinstance(value, Enum) for value in categories):
                return cls(name, "categorical", tuple(categories), bool(dtype.ordered))
        if guess.kind in ("category", "boolean") and str(dtype) in ("object", "category"):
            kinds = set(map(type, column.dropna()))
            if len(kinds) == 1 and issubclass(kind := kinds.pop(), Enum):
                return cls(name, "enum", enum=(kind.__module__, kind.__qualname__))
        return cls(name)

    def restore(self, values: np.ndarray) -> Any:
        """Predictions (B,) in the form; those that have none there stay as they are.

        Members of an enum come back where its class is imported: reading a saved model imports nothing.
        """
        if self.kind == "duration":
            import pandas as pd

            return pd.to_timedelta(values, unit="D", errors="coerce")  # NaT where pandas holds no such duration
        if self.kind == "categorical":
            categories = {str(category): category for category in self.categories}
            restored = [categories.get(str(value), value) for value in values.tolist()]
            if set(map(str, values.tolist())) <= set(categories):
                import pandas as pd

                return pd.Categorical(restored, categories=list(self.categories), ordered=self.ordered)
        if self.kind == "enum":
            members = {str(member).strip(): member for member in _members(*self.enum)}
            restored = np.empty(len(values), object)
            restored[:] = [members.get(str(value), value) for value in values.tolist()]
            return restored
        return values

    def state(self) -> dict[str, Any]:
        """The form as JSON values."""
        return {**asdict(self), "categories": list(self.categories), "enum": list(self.enum)}


def _form(categories: list[Any], enum: list[str], **fields: Any) -> AnswerForm:
    return AnswerForm(**fields, categories=tuple(categories), enum=(enum[0], enum[1]))


_PLAIN = Either(Text(), Flag(), Whole(-(10**300), 10**300), Real())
FORM_RULE = Fields(
    {
        "name": _PLAIN,
        "kind": Choice("plain", "duration", "categorical", "enum"),
        "categories": Items(_PLAIN, is_unique=True),
        "ordered": Flag(),
        "enum": Items(Text(), 2),
    },
    make=_form,
)
"""The saved state of a form, as `state` returns it; reads a form."""


def _members(module: str, name: str) -> Iterable[Enum]:
    kind = imported_object(module, name)
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else ()


def with_given_names(forms: Mapping[str, AnswerForm], table: Any) -> dict[str, AnswerForm]:
    """Forms with the names that a table in memory gives its columns; tables in files have texts.

    Args:
        forms: column, as text -> its form.
        table: as the caller passed it.

    >>> with_given_names({"7": AnswerForm("7")}, {7: [1, 2]})["7"].name
    7
    """
    columns = table if isinstance(table, Mapping) else table.columns if hasattr(table, "iloc") else ()
    if isinstance(table, list | tuple) and table and isinstance(table[0], Mapping):
        columns = table[0]
    names = {str(name): name.item() if isinstance(name, np.generic) else name for name in columns}
    plain = {text: name for text, name in names.items() if isinstance(name, int | float)}
    return {column: replace(form, name=plain.get(column, form.name)) for column, form in forms.items()}


def answer_names(column: str, labels: Sequence[Any] | None, *, is_set: bool = False) -> list[str]:
    """The names of all columns that a target's predictions and probabilities may have.

    >>> answer_names("breed", ["pug", "collie"]), answer_names("price", None)
    (['breed', 'breed_probability', 'breed_pug', 'breed_collie'], ['price'])
    """
    if labels is None:
        return [column]
    return [column, *([] if is_set else [f"{column}_probability"]), *(f"{column}_{label}" for label in labels)]


def check_answer_names(
    targets: Mapping[str, Sequence[Any] | None], sets: Iterable[str], errors: ErrorCollector
) -> None:
    """Adds an error for each name that two columns of predictions or probabilities would have.

    Args:
        targets: column -> its classes; None for numbers.
        sets: the columns that hold sets of labels.
        errors: collects them.
    """
    several = set(sets)
    names = {column: answer_names(column, labels, is_set=column in several) for column, labels in targets.items()}
    counts = Counter(name for group in names.values() for name in group)
    for name, count in counts.items():
        if count > 1:
            owners = " and ".join(repr(column) for column, group in names.items() if name in group)
            errors.add(
                f"Two columns of predictions would be called {name!r}, of the target{'s' if ' and ' in owners else ''} "
                f"{owners}: a target gives NAME, NAME_probability and NAME_CLASS. Rename a column or a class."
            )


def checked_frame(columns: Sequence[tuple[Any, Any]], index: Any) -> pd.DataFrame:
    """A frame of columns with their names, which must differ.

    Raises:
        ConfigError: two columns have the same name.
    """
    with uncollected():
        import pandas as pd

    repeated = [name for name, count in Counter(name for name, _ in columns).items() if count > 1]
    if repeated:
        names = ", ".join(map(repr, repeated))
        raise ConfigError(f"Two columns of predictions would be called {names}: rename a target or a class.")
    return pd.DataFrame(dict(columns), index=index)
