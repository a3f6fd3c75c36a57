"""Why a request is refused: a status, a sentence and, for cells, the row and column of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CellError:
    """What is wrong with a cell, or with a whole column.

    Args:
        row: from 0; None for a column.
        column: its name.
        message: the rule, the value that came and the way out.
    """

    row: int | None
    column: str
    message: str


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: the status of HTTP.
        message: one sentence.
        cells: the cells at fault.
        retry_after: seconds after which the client may try again.
    """

    def __init__(
        self, status: int, message: str, cells: Sequence[CellError] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.cells = tuple(cells)
        self.retry_after = retry_after

    def content(self) -> dict[str, Any]:
        """The refusal as JSON: `error` is a sentence, `errors` lists cells."""
        return {"error": self.message, "errors": [asdict(cell) for cell in self.cells]}


def refuse_cells(cells: Sequence[CellError]) -> None:
    """Raises a `Refusal` if there are any errors of cells."""
    if not cells:
        return
    places = "1 cell" if len(cells) == 1 else f"{len(cells):,} cells"
    raise Refusal(422, f"{places} cannot be used.", cells)
