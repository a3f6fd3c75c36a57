"""Conformance test of the modules of layers and fusions."""

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
    """Tests a layer without open fields on these specs.

    Raises:
        AssertionError: the layer violates a requirement, which the message names.
    """
    _check_module(block, specs, lambda module, inputs: module(*inputs))


def check_fusion(block: Fusion, specs: Sequence[Spec]) -> None:
    """Tests a fusion without open fields on these vectors, with all of them present and with some absent.

    Raises:
        AssertionError: the fusion violates a requirement, which the message names.
    """
    _check_module(block, specs, lambda module, inputs: module(inputs, None))
    torch.manual_seed(0)
    module = block.build(*specs).eval()
    inputs = [values(spec, seed) for seed, spec in enumerate(specs)]
    present = _presence_patterns(len(specs))
    has_any = present.any(1)
    out = module(_fill_absent(inputs, present, 0.0), present)
    context = f"{block!r} on {_join_specs(specs)}"
    assert out.isfinite().all(), f"{context}: the result of a row without any input must be finite."
    close(
        module(inputs, torch.ones_like(present)),
        module(inputs, None),
        f"{context}: a mask of all rows must have the same effect as none.",
    )
    for content in (float("nan"), float("inf"), -float("inf"), 1e30):
        vectors = [vector.requires_grad_() for vector in _fill_absent(inputs, present, content)]
        result = module(vectors, present)
        assert torch.equal(result[has_any], out[has_any]), (
            f"{context}: {content} in an absent vector changes the result."
        )
        result[has_any].sum().backward()
        for index, vector in enumerate(vectors):
            assert vector.grad is not None, f"{context}: vector {index} has no gradient."
            assert not vector.grad[~present[:, index]].any(), (
                f"{context}: an absent vector of {content} has a gradient."
            )
            assert vector.grad.isfinite().all(), (
                f"{context}: {content} in an absent vector makes gradients infinite or NaN."
            )
    for index in range(len(specs)):
        changed = [vector + (index == i) for i, vector in enumerate(inputs)]
        assert not torch.equal(module(changed, None), module(inputs, None)), f"{context}: vector {index} is ignored."


def _presence_patterns(count: int) -> Tensor:
    """(B, M): all vectors present, each one alone, each one absent, none; repeated."""
    alone = torch.eye(count, dtype=torch.bool)
    rows = torch.cat([torch.ones(1, count, dtype=torch.bool), alone, ~alone, torch.zeros(1, count, dtype=torch.bool)])
    return rows.repeat(-(-ROWS // len(rows)), 1)[:ROWS]


def _fill_absent(inputs: list[Tensor], present: Tensor, content: float) -> list[Tensor]:
    return [vector.masked_fill(~present[:, index, None], content) for index, vector in enumerate(inputs)]


def _check_module(block: Layer | Fusion, specs: Sequence[Spec], run: Run) -> None:
    context = f"{block!r} on {_join_specs(specs)}"
    inputs = [values(spec, seed) for seed, spec in enumerate(specs)]
    module = build_adapted(block, specs, inputs, 0)
    with torch.no_grad():
        out = run(module, inputs)
        spec = block.out(*specs)
        assert tuple(out.shape) == (ROWS, *spec.shape), f"{context}: out() is {spec}, got {tuple(out.shape)}."
        assert out.dtype == torch.float32, f"{context}: results must be float32, got {out.dtype}."
        assert out.isfinite().all(), f"{context}: finite rows have the result {out[~out.isfinite()][0]}."
        assert torch.equal(run(module, inputs), out), f"{context}: the same rows have another result the second time."
        check_rows(lambda index: run(module, [tensor[index] for tensor in inputs]), out, context)
        check_weights(
            module, lambda: build_adapted(block, specs, inputs, 1), lambda twin: run(twin, inputs), out, context
        )
    check_gradients(module, lambda: run(module.train(), inputs), context)


def build_adapted(block: Any, specs: Sequence[Spec], inputs: list[Tensor], seed: int) -> nn.Module:
    """Builds the module in evaluation mode; with seed 0, it is adapted to the inputs if it has statistics to learn."""
    torch.manual_seed(seed)
    module = block.build(*specs)
    adapt = getattr(module, "adapt", None)
    if adapt is not None and seed == 0:
        adapt(inputs[0])
    return module.eval()


def check_rows(run: Callable[[Tensor], Tensor], out: Tensor, context: str) -> None:
    """Tests that a row's result does not depend on the size and order of the batch, or on other rows.

    Args:
        run: indices of rows (P,) -> their results (P, ...), in evaluation mode.
        out: the results of all rows (B, ...).
        context: the beginning of error messages.
    """
    rows = len(out)
    for row in (0, 1, rows - 1):
        close(
            run(torch.tensor([row])), out[row : row + 1], f"{context}: row {row} has another result in a batch of one."
        )
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    close(run(order), out[order], f"{context}: rows in another order do not have the same results.")
    replaced = torch.arange(rows)
    replaced[3] = 0
    unchanged = replaced == torch.arange(rows)
    close(run(replaced)[unchanged], out[unchanged], f"{context}: another row 3 changes the results of other rows.")


def check_weights(
    module: nn.Module, build: Callable[[], nn.Module], run: Callable[[nn.Module], Tensor], out: Tensor, context: str
) -> None:
    """Tests that saved and loaded weights give identical results."""
    weights = {name: tensor.detach().clone().contiguous() for name, tensor in module.state_dict().items()}
    twin = build()
    twin.load_state_dict(load(save(weights)))
    assert torch.equal(run(twin.eval()), out), f"{context}: the saved weights give another result in a new module."


def check_gradients(module: nn.Module, run: Callable[[], Tensor], context: str) -> None:
    """Tests that every trainable parameter has a finite gradient."""
    out = run()
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        return
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
    (out * weight).sum().backward()
    for name, parameter in trained.items():
        assert parameter.grad is not None, f"{context}: the parameter {name} has no gradient, so it is never trained."
        assert parameter.grad.isfinite().all(), f"{context}: the gradient of {name} is not finite."


def close(actual: Tensor, expected: Tensor, context: str) -> None:
    """Asserts equality up to rounding: sums over a batch may be computed in another order."""
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5, msg=lambda detail: f"{context}\n{detail}")


def _join_specs(specs: Sequence[Spec]) -> str:
    return " and ".join(map(str, specs))
