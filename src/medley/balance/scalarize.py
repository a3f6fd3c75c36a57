"""Balancing with torchjd's scalarizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

import torch
from torch import Tensor
from torch.func import functional_call

from medley.balance.balancer import ScalarBalancer
from medley.core.registry import register
from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer


class _ScalarizerSpec(NamedTuple):
    torchjd: str
    options: Mapping[str, Any] = {}
    size_options: Callable[[int], Mapping[str, Any]] = lambda tasks: {}  # options that depend on the number of tasks


# Settings without defaults in torchjd: PBI's is that of its paper; the papers of the other two recommend none.
SCALARIZERS: Mapping[str, _ScalarizerSpec] = {
    "cosmos": _ScalarizerSpec("COSMOS", {"lambda_": 1.0}, lambda tasks: {"weights": torch.ones(tasks)}),
    "geometric_mean": _ScalarizerSpec("GeometricMean"),
    "imtl_l": _ScalarizerSpec("IMTLL", {}, lambda tasks: {"shape": tasks}),
    "mean": _ScalarizerSpec("Mean"),
    "pbi": _ScalarizerSpec("PBI", {"theta": 5.0}, lambda tasks: {"weights": torch.ones(tasks)}),
    "random": _ScalarizerSpec("Random"),
    "stch": _ScalarizerSpec("STCH", {"mu": 0.1}),
    "sum": _ScalarizerSpec("Sum"),
    "uw": _ScalarizerSpec("UW", {}, lambda tasks: {"shape": tasks}),
}


@final
@register("balance.scalarization")
class Scalarization(ScalarBalancer):
    """One of torchjd's scalarizers, by name: a function of the K weighted losses, some with learned scales.

    `"sum"`, `"mean"`; `"random"` (random weights, Lin et al. 2022); `"geometric_mean"` (Chennupati et al.
    2019); `"imtl_l"` (Liu et al. 2021) and `"uw"` (Kendall et al. 2018, half of `"uncertainty"` at a log 2
    apart), which learn a scale per task; `"stch"` (smooth Tchebycheff, Lin et al. 2024), `"pbi"` (Zhang & Li
    2007) and `"cosmos"` (Ruchte & Grabocka 2021) with equal preferences. The formulas are in torchjd's
    documentation.

    A task that is absent from a batch is represented by its last observed loss, as a constant: there is no gradient and
    no logarithm of zero, and the weights of the other tasks do not change.

    Args:
        method: one of `SCALARIZERS`.
        weights: K weights.
        options: settings that override the defaults, by their names in torchjd.

    Raises:
        ConfigError: the method or a setting is unknown.

    >>> Scalarization("geometric_mean", [1.0, 1.0]).total([torch.tensor(2.0), torch.tensor(8.0)])
    tensor(4.)
    """

    latest: Tensor

    def __init__(self, method: str, weights: Sequence[float], options: Mapping[str, Any] | None = None) -> None:
        if method not in SCALARIZERS:
            raise ConfigError(f"There is no scalarizer {method!r}.{did_you_mean(method, SCALARIZERS)}")
        super().__init__(method, weights, {**SCALARIZERS[method].options, **(options or {})})
        self.scalarizer = _build(method, self.options, len(self.loss_weights))
        self.is_traceable = method != "geometric_mean"  # which raises an error where a loss is negative
        self.register_buffer("latest", torch.ones(len(self.loss_weights)))

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """The scalarizer's value of the K weighted losses."""
        values = torch.stack(tuple(losses)) * self.weights
        observed = values != 0
        values = torch.where(observed, values, self.latest)
        self.latest.copy_(values.detach())
        learned = {name: torch.where(observed, p, p.detach()) for name, p in self.scalarizer.named_parameters()}
        return functional_call(self.scalarizer, learned, (values,)) if learned else self.scalarizer(values)


def _build(method: str, options: Mapping[str, Any], tasks: int) -> Scalarizer:
    from torchjd import scalarization

    try:
        scalarizer = getattr(scalarization, SCALARIZERS[method].torchjd)(
            **SCALARIZERS[method].size_options(tasks), **options
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The scalarizer {method!r} cannot be created with {dict(options)}: {error}") from error
    # torchjd stores preferences as plain attributes, which `.to(device)` would not move.
    for name, value in [(n, v) for n, v in vars(scalarizer).items() if isinstance(v, Tensor)]:
        delattr(scalarizer, name)
        scalarizer.register_buffer(name, value, persistent=False)
    return scalarizer
