"""What every module of a layer or a fusion keeps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec
from medley.testing.samples import ROWS, values

Run = Callable[[nn.Module, list[Tensor]], Tensor]


def check_layer(block: Layer, specs: Sequence[Spec]) -> None:
    """A settled layer on these specs.

    Raises:
        AssertionError: it breaks a promise; says which.
    """
    _check_module(block, specs, lambda module, inputs: module(*inputs))


def check_fusion(block: Fusion, specs: Sequence[Spec]) -> None:
    """A settled fusion on these vectors, all of them present and with gaps.

    Raises:
        AssertionError: it breaks a promise; says which.
    """
    _check_module(block, specs, lambda module, inputs: module(inputs, None))
    torch.manual_seed(0)
    module = block.build(*specs).eval()
    inputs = [values(spec, seed) for seed, spec in enumerate(specs)]
    present = _gaps(len(specs))
    some = present.any(1)
    out = module(_filled(inputs, present, 0.0), present)
    told = f"{block!r} on {_told(specs)}"
    assert out.isfinite().all(), f"{told}: a row without any input must still give something finite."
    close(module(inputs, torch.ones_like(present)), module(inputs, None), f"{told}: all present is as no mask.")
    for garbage in (float("nan"), float("inf"), -float("inf"), 1e30):
        dirty = [one.requires_grad_() for one in _filled(inputs, present, garbage)]
        found = module(dirty, present)
        assert torch.equal(found[some], out[some]), f"{told}: {garbage} in an absent vector changes the result."
        found[some].sum().backward()
        for place, one in enumerate(dirty):
            assert one.grad is not None, f"{told}: vector {place} gets no gradient."
            assert not one.grad[~present[:, place]].any(), f"{told}: {garbage} in an absent vector gets a gradient."
            assert one.grad.isfinite().all(), f"{told}: {garbage} in an absent vector spoils gradients of present ones."
    for place in range(len(specs)):
        other = [one + (place == i) for i, one in enumerate(inputs)]
        assert not torch.equal(module(other, None), module(inputs, None)), f"{told}: vector {place} is ignored."


def _gaps(count: int) -> Tensor:
    """(B, M): all, each one alone, each one absent, none; then again."""
    alone = torch.eye(count, dtype=torch.bool)
    rows = torch.cat([torch.ones(1, count, dtype=torch.bool), alone, ~alone, torch.zeros(1, count, dtype=torch.bool)])
    return rows.repeat(-(-ROWS // len(rows)), 1)[:ROWS]


def _filled(inputs: list[Tensor], present: Tensor, content: float) -> list[Tensor]:
    return [one.masked_fill(~present[:, place, None], content) for place, one in enumerate(inputs)]


def _check_module(block: Layer | Fusion, specs: Sequence[Spec], run: Run) -> None:
    told = f"{block!r} on {_told(specs)}"
    inputs = [values(spec, seed) for seed, spec in enumerate(specs)]
    module = fresh(block, specs, inputs, 0)
    with torch.no_grad():
        out = run(module, inputs)
        spec = block.out(*specs)
        assert tuple(out.shape) == (ROWS, *spec.shape), f"{told}: out() says {spec}, got {tuple(out.shape)}."
        assert out.dtype == torch.float32, f"{told}: a result must be float32, got {out.dtype}."
        assert out.isfinite().all(), f"{told}: finite rows give {out[~out.isfinite()][0]}."
        assert torch.equal(run(module, inputs), out), f"{told}: the same rows give another result the second time."
        check_rows(lambda index: run(module, [one[index] for one in inputs]), out, told)
        check_weights(module, lambda: fresh(block, specs, inputs, 1), lambda one: run(one, inputs), out, told)
    check_gradients(module, lambda: run(module.train(), inputs), told)


def fresh(block: Any, specs: Sequence[Spec], inputs: list[Tensor], seed: int) -> nn.Module:
    """A built module in evaluation mode, with statistics learnt where it learns some."""
    torch.manual_seed(seed)
    module = block.build(*specs)
    adapt = getattr(module, "adapt", None)
    if adapt is not None and seed == 0:
        adapt(inputs[0])
    return module.eval()


def check_rows(run: Callable[[Tensor], Tensor], out: Tensor, told: str) -> None:
    """Rows do not know of each other: a batch of one, another order, another neighbour change nothing.

    Args:
        run: positions of rows (P,) -> their results (P, ...), in evaluation mode.
        out: the results of all rows (B, ...).
        told: what errors call it.
    """
    rows = len(out)
    for one in (0, 1, rows - 1):
        close(run(torch.tensor([one])), out[one : one + 1], f"{told}: row {one} alone is not as among others.")
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    close(run(order), out[order], f"{told}: rows in another order do not give results in that order.")
    moved = torch.arange(rows)
    moved[3] = 0
    kept = moved == torch.arange(rows)
    close(run(moved)[kept], out[kept], f"{told}: another row 3 changes the results of other rows.")


def check_weights(
    module: nn.Module, build: Callable[[], nn.Module], run: Callable[[nn.Module], Tensor], out: Tensor, told: str
) -> None:
    """Weights in a file and back give the very same numbers."""
    weights = {name: one.detach().clone().contiguous() for name, one in module.state_dict().items()}
    twin = build()
    twin.load_state_dict(load(save(weights)))
    assert torch.equal(run(twin.eval()), out), f"{told}: the same weights in a fresh module give another result."


def check_gradients(module: nn.Module, run: Callable[[], Tensor], told: str) -> None:
    """Training reaches every parameter, with finite gradients."""
    out = run()
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        return
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
    (out * weight).sum().backward()
    for name, parameter in trained.items():
        assert parameter.grad is not None, f"{told}: the parameter {name} gets no gradient, so it is never trained."
        assert parameter.grad.isfinite().all(), f"{told}: the gradient of {name} is not finite."


def close(found: Tensor, wanted: Tensor, told: str) -> None:
    """Equal but for rounding: sums over a batch may be taken in another order."""
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5, msg=lambda detail: f"{told}\n{detail}")


def _told(specs: Sequence[Spec]) -> str:
    return " and ".join(map(str, specs))
