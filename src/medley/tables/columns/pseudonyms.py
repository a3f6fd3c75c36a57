"""Private columns: every word of their cells is replaced by a code before anything else sees it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from medley.tables.reading.read import Table

_WORD = re.compile(r"\w+")
_PSEUDONYM = re.compile(r"x[0-9a-f]{12}")


@lru_cache(100_000)
def pseudonym(word: str) -> str:
    """The code of a word: the same one in every table and on every machine.

    A code hides a word from readers, not from those who try a list of words.

    >>> pseudonym("Anna") == pseudonym("Anna"), pseudonym(pseudonym("Anna")) == pseudonym("Anna"), len(pseudonym("Bo"))
    (True, True, 13)
    """
    if _PSEUDONYM.fullmatch(word):  # a table that was read before
        return word
    return f"x{blake2b(word.encode('utf-8', 'surrogatepass'), digest_size=6, person=b'medley private').hexdigest()}"


def pseudonymized(table: Table, columns: Collection[str]) -> Table:
    """A table in which the words of some columns are replaced by codes; missing cells stay missing.

    Args:
        table: rows.
        columns: names of private columns; those that the table lacks are ignored.

    >>> from medley.tables.reading.read import read
    >>> frame = pseudonymized(read({"name": ["Anna Lee", None], "age": [3, 4]}), ["name"]).frame
    >>> frame["name"][0] == f"{pseudonym('Anna')} {pseudonym('Lee')}", frame["name"][1] is None
    (True, True)
    """
    import pandas as pd

    private = [name for name in columns if name in table.frame.columns]
    if not private:
        return table
    frame = table.frame.copy(deep=False)
    for name in private:
        hidden = [_hidden(cell) for cell in frame[name].tolist()]
        frame[name] = pd.Series(hidden, index=frame.index, dtype=object)
    return replace(table, frame=frame)


def _hidden(cell: Any) -> Any:
    if cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(cell, np.ndarray | np.generic):
        return _hidden(cell.tolist())
    if isinstance(cell, list | tuple | set | frozenset):
        return [_hidden(item) for item in cell]
    is_whole = isinstance(cell, float) and cell.is_integer()
    return _WORD.sub(lambda match: pseudonym(match[0]), str(int(cell) if is_whole else cell))
