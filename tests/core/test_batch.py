"""Rows as tensors: batches have the values and masks of their rows."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medley.core.batch import Rows
from medley.core.codec import Encoded

SIZE = 7


def rows(present, observed=None, weight=None):
    size = len(present)
    numbers = np.arange(size * 2, dtype="float32").reshape(size, 2)
    targets = {} if observed is None else {"y": Encoded(np.arange(size, dtype="float32")[:, None], observed)}
    numbers_b = Encoded(np.arange(size, dtype=np.int32), np.ones(size, bool))
    return Rows({"a": Encoded(numbers, present), "b": numbers_b}, targets, weight)


masks = hnp.arrays(bool, SIZE)


@given(present=masks, observed=masks, index=st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=12))
def test_taken_rows_carry_their_values_masks_labels_and_weights(present, observed, index):
    weight = np.linspace(0.1, 1, SIZE)
    whole = rows(present, observed, weight)
    batch = whole.take(torch.tensor(index))
    assert batch.size == len(index)
    assert batch.inputs["a"][:, 0].tolist() == [2.0 * i for i in index]
    assert batch.inputs["b"].tolist() == index
    assert batch.targets["y"][:, 0].tolist() == index
    assert batch.weights["y"].tolist() == torch.tensor(weight[index], dtype=torch.float32).tolist()
    mask = batch.present["a"]
    assert (np.ones(len(index), bool) if mask is None else mask).tolist() == present[index].tolist()
    mask = batch.observed["y"]
    assert (torch.ones(len(index), dtype=torch.bool) if mask is None else mask).tolist() == observed[index].tolist()


@given(present=masks, start=st.integers(0, SIZE - 1), length=st.integers(1, SIZE + 3))
def test_a_slice_equals_the_rows_taken_by_index(present, start, length):
    whole = rows(present, present)
    sliced, taken = whole.slice(start, start + length), whole.take(torch.arange(start, min(start + length, SIZE)))
    assert sliced.size == taken.size
    for name in whole.inputs:
        assert torch.equal(sliced.inputs[name], taken.inputs[name])
        positions, wanted = (batch.rows(frozenset({name})) for batch in (sliced, taken))
        assert (positions is None) == (wanted is None)
        assert positions is None or torch.equal(positions, wanted)


@given(a=masks, b=masks)
def test_rows_of_several_sources_are_those_where_any_is_present(a, b):
    x = np.zeros((SIZE, 1), "float32")
    batch = Rows({"a": Encoded(x, a), "b": Encoded(x, b)}).slice(0, SIZE)
    positions = batch.rows(frozenset({"a", "b"}))
    wanted = np.flatnonzero(a | b).tolist()
    assert (list(range(SIZE)) if positions is None else positions.tolist()) == wanted
    assert (positions is None) == (len(wanted) == SIZE)


def test_a_batch_without_absent_rows_has_no_mask():
    whole = rows(np.array([True, True, False, True]))
    assert whole.take(torch.tensor([0, 1])).present["a"] is None
    assert whole.take(torch.tensor([0, 2])).rows(frozenset({"a"})).tolist() == [0]


def test_arrays_from_read_only_memory_are_copied_and_strided_ones_are_taken():
    array = np.arange(12, dtype="float32").reshape(4, 3)[:, ::-1]
    array.flags.writeable = False
    writable = Rows({"x": Encoded(array, np.ones(4, bool))})
    assert writable.inputs["x"].tolist() == array.tolist()
    writable.inputs["x"][0, 0] = -1
    assert array[0, 0] == 2


def test_weights_become_single_precision():
    assert (
        rows(np.ones(3, bool), np.ones(3, bool), weight=np.array([1.0, 2.0, 3.0])).weights["y"].dtype == torch.float32
    )


@given(
    first=st.tuples(masks, masks),
    second=st.tuples(masks, masks),
    index=st.lists(st.integers(0, 2 * SIZE - 1), min_size=1, max_size=12),
    weighted=st.sampled_from(["", "first", "second", "both"]),
)
def test_joined_rows_are_those_of_one_then_those_of_the_other(first, second, index, weighted):
    weights = {part: np.linspace(0.1, 1, SIZE) if weighted in (part, "both") else None for part in ("first", "second")}
    parts = [rows(*first, weights["first"]), rows(*second, weights["second"])]
    batch = parts[0].joined(parts[1]).take(torch.tensor(index))
    for place, number in enumerate(index):
        part, row = parts[number // SIZE], number % SIZE
        expected = part.take(torch.tensor([row]))
        assert torch.equal(batch.inputs["a"][place], expected.inputs["a"][0])
        assert torch.equal(batch.targets["y"][place], expected.targets["y"][0])
        assert (batch.present["a"] is None or batch.present["a"][place]) == (expected.present["a"] is None)
        assert (batch.observed["y"] is None or batch.observed["y"][place]) == bool(
            expected.observed["y"] is None or expected.observed["y"][0]
        )
        if weighted:
            one = expected.weights["y"][0] if "y" in expected.weights else 1.0
            assert float(batch.weights["y"][place]) == float(one)
    assert batch.size == len(index)
    assert batch.folds is None
