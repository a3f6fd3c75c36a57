"""Conformance test of heads and their target codecs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.core.metric import RowMetric, SetMetric
from medley.core.spec import Spec
from medley.heads.masked import task_loss
from medley.testing.codecs import check_state
from medley.testing.modules import check_gradients, check_rows, check_weights
from medley.testing.samples import values

UNOBSERVED = (0, 5)
"""Rows whose labels are removed."""


def check_head(block: Head, specs: Sequence[Spec], labels: Sequence[Any]) -> None:
    """Tests a head without open fields on each of these specs, with these labels.

    Raises:
        AssertionError: the head violates a requirement, which the message names.
        MedleyError: the head does not accept such labels.
    """
    context = f"{block!r} with labels such as {labels[0]!r}"
    target = block.codec().fit(labels)
    check_state(block.codec, target, labels)
    encoded = torch.from_numpy(target.encode(labels).array)
    _check_losses(block, target, encoded, context)
    _check_decoding(block, target, labels, encoded, context)
    _check_unobserved(block, target, labels, context)
    _check_metrics(block, target, encoded, context)
    for spec in specs:
        _check_readout(block, spec, target, context)


def _check_readout(block: Head, spec: Spec, target: TargetCodec, context: str) -> None:
    context, x = f"{context}, called on {spec}", values(spec, 0)
    torch.manual_seed(0)
    module = block.build(spec, target).eval()
    with torch.no_grad():
        raw = module(x)
        shape = (len(x), len(target.prior))
        assert tuple(raw.shape) == shape, (
            f"{context}: raw outputs must have shape {shape} like the prior, got {tuple(raw.shape)}."
        )
        check_rows(lambda index: module(x[index]), raw, context)
        check_weights(module, lambda: block.build(spec, target), lambda twin: twin(x), raw, context)
    check_gradients(module, lambda: module.train()(x), context)


def _check_decoding(block: Head, target: TargetCodec, labels: Sequence[Any], encoded: Tensor, context: str) -> None:
    # The head decides which raw outputs represent a label; those with the lowest loss must do.
    raw = _minimise_loss(block, target, encoded)
    decoded = target.decode(raw)
    assert len(decoded) == len(labels), f"{context}: {len(labels)} rows are decoded to {len(decoded)} labels."
    if target.labels is None:
        expected = np.asarray(labels, dtype=np.float64)
        # The minimisation of the loss is not exact: numbers must match within 1/50 of their standard deviation.
        np.testing.assert_allclose(np.asarray(decoded), expected, rtol=0, atol=expected.std() / 50, err_msg=context)
    else:
        assert list(map(_plain, decoded)) == list(labels), f"{context}: decoded to {list(decoded)}."
        kinds = type(_plain(decoded[-1])), type(labels[-1])
        assert kinds[0] is kinds[1], f"{context}: labels are decoded as {kinds[0].__name__}, not {kinds[1].__name__}."
    probabilities = np.asarray(target.probabilities(raw))
    assert len(probabilities) == len(labels), f"{context}: there must be one row of probabilities per row."
    if target.labels is not None:
        assert probabilities.shape == (len(labels), len(target.labels)), (
            f"{context}: there must be one column of probabilities per class, got {probabilities.shape}."
        )
        assert ((probabilities >= 0) & (probabilities <= 1)).all(), f"{context}: a probability is outside of 0..1."
    _check_prior(block, target, encoded, context)


def _check_prior(block: Head, target: TargetCodec, encoded: Tensor, context: str) -> None:
    losses, prior = block.loss_function(target), torch.as_tensor(target.prior, dtype=torch.float32)

    def mean_loss(raw: Tensor) -> float:
        return float(losses(raw.expand(len(encoded), -1), encoded).mean())

    best = mean_loss(prior)
    for output in range(len(prior)):
        for step in (-0.1, 0.1):
            other = prior.clone()
            other[output] += step
            better = f"{context}: the prior is not the best constant: output {output} changed by {step} is better."
            assert mean_loss(other) >= best - 1e-5, better


def _minimise_loss(block: Head, target: TargetCodec, encoded: Tensor) -> np.ndarray:
    losses = block.loss_function(target)
    raw = torch.zeros(len(encoded), len(target.prior), requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 120)
    for _ in range(120):
        optimizer.zero_grad()
        losses(raw, encoded).sum().backward()
        optimizer.step()
        schedule.step()
    return raw.detach().numpy()


def _check_losses(block: Head, target: TargetCodec, encoded: Tensor, context: str) -> None:
    losses = block.loss_function(target)
    raw = torch.full((len(encoded), len(target.prior)), 0.1)
    changed = raw.clone()
    changed[3] = 2.0
    row_losses = losses(raw, encoded)
    assert row_losses.shape == (len(encoded),), f"{context}: losses must be one per row, got {tuple(row_losses.shape)}."
    other_rows = torch.arange(len(encoded)) != 3
    is_equal = torch.equal(row_losses[other_rows], losses(changed, encoded)[other_rows])
    assert is_equal, f"{context}: the loss of a row depends on the outputs of another row."


def _check_unobserved(block: Head, target: TargetCodec, labels: Sequence[Any], context: str) -> None:
    some_labels = [None if row in UNOBSERVED else label for row, label in enumerate(labels)]
    unobserved_target = target.encode(some_labels)
    expected = [label is not None for label in some_labels]
    assert unobserved_target.present.tolist() == expected, (
        f"{context}: labels must be unobserved if, and only if, they are None."
    )
    encoded, observed = torch.from_numpy(unobserved_target.array), torch.from_numpy(unobserved_target.present)
    losses = block.loss_function(target)
    for worst in (float("inf"), -float("inf"), float("nan"), 1e30):
        raw = torch.full((len(labels), len(target.prior)), 0.1)
        raw[~observed] = worst
        raw.requires_grad_()
        loss = task_loss(losses, raw, encoded, observed)
        loss.backward()
        assert raw.grad is not None
        assert loss.isfinite(), f"{context}: {worst} in an unobserved row makes the loss {loss.item()}."
        assert not raw.grad[~observed].any(), f"{context}: an unobserved row has a gradient."
        assert raw.grad[observed].any(1).all(), f"{context}: an observed row has no gradient."
        assert raw.grad.isfinite().all(), (
            f"{context}: {worst} in an unobserved row makes the gradients of other rows infinite or NaN."
        )
    raw = torch.full((len(labels), len(target.prior)), float("inf"), requires_grad=True)
    loss = task_loss(losses, raw, encoded, torch.zeros_like(observed))
    loss.backward()
    assert raw.grad is not None
    assert loss.item() == 0, f"{context}: without any label the loss is {loss.item()}, not 0."
    assert not raw.grad.any(), f"{context}: without any label there is a gradient."


def _check_metrics(block: Head, target: TargetCodec, encoded: Tensor, context: str) -> None:
    raw = torch.randn(len(encoded), len(target.prior), generator=torch.Generator().manual_seed(0))
    for name, metric in block.metric_functions(target).items():
        if isinstance(metric, RowMetric):
            rows = metric.rows(raw, encoded)
            assert rows.shape == (len(raw),), (
                f"{context}: metric {name} must return one number per row, got {tuple(rows.shape)}."
            )
            assert isinstance(metric.finish(float(rows.mean())), float), (
                f"{context}: the result of metric {name} is not a float."
            )
        else:
            assert isinstance(metric, SetMetric), f"{context}: metric {name} is neither a RowMetric nor a SetMetric."
            score = metric.score(raw.numpy(), encoded.numpy(), None)
            assert isinstance(score, float), f"{context}: metric {name} returns {score!r}, which is not a float."


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
