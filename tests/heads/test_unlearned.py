"""Classes that training rows lack: those of validation rows, and those that only rows to be measured have."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from medley.errors import DataError
from medley.heads import ClassificationHead, OrderedHead

WORDS = ["ant", "bee", "cat", "dog", "eel", "fox"]
METRICS = {
    "accuracy": metrics.accuracy_score,
    "f1_macro": lambda true, predicted: metrics.f1_score(true, predicted, average="macro"),
    "balanced_accuracy": lambda true, predicted: metrics.recall_score(
        true, predicted, labels=sorted(set(true)), average="macro", zero_division=0
    ),
}


def logits(codec, rows, seed):
    return np.random.default_rng(seed).normal(size=(rows, len(codec.prior))).astype(np.float32)


def score(metric, raw, target):
    if hasattr(metric, "rows"):
        return metric.rows(torch.from_numpy(raw), torch.from_numpy(target)).mean().item()
    return metric.score(raw, target, None)


@st.composite
def labels(draw, values):
    """Labels of training rows of at least two classes, and of other rows, some of whose classes are new."""
    train = draw(st.lists(st.sampled_from(values), min_size=2, max_size=12).filter(lambda label: len(set(label)) > 1))
    return train, draw(
        st.lists(st.sampled_from(values), min_size=1, max_size=12).filter(lambda label: set(label) & set(train))
    )


@given(labels(WORDS), st.integers(0, 99))
def test_metrics_count_unknown_classes_as_scikit_learn_does(rows, seed):
    train, others = rows
    head = ClassificationHead(metrics=list(METRICS))
    codec = head.codec().fit(train)
    wider = codec.extended(others)
    raw = logits(codec, len(others), seed)
    wide = codec.widened(raw, wider)
    assert wider.decode(wide).tolist() == codec.decode(raw).tolist()
    assert np.allclose(wider.probabilities(wide)[:, codec.classes.positions(wider.classes)], codec.probabilities(raw))
    target = wider.encode(others).array
    assert wider.values(target).tolist() == others
    for name, metric in head.metric_functions(wider).items():
        expected = METRICS[name](others, codec.decode(raw).tolist())
        assert score(metric, wide, target) == pytest.approx(expected, abs=1e-6), name


@given(labels([1, 2, 3, 5, 8]), st.integers(0, 99))
def test_ordered_classes_take_unknown_numbers_in_their_order(rows, seed):
    train, others = rows
    head = OrderedHead(metrics=["accuracy", "quadratic_weighted_kappa"])
    codec = head.codec().fit(train)
    wider = codec.extended(others)
    assert wider.labels == sorted(set(train) | set(others))
    raw = logits(codec, len(others), seed)
    wide = codec.widened(raw, wider)
    assert wider.decode(wide).tolist() == codec.decode(raw).tolist()
    assert np.allclose(wider.probabilities(wide)[:, codec.classes.positions(wider.classes)], codec.probabilities(raw))
    accuracy = head.metric_functions(wider)["accuracy"]
    hits = metrics.accuracy_score(others, codec.decode(raw))
    assert score(accuracy, wide, wider.encode(others).array) == pytest.approx(hits)


def test_an_unknown_word_lies_above_all_ordered_ones():
    codec = OrderedHead(order=["low", "high"]).codec().fit(["low", "high"])
    assert codec.extended(["huge", "low"]).labels == ["low", "high", "huge"]


tag_rows = st.lists(st.lists(st.sampled_from(WORDS), max_size=3, unique=True), min_size=1, max_size=8)


@given(tag_rows.filter(any), tag_rows, st.integers(0, 99))
def test_unknown_tags_are_cells_that_are_missed(train, others, seed):
    head = ClassificationHead(multi_label=True, metrics=["exact_match", "accuracy"])
    codec = head.codec().fit([*train, ["ant", "bee", "cat"], ["ant"]])  # rows of several lengths are no matrix
    wider = codec.extended([*others, ["ant"]])
    raw = logits(codec, len(others), seed)
    wide = codec.widened(raw, wider)
    assert wider.decode(wide).tolist() == codec.decode(raw).tolist()
    target = wider.encode(others)
    exact, cells = (score(metric, wide, target.array) for metric in head.metric_functions(wider).values())
    predicted = codec.decode(raw).tolist()
    assert exact == pytest.approx(np.mean([set(a) == set(b) for a, b in zip(others, predicted, strict=True)]))
    missed = [len(set(a) ^ set(b)) for a, b in zip(others, predicted, strict=True)]
    assert cells == pytest.approx(1 - np.mean(missed) / len(wider.labels), abs=1e-6)
    narrow = codec.narrowed(target, wider)
    learnt = [[tag for tag in row if tag in codec.labels] for row in others]
    assert narrow.array.tolist() == codec.encode(learnt).array.tolist()


@given(labels(WORDS))
def test_admitted_classes_are_classes_that_no_loss_is_measured_on(rows):
    train, others = rows
    codec = ClassificationHead().codec().admit(others).fit(train)
    assert codec.labels == sorted(set(train) | set(others))
    assert np.isfinite(codec.prior).all()
    again = ClassificationHead().codec().restore(codec.state())
    for fitted in (codec, again):
        targets = fitted.loss_targets(fitted.encode(others))
        assert targets.present.tolist() == [label in train for label in others]


def test_one_class_in_training_and_another_in_validation_are_two():
    assert ClassificationHead().codec().admit(["b"]).fit(["a", "a"]).labels == ["a", "b"]
    with pytest.raises(DataError, match="at least 2 classes, but got 1"):
        ClassificationHead().codec().admit(["a"]).fit(["a", "a"])
    with pytest.raises(DataError, match=r"order .* does not contain 'huge'"):
        OrderedHead(order=["low", "high"]).codec().admit(["huge"]).fit(["low", "high"])


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 2)), min_size=2, max_size=20))
def test_a_class_of_one_fold_is_not_measured_where_that_fold_is_left_out(rows):
    words, folds = [word for word, _ in rows], np.array([fold for _, fold in rows])
    if len(set(words)) < 2:
        return
    codec = ClassificationHead().codec().fit(words)
    targets = codec.loss_targets(codec.encode(words), folds)
    elsewhere = [any(w == word and f != fold for w, f in rows) for word, fold in rows]
    assert targets.present.tolist() == elsewhere


def test_a_tag_that_no_training_row_has_is_left_out_of_the_loss_of_its_row():
    codec = ClassificationHead(multi_label=True).codec().admit([["c"]]).fit([["a"], ["a", "b"]])
    targets = codec.loss_targets(codec.encode([["a", "c"], ["b"]]))
    assert targets.array.tolist() == [[1, 0, -1], [0, 1, 0]]
    assert targets.present.all()


def test_labels_of_another_type_are_an_error_unless_some_are_known():
    codec = ClassificationHead().codec().fit([0, 1, 2])
    with pytest.raises(DataError, match="The label '0' is text, but the training labels are a number: 0, 1, 2"):
        codec.extended(["0", "1"])
    assert codec.extended(np.array([2, "x"], dtype=object)).labels == [0, 1, 2, "x"]


@pytest.mark.parametrize(
    ("train", "others", "labels", "dtype"),
    [
        (np.array([1, 2]), [1, 3], [1, 2, 3], "int64"),
        (np.array([1, 2]), np.array([np.nan, 3.0, 1.0]), [1, 2, 3], "int64"),
        (np.array([1.5, 2]), [3, 2], [1.5, 2, 3], "float64"),
        (["a", "b"], np.array(["a", "c", None], dtype=object), ["a", "b", "c"], "<U1"),
        ([True, False], [2, 1], [False, True, 2], "object"),
    ],
)
def test_predictions_keep_the_type_of_the_training_labels(train, others, labels, dtype):
    codec = ClassificationHead().codec().admit(others).fit(train)
    assert codec.labels == labels
    assert str(codec.classes.array.dtype) == dtype


def test_an_unknown_tag_is_reported_with_its_row():
    codec = ClassificationHead(multi_label=True).codec().fit([["a"], ["a", "b"]])
    with pytest.raises(DataError, match="label 'z' in row 2 was not"):
        codec.encode([["a", "b"], ["b"], ["z"]])
