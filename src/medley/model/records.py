"""The scores of a training: one record per epoch, and Keras's view of a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medley.core.registry import operation


@dataclass(frozen=True)
class Record:
    """The scores of one epoch.

    Args:
        epoch: from 0.
        seconds: wall time of the epoch, validation included.
        learning_rate: of its last step.
        train: name -> value over the training rows as they were seen; Keras's names (`loss`, `<head>_loss`, ...).
        val: the same names over the validation rows, and `relative_loss`: the mean over heads of loss divided by the
            loss of the best constant prediction (1.0 = learnt nothing).
    """

    epoch: int
    seconds: float
    learning_rate: float
    train: dict[str, float] = field(default_factory=dict)
    val: dict[str, float] = field(default_factory=dict)

    def flat(self) -> dict[str, float]:
        """All values in one dict; the names of validation scores begin with `val_`.

        >>> Record(0, 1.0, 0.1, {"loss": 2.0}, {"loss": 3.0}).flat()
        {'loss': 2.0, 'val_loss': 3.0}
        """
        return {**self.train, **{f"val_{name}": value for name, value in self.val.items()}}

    def to_json(self) -> dict[str, Any]:
        """The record as JSON."""
        return asdict(self)


class History:
    """The records of one training, readable as Keras's `History`.

    >>> History([Record(0, 1.0, 0.1, {"loss": 2.0}), Record(1, 1.0, 0.1, {"loss": 1.0})]).history
    {'loss': [2.0, 1.0]}
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)

    @property
    def epoch(self) -> list[int]:
        """The numbers of the epochs."""
        return [record.epoch for record in self.records]

    @property
    def history(self) -> dict[str, list[float]]:
        """Name -> one value per epoch; NaN where an epoch has none."""
        flats = [record.flat() for record in self.records]
        names = list(dict.fromkeys(name for flat in flats for name in flat))
        return {name: [flat.get(name, float("nan")) for flat in flats] for name in names}

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)

    def __repr__(self) -> str:
        return f"History(epochs={len(self.records)}, names={list(self.history)})"
