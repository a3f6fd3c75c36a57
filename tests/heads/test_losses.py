"""Losses by name compared with torch and formulas, class weights, custom losses, best constants."""

from math import cosh, log

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medley.errors import ConfigError
from medley.heads import ClassificationHead, RegressionHead
from medley.heads.masked import task_loss
from medley.heads.priors import best_number, best_probabilities


def setup(head, labels):
    codec = head.codec().fit(labels)
    target = torch.from_numpy(codec.encode(labels).array)
    return codec, head.loss_function(codec), target, torch.randn(len(labels), len(codec.prior))


@pytest.mark.parametrize("loss", [None, "crossentropy", "categorical_crossentropy", "binary_crossentropy"])
def test_two_classes(loss):
    labels = ["no", "yes", "yes"]
    _, losses, target, raw = setup(ClassificationHead(loss=loss), labels)
    expected = F.binary_cross_entropy_with_logits(raw[:, 0], torch.tensor([0.0, 1, 1]), reduction="none")
    torch.testing.assert_close(losses(raw, target), expected)
    # The same loss as a softmax of two logits, one of which is 0.
    pair = torch.stack([torch.zeros(3), raw[:, 0]], dim=1)
    torch.testing.assert_close(expected, F.cross_entropy(pair, torch.tensor([0, 1, 1]), reduction="none"))


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy", "SparseCategoricalCrossentropy"])
def test_several_classes(loss):
    _, losses, target, raw = setup(ClassificationHead(loss=loss), [2, 0, 1, 1])
    expected = F.cross_entropy(raw, torch.tensor([2, 0, 1, 1]), reduction="none")
    torch.testing.assert_close(losses(raw, target), expected)


def test_label_sets():
    labels = np.array([[1, 0, 1], [0, 0, 0]])
    _, losses, target, raw = setup(ClassificationHead(multi_label=True), labels)
    expected = F.binary_cross_entropy_with_logits(raw, torch.tensor(labels).float(), reduction="none").mean(1)
    torch.testing.assert_close(losses(raw, target), expected)


def test_focal_matches_its_formula():
    _, losses, target, raw = setup(ClassificationHead(loss="focal"), [2, 0, 1, 1])
    right = raw.softmax(1)[range(4), [2, 0, 1, 1]]
    torch.testing.assert_close(losses(raw, target), -((1 - right) ** 2) * right.log())
    _, losses, target, raw = setup(ClassificationHead(loss="binary_focal_crossentropy"), [0, 1])
    right = torch.stack([1 - raw[0, 0].sigmoid(), raw[1, 0].sigmoid()])
    torch.testing.assert_close(losses(raw, target), -((1 - right) ** 2) * right.log())


@pytest.mark.parametrize(
    ("loss", "by_hand"),
    [
        ("mean_squared_error", lambda e: e**2),
        ("mse", lambda e: e**2),
        ("MeanAbsoluteError", abs),
        ("mae", abs),
        ("huber", lambda e: e**2 / 2 if abs(e) <= 1 else abs(e) - 0.5),
        ("log_cosh", lambda e: log(cosh(e))),
    ],
)
def test_losses_of_numbers(loss, by_hand):
    _, losses, target, _ = setup(RegressionHead(loss=loss), [0.0, 2.0, 2.0, 0.0])
    assert target[:, 0].tolist() == [-1, 1, 1, -1]
    raw = torch.tensor([[-1.5], [4.0], [1.0], [-1.25]])
    expected = [by_hand(e) for e in (-0.5, 3.0, 0.0, -0.25)]
    torch.testing.assert_close(losses(raw, target), torch.tensor(expected))


def test_log_cosh_does_not_overflow():
    _, losses, target, _ = setup(RegressionHead(loss="log_cosh"), [0.0, 2.0])
    raw = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    values = losses(raw, target)
    values.sum().backward()
    torch.testing.assert_close(values, torch.tensor([1e4 + 1, 1e4 + 1]) - log(2))
    assert raw.grad.tolist() == [[1.0], [-1.0]]


def test_several_numbers_are_a_mean_over_the_observed_columns():
    _, losses, target, _ = setup(RegressionHead(), [[0.0, 0.0], [2.0, np.nan], [2.0, 2.0]])
    raw = target[:, :2] + torch.tensor([[1.0, 3.0], [2.0, 9.0], [0.0, 1.0]])
    torch.testing.assert_close(losses(raw, target), torch.tensor([5.0, 4.0, 0.5]))


def test_class_weights_by_hand():
    weights = {"a": 1.0, "b": 4.0, "c": 0.5}
    labels = ["a", "b", "c", "b"]
    codec, losses, target, raw = setup(ClassificationHead(class_weight=weights), labels)
    plain = ClassificationHead().loss_function(codec.__class__().fit(labels))(raw, target)
    by_hand = sum(weights[label] * loss.item() for label, loss in zip(labels, plain, strict=True)) / 4
    assert task_loss(losses, raw, target).item() == pytest.approx(by_hand, rel=1e-5)

    labels = [0, 1, 1, 0]
    codec, losses, target, raw = setup(ClassificationHead(class_weight={0: 3.0, 1: 0.5}), labels)
    plain = ClassificationHead().loss_function(codec.__class__().fit(labels))(raw, target)
    torch.testing.assert_close(losses(raw, target), plain * torch.tensor([3.0, 0.5, 0.5, 3.0]))

    labels = np.array([[1, 0], [0, 1]])
    _, losses, target, raw = setup(ClassificationHead(multi_label=True, class_weight={0: 3.0, 1: 0.5}), labels)
    cells = F.binary_cross_entropy_with_logits(raw, target, reduction="none")
    torch.testing.assert_close(losses(raw, target), (cells * torch.tensor([[3.0, 1.0], [1.0, 0.5]])).mean(1))


def test_balanced_classes_have_equal_total_weights():
    labels = ["a"] * 6 + ["b"] * 3 + ["c"]
    codec, losses, target, _ = setup(ClassificationHead(class_weight="balanced"), labels)
    rows = losses(torch.zeros(10, 3), target)
    torch.testing.assert_close(rows[:6].sum(), rows[6:9].sum())
    torch.testing.assert_close(rows[:6].sum(), rows[9])
    assert rows.mean().item() == pytest.approx(log(3))
    np.testing.assert_allclose(codec.probabilities(codec.prior[None]), [[1 / 3] * 3], rtol=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [0, 1, 2, 0]])
@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="sum")])
def test_torch_losses_are_computed_per_row(labels, loss):
    _, losses, target, raw = setup(ClassificationHead(loss=loss), labels)
    _, ours, _, _ = setup(ClassificationHead(), labels)
    torch.testing.assert_close(losses(raw, target), ours(raw, target))
    assert getattr(loss, "reduction", "mean") in ("mean", "sum")  # the caller's object is not modified


def test_options_of_a_torch_loss_are_kept():
    _, losses, target, raw = setup(ClassificationHead(loss=nn.CrossEntropyLoss(label_smoothing=0.1)), [0, 1, 2])
    expected = F.cross_entropy(raw, target.long(), label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(losses(raw, target), expected)


def test_torch_losses_of_numbers_and_cells():
    _, losses, target, raw = setup(RegressionHead(loss=nn.L1Loss()), [1.0, 2.0, 3.0])
    torch.testing.assert_close(losses(raw, target), (raw - target).abs().squeeze(1))
    for head, labels in (
        (ClassificationHead(loss=nn.BCEWithLogitsLoss()), [0, 1, 1]),
        (ClassificationHead(loss=nn.BCEWithLogitsLoss(), multi_label=True), np.eye(3)),
    ):
        _, losses, target, raw = setup(head, labels)
        expected = F.binary_cross_entropy_with_logits(raw, target, reduction="none").mean(1)
        torch.testing.assert_close(losses(raw, target), expected)


def test_custom_losses_are_multiplied_by_class_weights():
    _, losses, target, raw = setup(
        ClassificationHead(loss=lambda raw, target: raw[:, 0] * 0 + target, class_weight={1: 10.0}), [0, 1, 2]
    )
    assert losses(raw, target).tolist() == [0.0, 10.0, 2.0]


@pytest.mark.parametrize("loss", [lambda raw, target: raw.mean(), lambda raw, target: 3.0])
def test_averaged_custom_losses_are_errors(loss):
    for head, labels in ((ClassificationHead(loss=loss), [0, 1, 2]), (RegressionHead(loss=loss), [0.0, 1.0])):
        _, losses, target, raw = setup(head, labels)
        with pytest.raises(ConfigError, match=r"loss <lambda> must return one number per row, shape \("):
            losses(raw, target)


def test_a_binary_loss_on_more_classes_is_an_error():
    head = ClassificationHead(loss="binary_crossentropy")
    with pytest.raises(ConfigError, match=r"supports binary targets only; this target has 3 classes.*multi_label=True"):
        head.loss_function(head.codec().fit([0, 1, 2]))


BEST = {
    "binary": (ClassificationHead(), [0, 1, 1, 1, 0, 1]),
    "binary, weighted": (ClassificationHead(class_weight={0: 5.0}), [0, 1, 1, 1, 0, 1]),
    "binary, focal": (ClassificationHead(loss="focal"), [0, 1, 1, 1, 1, 1]),
    "classes": (ClassificationHead(), list("aabccc")),
    "classes, balanced": (ClassificationHead(class_weight="balanced"), list("aabccc")),
    "classes, focal": (ClassificationHead(loss="focal", class_weight={"a": 3.0}), list("aabccc")),
    "classes, unseen": (ClassificationHead(num_classes=4), [0, 2, 2, 0, 2, 2]),
    "label sets": (ClassificationHead(multi_label=True), [["a"], ["a", "b"], [], ["b"], ["b"], ["b"]]),
    "label sets, balanced": (
        ClassificationHead(multi_label=True, class_weight="balanced"),
        [["a"], ["a", "b"], [], ["b"], ["b"], ["b"]],
    ),
    "label sets, partial": (
        ClassificationHead(multi_label=True, class_weight={0: 2.0}),
        [[1, 0], [0, None], [1, None], [None, 1], [0, 1], [0, 0]],
    ),
    "label sets, focal": (ClassificationHead(multi_label=True, loss="focal"), [["a"], [], [], ["b"], ["b"], ["b"]]),
    **{
        f"number, {loss}": (RegressionHead(loss=loss), [0.0, 1.0, 1.5, 2.0, 30.0, None])
        for loss in ("mse", "mae", "huber", "log_cosh")
    },
    **{
        f"numbers, {loss}": (RegressionHead(loss=loss), [[0.0, 1.0], [1.0, None], [5.0, 3.0], [9.0, 40.0]])
        for loss in ("mse", "mae", "huber", "log_cosh")
    },
}


@pytest.mark.parametrize("case", BEST)
def test_no_constant_is_better_than_the_prior(case):
    head, labels = BEST[case]
    codec = head.codec().fit(labels)
    encoded = codec.encode(labels)
    target, observed = torch.from_numpy(encoded.array), torch.from_numpy(encoded.present)
    prior = torch.from_numpy(codec.prior)
    assert torch.isfinite(prior).all()
    assert prior.dtype == torch.float32

    def loss(raw):
        return task_loss(head.loss_function(codec), raw.expand(len(target), -1), target, observed).item()

    best = loss(prior)
    for k in range(len(prior)):
        for step in (-0.5, -0.05, 0.05, 0.5):
            perturbed = prior.clone()
            perturbed[k] += step
            assert best <= loss(perturbed) + 2e-6, (k, step)


def test_best_constants():
    values, even = np.array([1.0, 30.0, 2.0]), np.ones(3)
    assert best_number(values, even, "mean_absolute_error") == 2.0
    assert best_number(values, even, "mean_squared_error") == 11.0
    assert best_number(values[:2], even[:2], "mean_absolute_error") == 15.5
    assert best_number(values, np.array([1.0, 5.0, 1.0]), "mean_absolute_error") == 30.0
    np.testing.assert_allclose(best_probabilities(np.zeros(4), "crossentropy"), [0.25] * 4)
    for loss in ("crossentropy", "focal"):
        probabilities = best_probabilities(np.array([5.0, 0.0, 1.0]), loss)
        assert probabilities.sum() == pytest.approx(1)
        assert (probabilities > 0).all()
        np.testing.assert_allclose(best_probabilities(np.ones(5), loss), [0.2] * 5, rtol=1e-4)
