"""Attributions: how much each column of a row, each word and each pixel added to a prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from medley.core.registry import operation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class WordAmount:
    """One or several neighbouring words of a text, with what they added to a prediction."""

    text: str
    amount: float


@dataclass(frozen=True, eq=False)
class Part:
    """What one column of a row added to a prediction.

    Args:
        column: its name; that of the input, if this has no columns.
        kind: of its cells.
        cell: the row's cell as text; empty where it is no text, number or category.
        amount: in the unit of the prediction.
        error: standard error of `amount` over the sampled orders.
        words: of a text, in order; what they leave of `amount` is that there is a text at all.
        heat: of an image (H, W), of several (S, H, W), of a recording or series (T,) or (T, D): what each pixel or step
            added; what this leaves of `amount` cannot be located.
        shown: the image that the network reads, (H, W, 3) uint8 or (S, H, W, 3), for `heat`.
    """

    column: str
    kind: str
    cell: str
    amount: float
    error: float
    words: tuple[WordAmount, ...] = ()
    heat: np.ndarray | None = None
    shown: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each column of a row added to one prediction, compared with other rows.

    Args:
        row: position of the row.
        target: head whose output is explained.
        label: class whose probability is explained; None for numbers.
        output: the prediction for the row: a probability, or a number in the unit of the target.
        reference: the mean prediction for the rows that it is compared with.
        parts: one per column, in the order of the model's columns; their amounts sum to `output - reference`.
    """

    row: int
    target: str
    label: Any
    output: float
    reference: float
    parts: tuple[Part, ...]

    @property
    def gap(self) -> float:
        """What the amounts do not account for: zero up to rounding."""
        return self.output - self.reference - sum(part.amount for part in self.parts)

    @property
    def ranked(self) -> list[Part]:
        """The parts, the largest amount first, whatever its sign."""
        return sorted(self.parts, key=lambda part: -abs(part.amount))

    @property
    def frame(self) -> pd.DataFrame:
        """A row per part: `row`, `target`, `label`, `column`, `kind`, `cell`, `amount`, `error`."""
        import pandas as pd

        names = ("column", "kind", "cell", "amount", "error")
        rows = [
            {"row": self.row, "target": self.target, "label": self.label}
            | {name: getattr(part, name) for name in names}
            for part in self.parts
        ]
        return pd.DataFrame(rows, columns=["row", "target", "label", *names])

    def plot(self, top: int = 15) -> Figure:
        """Bars of the columns, the largest first. Needs `medley[plot]`.

        Args:
            top: number of columns.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        return operation("report.attribution_plot")(self, top)

    def _repr_html_(self) -> str:
        return operation("report.attribution_html")(self)


@dataclass(frozen=True)
class Attributions(Sequence[Attribution]):
    """Attributions of several rows and targets, in the order of the rows.

    Args:
        items: one per row and target.
    """

    items: tuple[Attribution, ...]

    @overload
    def __getitem__(self, index: int) -> Attribution: ...
    @overload
    def __getitem__(self, index: slice) -> Attributions: ...
    def __getitem__(self, index: int | slice) -> Attribution | Attributions:
        return Attributions(self.items[index]) if isinstance(index, slice) else self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Attribution]:
        return iter(self.items)

    @property
    def frame(self) -> pd.DataFrame:
        """The frames of all items, one below the other."""
        import pandas as pd

        return pd.concat([item.frame for item in self.items], ignore_index=True)

    def _repr_html_(self) -> str:
        return "<hr>".join(item._repr_html_() for item in self.items)
