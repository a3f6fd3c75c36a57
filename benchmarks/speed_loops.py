"""The contenders of `benchmarks/speed.py`: each yields the seconds of an epoch, for ever."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
import torch
from speed_networks import BATCH, Work
from torch import Tensor, nn

import medley as md
from medley.auto.training_rows import match_rows
from medley.balance.choose import balancer
from medley.core.resolve import take_default
from medley.graph.network import Network
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.search_spec import SearchSpec, resolved
from medley.train.eager import EagerStepper
from medley.train.epoch_plan import EpochPlan
from medley.train.loop import train
from medley.train.steppers import Work as Amount
from medley.train.steppers import autocast_dtype, choose_stepper
from medley.train.threads import ForwardCount, count_forward

LOSS_WEIGHTS = (0.5, 0.6)

DEVICE = torch.device(os.environ.get("SPEED_DEVICE", "cpu"))
"""Where networks and rows are; those of the DataLoader are copied batch by batch."""


def _inputs(inputs: list[Tensor]) -> list[Tensor]:
    """Pixels of 0 to 255 become numbers from 0 to 1."""
    return [x * (1 / 255) if x.dtype == torch.uint8 else x for x in inputs]


def _loss(network: nn.Module, inputs: list[Tensor], first: Tensor, second: Tensor) -> Tensor:
    raw_first, raw_second = network(*_inputs(inputs))
    loss = LOSS_WEIGHTS[0] * nn.functional.cross_entropy(raw_first, first)
    return loss + LOSS_WEIGHTS[1] * nn.functional.binary_cross_entropy_with_logits(raw_second.squeeze(1), second)


def _prepared(work: Work, count: int) -> tuple[nn.Module, list[Tensor], Tensor, Tensor]:
    torch.manual_seed(0)
    inputs, _, first, second = work.rows(count)
    tensors = [torch.from_numpy(array) for array in inputs]
    labels = torch.from_numpy(first), torch.from_numpy(second.astype("float32"))
    return work.network().to(DEVICE), tensors, *labels


def _seconds_since(start: float) -> float:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def data_loader(work: Work, count: int) -> Iterator[float]:
    """The loop of the tutorials: a data set of single rows, a DataLoader, Adam as it comes."""
    network, inputs, first, second = _prepared(work, count)
    data = torch.utils.data.TensorDataset(*inputs, first, second)
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True, pin_memory=DEVICE.type == "cuda")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    while True:
        start = perf_counter()
        total = 0.0
        for batch in loader:
            *x, a, b = (tensor.to(DEVICE, non_blocking=True) for tensor in batch)
            optimizer.zero_grad()
            loss = _loss(network, x, a, b)
            loss.backward()
            optimizer.step()
            total += loss.item()
        yield _seconds_since(start)


def eager(work: Work, count: int) -> Iterator[float]:
    """The best eager loop: tensors gathered by index, fused Adam, no metrics."""
    network, inputs, first, second = _prepared(work, count)
    inputs, first, second = [x.to(DEVICE) for x in inputs], first.to(DEVICE), second.to(DEVICE)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    while True:
        start = perf_counter()
        for index in torch.randperm(count, device=DEVICE).split(BATCH):
            loss = _loss(network, [x[index] for x in inputs], first[index], second[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield _seconds_since(start)


def compiled_forward(work: Work, count: int) -> Iterator[float]:
    """The best eager loop with `torch.compile` of the forward pass and losses, as its documentation recommends."""
    network, inputs, first, second = _prepared(work, count)
    inputs, first, second = [x.to(DEVICE) for x in inputs], first.to(DEVICE), second.to(DEVICE)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    loss_of = torch.compile(_loss, dynamic=False)
    while True:
        start = perf_counter()
        for index in torch.randperm(count, device=DEVICE)[: count // BATCH * BATCH].split(BATCH):
            loss = loss_of(network, [x[index] for x in inputs], first[index], second[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield _seconds_since(start)


def medley_compiled(work: Work, count: int) -> Iterator[float]:
    """Medley's loop with everything on, and compiled steps."""
    return _medley(work, count, "compiled")


def medley_eager(work: Work, count: int) -> Iterator[float]:
    """Medley's loop with everything on, and eager steps."""
    return _medley(work, count, "eager")


def medley_defaults(work: Work, count: int) -> Iterator[float]:
    """The loop of medley with everything on; stepper and precision as it chooses them for a long training."""
    return _medley(work, count, "auto", "auto")


def auto_model(work: Work, folder: str, **options: Any) -> md.AutoModel:
    """The network of the work in medley."""
    inputs, heads = work.graph()
    plan = md.Training(optimizer="adam", schedule="constant", clip=0, patience=0, **options.pop("training", {}))
    options = {"max_trials": 1, "loss_weights": LOSS_WEIGHTS, "seed": 0, "overwrite": True, **options}
    return md.AutoModel(inputs, heads, training=plan, directory=folder, **options)


def _medley(work: Work, count: int, stepper: str, precision: str = "float32") -> Iterator[float]:
    _, inputs, first, second = work.rows(count)
    settings = {"learning_rate": 1e-3, "weight_decay": 0.0, "stepper": stepper, "precision": precision}
    auto = auto_model(work, tempfile.mkdtemp(), training=settings)
    rows = match_rows(auto.graph, inputs, [first, np.where(second, "yes", "no")], None)
    heads = auto.graph.heads
    data = Encodings(rows, None, {name: head.codec() for name, head in heads.items()}, DEVICE)
    graph, plan = resolved(SearchSpec(auto.graph, data, auto.training, LOSS_WEIGHTS, lambda flat: 0.0, 0), take_default)
    torch.manual_seed(0)
    network = Network(graph, {source.name: source.codec.spec for source in data.sources(graph)}, data.targets).to(
        DEVICE
    )
    tasks, encoded = tasks_of(graph, data.targets), data.rows(graph)[0]
    network.adapt(encoded.slice(0, 8_192))
    network.train()
    forward = count_forward(network, encoded.slice(0, BATCH)) if DEVICE.type == "cpu" else ForwardCount()
    dtype = autocast_dtype(plan.precision, encoded.device, forward.flops)
    steps = EagerStepper(network, tasks, balancer(LOSS_WEIGHTS, list(heads)).to(DEVICE), plan, dtype)
    amount = Amount(BATCH, 10**9, forward, len(steps.parameters))
    records = train(
        choose_stepper(steps, plan, amount),
        encoded,
        tasks,
        dict(zip(heads, LOSS_WEIGHTS, strict=True)),
        plan=EpochPlan(1_000),
        batch_size=BATCH,
        shuffle=torch.Generator().manual_seed(0),
        validate=dict,
        clock=lambda fraction: fraction,
        on_step=lambda: None,
    )
    for record in records:
        yield record.seconds


LOOPS: dict[str, Callable[[Work, int], Iterator[float]]] = {
    "DataLoader": data_loader,
    "best eager loop": eager,
    "torch.compile": compiled_forward,
    "medley, eager": medley_eager,
    "medley, compiled": medley_compiled,
    "medley, defaults": medley_defaults,
}
"""Contender -> seconds of epochs; the first of them includes compiling."""
