"""An unobserved row adds exactly zero loss and exactly zero gradient, whatever its loss would have been."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from medley.heads import ClassificationHead, RegressionHead
from medley.heads.masked import masked_mean, metric_mean, observed_mean, row_losses, task_loss

HEADS = {
    "binary": (ClassificationHead(), [0, 1, 1, 0]),
    "binary, weighted": (ClassificationHead(class_weight={1: 5.0}), [0, 1, 1, 0]),
    "binary, focal": (ClassificationHead(loss="focal"), [0, 1, 1, 0]),
    "binary, torch's": (ClassificationHead(loss=F.cross_entropy), [0, 1, 1, 0]),
    "classes": (ClassificationHead(), [0, 1, 2, 0]),
    "classes, weighted": (ClassificationHead(class_weight="balanced"), [0, 1, 2, 0]),
    "classes, focal": (ClassificationHead(loss="focal"), [0, 1, 2, 0]),
    "classes, own": (ClassificationHead(loss=lambda raw, target: raw.log().sum(1)), [0, 1, 2, 0]),
    "label sets": (ClassificationHead(multi_label=True), [[1, 0], [0, 1], [1, 1], [0, 0]]),
    "label sets, weighted": (
        ClassificationHead(multi_label=True, class_weight="balanced"),
        [[1, 0], [0, 1], [1, 1], [0, 0]],
    ),
    "label sets, focal": (ClassificationHead(multi_label=True, loss="focal"), [[1, 0], [0, 1], [1, 1], [0, 0]]),
    "label sets, own": (
        ClassificationHead(multi_label=True, loss=lambda raw, target: (target / raw).sum(1)),
        [[1, 0], [0, 1], [1, 1], [0, 0]],
    ),
    **{
        f"number, {loss}": (RegressionHead(loss=loss), [1.0, 2.0, 5.0, 0.0])
        for loss in ("mse", "mae", "huber", "log_cosh")
    },
    **{
        f"numbers, {getattr(loss, '__name__', loss)}": (
            RegressionHead(loss=loss),
            [[1.0, 2.0], [2.0, 2.0], [5.0, 1.0], [0.0, 7.0]],
        )
        for loss in ("mse", "mae", "huber", "log_cosh", F.mse_loss)
    },
    "number, own": (RegressionHead(loss=lambda raw, target: (target / raw).squeeze(1)), [1.0, 2.0, 5.0, 0.0]),
}


@pytest.fixture(params=HEADS)
def case(request):
    head, labels = HEADS[request.param]
    codec = head.codec().fit(labels)
    return head.loss_function(codec), torch.from_numpy(codec.encode(labels).array), len(codec.prior)


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_an_infinite_loss_at_an_unobserved_row_has_no_gradient(case, bad):
    losses, target, width = case
    raw = torch.rand(4, width) + 0.5
    raw[1] = bad
    raw.requires_grad_()
    observed = torch.tensor([True, False, True, True])
    loss = task_loss(losses, raw, target, observed)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad[1] == 0).all()

    # The other rows are as if the unobserved one were not there.
    rest = raw.detach()[observed].requires_grad_()
    alone = task_loss(losses, rest, target[observed])
    alone.backward()
    torch.testing.assert_close(loss, alone)
    torch.testing.assert_close(raw.grad[observed], rest.grad)


def test_a_row_of_weight_zero_has_no_gradient_even_where_its_loss_is_infinite(case):
    losses, target, width = case
    raw = torch.rand(4, width) + 0.5
    raw[2] = torch.inf
    raw.requires_grad_()
    loss = task_loss(losses, raw, target, weight=torch.tensor([1.0, 2.0, 0.0, 1.0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad[2] == 0).all()


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 3.0, 4.0])])
def test_a_batch_without_labels_has_zero_loss_and_zero_gradient(case, weight):
    losses, target, width = case
    raw = torch.full((4, width), torch.inf, requires_grad=True)
    loss = task_loss(losses, raw, target, torch.zeros(4, dtype=torch.bool), weight)
    loss.backward()
    assert loss.item() == 0.0
    assert (raw.grad == 0).all()


def test_all_rows_observed_is_the_plain_mean(case):
    losses, target, width = case
    raw = torch.rand(4, width) + 0.5
    plain = losses(raw, target).mean()
    everything = torch.ones(4, dtype=torch.bool)
    torch.testing.assert_close(task_loss(losses, raw, target), plain)
    torch.testing.assert_close(task_loss(losses, raw, target, everything), plain)
    torch.testing.assert_close(task_loss(losses, raw, target, everything, torch.ones(4)), plain)
    torch.testing.assert_close(row_losses(losses, raw, target, everything), losses(raw, target))


def test_a_single_cell_that_is_not_observed_has_no_gradient():
    nan = float("nan")
    for head, labels in (
        (ClassificationHead(multi_label=True), [[1, nan], [0, 1]]),
        (ClassificationHead(multi_label=True, loss=F.binary_cross_entropy_with_logits), [[1, nan], [0, 1]]),
        (RegressionHead(), [[1.0, nan], [2.0, 5.0]]),
        (RegressionHead(loss="mae"), [[1.0, nan], [2.0, 5.0]]),
        (RegressionHead(loss=F.mse_loss), [[1.0, nan], [2.0, 5.0]]),
    ):
        codec = head.codec().fit(labels)
        encoded = codec.encode(labels)
        assert encoded.present.all()
        raw = torch.tensor([[0.3, torch.inf], [0.1, 0.2]], requires_grad=True)
        loss = task_loss(head.loss_function(codec), raw, torch.from_numpy(encoded.array))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(raw.grad).all()
        assert raw.grad[0, 1] == 0
        assert raw.grad[0, 0] != 0


def test_half_precision_outputs_are_averaged_in_float32():
    head = ClassificationHead()
    codec = head.codec().fit([0, 1, 2])
    raw = torch.randn(3, 3, dtype=torch.bfloat16)
    assert task_loss(head.loss_function(codec), raw, torch.tensor([0, 1, 2])).dtype == torch.float32


ROWS = st.lists(
    st.tuples(st.floats(-10, 10, width=32), st.booleans(), st.floats(0, 5, width=32, allow_subnormal=False)), min_size=1
)


@given(ROWS)
def test_the_masked_mean_by_hand(rows):
    values, observed, weights = map(list, zip(*rows, strict=True))
    expected = sum(v * w for v, o, w in rows if o) / max(sum(observed), 1)
    mean_loss = masked_mean(torch.tensor(values), torch.tensor(observed), torch.tensor(weights))
    assert mean_loss.item() == pytest.approx(expected, abs=1e-4)
    mass = sum(w for _, o, w in rows if o)
    mean = metric_mean(torch.tensor(values), torch.tensor(observed), torch.tensor(weights)).item()
    assert mean == pytest.approx(
        sum(v * w for v, o, w in rows if o) / mass if mass else float("nan"), abs=1e-3, nan_ok=True
    )


def test_weights_match_keras():
    # keras.losses with sample_weight: losses times weights, over the number of rows.
    assert masked_mean(torch.tensor([1.0, 3.0]), None, torch.tensor([2.0, 0.0])).item() == 1.0
    assert masked_mean(torch.tensor([1.0, 3.0]), torch.tensor([True, False]), torch.tensor([2.0, 5.0])).item() == 2.0
    # A metric is a weighted mean.
    assert metric_mean(torch.tensor([1.0, 0.0]), None, torch.tensor([3.0, 1.0])).item() == 0.75


def test_the_mean_over_observed_cells():
    cells = torch.tensor([[1.0, 3.0], [1.0, torch.inf], [torch.nan, torch.nan]])
    observed = torch.tensor([[True, True], [True, False], [False, False]])
    assert observed_mean(cells, observed).tolist() == [2.0, 1.0, 0.0]
