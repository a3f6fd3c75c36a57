"""Data sets of torch, pairs of arrays, and what they are separated into."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from medley.data.datasets import LabelledDataset, rows_and_labels, rows_only
from medley.errors import DataError

X, Z, Y = torch.arange(12.0).reshape(6, 2), torch.arange(6.0), torch.tensor([0, 1, 0, 1, 0, 1])


class Items(Dataset):
    """Items of any kind, by position."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


PAIRS = {
    "tensors": TensorDataset(X, Y),
    "loader": DataLoader(TensorDataset(X, Y), batch_size=4),
    "items": Items(list(zip(X, Y.tolist(), strict=True))),
    "loader of items": DataLoader(Items(list(zip(X, Y, strict=True))), batch_size=4),
    "loader of single items": DataLoader(Items(list(zip(X, Y, strict=True))), batch_size=None),
    "stream": Stream(),
    "names": Items([{"size": x, "kind": y} for x, y in zip(X, Y, strict=True)]),
    "loader of names": DataLoader(Items([{"size": x, "kind": y} for x, y in zip(X, Y, strict=True)]), batch_size=4),
    "pair": LabelledDataset(X.numpy(), Y.numpy()),
    "tuple": (X.numpy(), Y.numpy()),
}


@pytest.mark.parametrize("name", PAIRS)
def test_rows_and_labels_of_one_input_and_head(name):
    x, y, weight = rows_and_labels(PAIRS[name], None, None, ["size"], ["kind"])
    x = x["size"] if isinstance(x, dict) else x
    y = y["kind"] if isinstance(y, dict) else y
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    assert weight is None
    if name != "tuple":
        rows = rows_only(PAIRS[name], ["size"], ["kind"])
        assert np.array_equal(rows["size"] if isinstance(rows, dict) else rows, X)


@pytest.mark.parametrize(
    "dataset",
    [
        TensorDataset(X, Z, Y),
        DataLoader(TensorDataset(X, Z, Y), batch_size=4),
        Items([((x, z), y) for x, z, y in zip(X, Z, Y, strict=True)]),
        DataLoader(Items([((x, z), y) for x, z, y in zip(X, Z, Y, strict=True)]), batch_size=4),
    ],
)
def test_several_inputs(dataset):
    x, y, _ = rows_and_labels(dataset, None, None, ["size", "age"], ["kind"])
    assert np.array_equal(x[0], X)
    assert np.array_equal(x[1], Z)
    assert np.array_equal(y, Y)
    assert np.array_equal(rows_only(dataset, ["size", "age"], ["kind"])[1], Z)


def test_weights_texts_and_rows_of_different_shapes():
    x, _, weight = rows_and_labels(TensorDataset(X, Y, Z), None, None, ["size"], ["kind"])
    assert np.array_equal(weight, Z)
    loader = DataLoader(Items([("a", 0), ("b", 1), ("c", 0)]), batch_size=2)
    assert rows_and_labels(loader, None, None, ["note"], ["kind"])[0] == ["a", "b", "c"]
    images = Items([(torch.zeros(3, 4 + row, 5), row) for row in range(3)])
    x, y, _ = rows_and_labels(images, None, None, ["photo"], ["kind"])
    assert [image.shape for image in x] == [(3, 4, 5), (3, 5, 5), (3, 6, 5)]
    assert y.tolist() == [0, 1, 2]


def test_rows_alone_are_left_as_they_are():
    assert rows_only(TensorDataset(X), ["size"], ["kind"]).shape == (6, 2)
    assert rows_only([1, 2], ["size"], ["kind"]) == [1, 2]
    assert rows_and_labels([1, 2], [0, 1], None, ["size"], ["kind"]) == ([1, 2], [0, 1], None)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (TensorDataset(X, X, X, Y), "have 4 parts, for 1 inputs and 1 heads"),
        (Items([]), "holds no rows"),
        (Items([{"size": 1.0}]), "The items of the data set lack 'kind'; they have 'size'"),
    ],
)
def test_data_sets_that_do_not_fit_are_errors(dataset, message):
    with pytest.raises(DataError, match=message):
        rows_and_labels(dataset, None, None, ["size"], ["kind"])
