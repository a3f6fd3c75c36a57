"""What every head and its target codec keep to."""

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

UNSEEN = (0, 5)
"""Rows whose labels are taken away."""


def check_head(block: Head, specs: Sequence[Spec], labels: Sequence[Any]) -> None:
    """A settled head on each of these specs, with these labels.

    Raises:
        AssertionError: it breaks a promise; says which.
        MedleyError: it cannot learn such labels.
    """
    told = f"{block!r} on labels like {labels[0]!r}"
    target = block.codec().fit(labels)
    check_state(block.codec, target, labels)
    encoded = torch.from_numpy(target.encode(labels).array)
    _check_losses(block, target, encoded, told)
    _check_decoding(block, target, labels, encoded, told)
    _check_unobserved(block, target, labels, told)
    _check_metrics(block, target, encoded, told)
    for spec in specs:
        _check_readout(block, spec, target, told)


def _check_readout(block: Head, spec: Spec, target: TargetCodec, told: str) -> None:
    told, x = f"{told}, joined to {spec}", values(spec, 0)
    torch.manual_seed(0)
    module = block.build(spec, target).eval()
    with torch.no_grad():
        raw = module(x)
        wanted = (len(x), len(target.prior))
        assert tuple(raw.shape) == wanted, f"{told}: raw outputs must be {wanted} as the prior, got {raw.shape}."
        check_rows(lambda index: module(x[index]), raw, told)
        check_weights(module, lambda: block.build(spec, target), lambda one: one(x), raw, told)
    check_gradients(module, lambda: module.train()(x), told)


def _check_decoding(block: Head, target: TargetCodec, labels: Sequence[Any], encoded: Tensor, told: str) -> None:
    # Which raw outputs stand for a label is the head's own business: those of least loss must.
    raw = _least_loss(block, target, encoded)
    found = target.decode(raw)
    assert len(found) == len(labels), f"{told}: {len(labels)} rows are decoded to {len(found)}."
    if target.labels is None:
        wanted = np.asarray(labels, dtype=np.float64)
        # The search for the least loss ends near it, so numbers are right to a fiftieth of their deviation.
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=0, atol=wanted.std() / 50, err_msg=told)
    else:
        assert list(map(_plain, found)) == list(labels), f"{told}: decoded to {list(found)}."
        kinds = type(_plain(found[-1])), type(labels[-1])
        assert kinds[0] is kinds[1], f"{told}: labels come back as {kinds[0].__name__}, not {kinds[1].__name__}."
    chances = np.asarray(target.probabilities(raw))
    assert len(chances) == len(labels), f"{told}: probabilities must have a row per row."
    if target.labels is not None:
        assert chances.shape == (len(labels), len(target.labels)), f"{told}: a column per class, got {chances.shape}."
        assert ((chances >= 0) & (chances <= 1)).all(), f"{told}: a probability lies outside 0..1."
    _check_prior(block, target, encoded, told)


def _check_prior(block: Head, target: TargetCodec, encoded: Tensor, told: str) -> None:
    losses, prior = block.loss_function(target), torch.as_tensor(target.prior, dtype=torch.float32)

    def constant(raw: Tensor) -> float:
        return float(losses(raw.expand(len(encoded), -1), encoded).mean())

    best = constant(prior)
    for place in range(len(prior)):
        for step in (-0.1, 0.1):
            other = prior.clone()
            other[place] += step
            better = f"{told}: the prior is not the best constant, output {place} moved by {step} is better."
            assert constant(other) >= best - 1e-5, better


def _least_loss(block: Head, target: TargetCodec, encoded: Tensor) -> np.ndarray:
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


def _check_losses(block: Head, target: TargetCodec, encoded: Tensor, told: str) -> None:
    losses = block.loss_function(target)
    near = torch.full((len(encoded), len(target.prior)), 0.1)
    far = near.clone()
    far[3] = 2.0
    found = losses(near, encoded)
    assert found.shape == (len(encoded),), f"{told}: losses must be one per row, got {tuple(found.shape)}."
    others = torch.arange(len(encoded)) != 3
    same = torch.equal(found[others], losses(far, encoded)[others])
    assert same, f"{told}: the loss of a row depends on the outputs of another row."


def _check_unobserved(block: Head, target: TargetCodec, labels: Sequence[Any], told: str) -> None:
    gaps = [None if place in UNSEEN else label for place, label in enumerate(labels)]
    found = target.encode(gaps)
    wanted = [label is not None for label in gaps]
    assert found.present.tolist() == wanted, f"{told}: labels that are None must be unobserved, and no others."
    encoded, observed = torch.from_numpy(found.array), torch.from_numpy(found.present)
    losses = block.loss_function(target)
    for worst in (float("inf"), -float("inf"), float("nan"), 1e30):
        raw = torch.full((len(labels), len(target.prior)), 0.1)
        raw[~observed] = worst
        raw.requires_grad_()
        loss = task_loss(losses, raw, encoded, observed)
        loss.backward()
        assert raw.grad is not None
        assert loss.isfinite(), f"{told}: {worst} in an unobserved row makes the loss {loss.item()}."
        assert not raw.grad[~observed].any(), f"{told}: an unobserved row gets a gradient."
        assert raw.grad[observed].any(1).all(), f"{told}: an observed row gets no gradient."
        assert raw.grad.isfinite().all(), f"{told}: {worst} in an unobserved row spoils the gradient of others."
    raw = torch.full((len(labels), len(target.prior)), float("inf"), requires_grad=True)
    loss = task_loss(losses, raw, encoded, torch.zeros_like(observed))
    loss.backward()
    assert raw.grad is not None
    assert loss.item() == 0, f"{told}: labels that are all missing give a loss of {loss.item()}, not 0."
    assert not raw.grad.any(), f"{told}: labels that are all missing give a gradient."


def _check_metrics(block: Head, target: TargetCodec, encoded: Tensor, told: str) -> None:
    raw = torch.randn(len(encoded), len(target.prior), generator=torch.Generator().manual_seed(0))
    for name, metric in block.metric_functions(target).items():
        if isinstance(metric, RowMetric):
            rows = metric.rows(raw, encoded)
            assert rows.shape == (len(raw),), f"{told}: metric {name} must give one number per row, got {rows.shape}."
            assert isinstance(metric.finish(float(rows.mean())), float), f"{told}: metric {name} is no number."
        else:
            assert isinstance(metric, SetMetric), f"{told}: metric {name} is neither of rows nor of sets."
            score = metric.score(raw.numpy(), encoded.numpy(), None)
            assert isinstance(score, float), f"{told}: metric {name} gives {score!r}, which is no float."


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
