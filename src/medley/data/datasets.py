"""Data sets that hold rows and labels together: pairs of arrays, and data sets and loaders of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from medley.errors import DataError


class _Pair(NamedTuple):
    x: Any
    y: Any


class LabelledDataset(_Pair):
    """Rows of one input and their labels, which can be handed whole to `fit` and `evaluate`.

    Args:
        x: rows (B, ...).
        y: labels (B,).

    >>> x, y = LabelledDataset([1, 2], ["a", "b"])
    >>> y
    ['a', 'b']
    """

    column: ClassVar[str] = "x"
    """The name of the rows' column where a table is made of them; that of the labels is `label`."""


def is_dataset(values: Any) -> bool:
    """Whether rows come as a data set: with their labels, or one or a loader of torch.

    >>> is_dataset(LabelledDataset([1], [2])), is_dataset([1, 2])
    (True, False)
    """
    return isinstance(values, LabelledDataset) or _is_torch(values)


def rows_and_labels(
    x: Any, y: Any, sample_weight: Any, inputs: Sequence[str], heads: Sequence[str]
) -> tuple[Any, Any, Any]:
    """What `fit` and `evaluate` are given, as separate rows, labels and weights.

    Args:
        x: rows; or a data set or a tuple of rows and labels (and weights), if `y` is None.
        y: labels, or None.
        sample_weight: weights, or None.
        inputs: names of the inputs.
        heads: names of the heads.

    Raises:
        DataError: what the items of a data set hold cannot be matched to inputs and heads.

    >>> rows_and_labels(([1, 2], ["a", "b"]), None, None, ["size"], ["kind"])
    ([1, 2], ['a', 'b'], None)
    """
    if y is not None:
        return (rows_only(x, inputs, heads) if _is_torch(x) else x), y, sample_weight
    parts = _columns(x) if _is_torch(x) else x
    if isinstance(parts, Mapping) and _is_torch(x):
        _check_names(parts, [*inputs, *heads])
        return {name: parts[name] for name in inputs}, {name: parts[name] for name in heads}, sample_weight
    if not isinstance(parts, tuple):
        return x, y, sample_weight
    is_flat = len(parts) > 2 and not any(isinstance(part, tuple | dict) for part in parts)
    if is_flat and len(parts) == len(inputs) + len(heads):
        return _one_or_list(parts[: len(inputs)]), _one_or_list(parts[len(inputs) :]), sample_weight
    parts = list(parts)
    if len(parts) in (2, 3):
        items: list[Any] = list(parts)
        return _as_list(items[0]), _as_list(items[1]), items[2] if len(items) == 3 else sample_weight
    if not _is_torch(x):
        return x, y, sample_weight
    raise DataError(
        f"The items of the data set have {len(parts)} parts, for {len(inputs)} inputs and {len(heads)} heads: "
        "let each be a tuple (x, y), where x and y are tuples if there are several inputs or heads, or a dict by name."
    )


def rows_only(x: Any, inputs: Sequence[str], heads: Sequence[str]) -> Any:
    """What `predict` is given, without the labels of a data set; anything else is returned as it is.

    >>> rows_only(LabelledDataset([1, 2], ["a", "b"]), ["size"], ["kind"])
    [1, 2]
    """
    if isinstance(x, LabelledDataset):
        return x.x
    if not _is_torch(x):
        return x
    parts = _columns(x)
    if isinstance(parts, Mapping):
        _check_names(parts, inputs)
        return {name: parts[name] for name in inputs}
    if not isinstance(parts, tuple):
        return parts
    is_flat = not any(isinstance(part, tuple | dict) for part in parts)
    if is_flat and len(parts) in (len(inputs), len(inputs) + len(heads)):
        return _one_or_list(parts[: len(inputs)])
    return _as_list(parts[0])


def _is_torch(values: Any) -> bool:
    """Whether an object is a data set or a loader of torch; torch is not imported here."""
    return any(base.__module__.startswith("torch.utils.data") for base in type(values).__mro__)


def _columns(dataset: Any) -> Any:
    """All items of a data set or loader of torch, with one array or list in place of each of their parts."""
    tensors = getattr(dataset, "tensors", None)
    if isinstance(tensors, tuple):
        return tuple(tensor.detach().cpu().numpy() for tensor in tensors)
    is_loader = hasattr(dataset, "dataset") and hasattr(dataset, "collate_fn")
    if is_loader:
        is_batched = dataset.batch_size is not None or dataset.batch_sampler is not None
        items, join = list(dataset), _joined if is_batched else _stacked
    elif hasattr(dataset, "__len__"):
        items, join = [dataset[position] for position in range(len(dataset))], _stacked
    else:
        items, join = list(dataset), _stacked
    if not items:
        raise DataError("The data set holds no rows.")
    return _by_part(items, join)


def _by_part(items: list[Any], join: Any) -> Any:
    first = items[0]
    if isinstance(first, Mapping):
        return {key: _by_part([item[key] for item in items], join) for key in first}
    # A list of strings is a batch of texts, not several parts.
    if isinstance(first, list | tuple) and not all(isinstance(part, str) for part in first):
        return tuple(_by_part([item[place] for item in items], join) for place in range(len(first)))
    return join(items)


def _joined(batches: list[Any]) -> Any:
    """Batches of rows one after the other."""
    arrays = [_as_array(batch) for batch in batches]
    if all(isinstance(array, np.ndarray) for array in arrays) and len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    return [row for array in arrays for row in array]


def _stacked(rows: list[Any]) -> Any:
    """Rows as one array if they are of one shape, else as a list."""
    arrays = [_as_array(row) for row in rows]
    has_shape = all(hasattr(array, "shape") for array in arrays)
    if has_shape and len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    is_number = all(isinstance(row, int | float) for row in arrays)
    return np.array(arrays) if is_number else arrays


def _as_array(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _as_list(part: Any) -> Any:
    return list(part) if isinstance(part, tuple) else part


def _one_or_list(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else list(parts)


def _check_names(parts: Mapping[str, Any], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in parts]
    if missing:
        raise DataError(
            f"The items of the data set lack {', '.join(map(repr, missing))}; they have {', '.join(map(repr, parts))}."
        )
