"""torchjd's aggregators by name: their settings, and the state that they keep between batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from medley.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator


class StatefulAttributes(NamedTuple):
    """The attributes of a weighting that change from batch to batch, and the key by which torchjd validates them.

    torchjd's `state_dict` contains only part of them, and its `load_state_dict` restores none.
    """

    attributes: tuple[str, ...]
    key: Callable[[Any], object]


class AggregatorSpec(NamedTuple):
    """One aggregator: its class in torchjd, its settings here, and the minimum number of tasks that it needs."""

    torchjd: str
    options: Mapping[str, Any] = {}
    min_tasks: Callable[[Mapping[str, Any]], int] = lambda options: 2
    stateful: StatefulAttributes | None = None


# Settings without defaults in torchjd: alpha = 1 is proportional fairness; c is the paper's; no task is adversarial, so
# n_byzantine = 0; trimming one value at each end is the minimum.
AGGREGATORS: Mapping[str, AggregatorSpec] = {
    "aligned_mtl": AggregatorSpec("AlignedMTL"),
    "config": AggregatorSpec("ConFIG"),
    "excess_mtl": AggregatorSpec(
        "ExcessMTL",
        stateful=StatefulAttributes(
            ("_sq_grad_sum", "_weights", "_initial_w", "_warmup_w_sum", "_n_steps"),
            lambda part: (*part._sq_grad_sum.shape, part._sq_grad_sum.dtype, part._sq_grad_sum.device),
        ),
    ),
    "fairgrad": AggregatorSpec("FairGrad", {"alpha": 1.0}),
    "graddrop": AggregatorSpec("GradDrop"),
    "gradvac": AggregatorSpec(
        "GradVac", stateful=StatefulAttributes(("_phi_t",), lambda part: (len(part._phi_t), part._phi_t.dtype))
    ),
    "imtl_g": AggregatorSpec("IMTLG"),
    "krum": AggregatorSpec(
        "Krum",
        {"n_byzantine": 0, "n_selected": 1},
        lambda o: max(int(o["n_byzantine"]) + 3, int(o["n_selected"])),
    ),
    "mgda": AggregatorSpec("MGDA"),
    "pcd": AggregatorSpec(
        "PCD", stateful=StatefulAttributes(("_sq_norm_ema", "_n_steps"), lambda part: len(part._sq_norm_ema))
    ),
    "pcgrad": AggregatorSpec("PCGrad"),
    "trimmed_mean": AggregatorSpec("TrimmedMean", {"trim_number": 1}, lambda o: 2 * int(o["trim_number"]) + 1),
    # These need solvers that medley does not install (quadprog is GPL); they work if the solvers are installed.
    "cagrad": AggregatorSpec("CAGrad", {"c": 0.5}),
    "dualproj": AggregatorSpec("DualProj"),
    "nash_mtl": AggregatorSpec("NashMTL"),
    "upgrad": AggregatorSpec("UPGrad"),
}


def make_aggregator(method: str, options: Mapping[str, Any], tasks: int) -> Aggregator:
    """Create an aggregator of `tasks` gradients.

    Raises:
        MissingDependencyError: its solver is not installed.
        ConfigError: a setting is unknown or invalid.
    """
    from torchjd import aggregation

    size_options = {"n_tasks": tasks} if method == "nash_mtl" else {}
    try:
        return getattr(aggregation, AGGREGATORS[method].torchjd)(**size_options, **options)
    except ImportError as error:
        raise MissingDependencyError(f"The aggregator {method!r} needs an optional package. {error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The aggregator {method!r} cannot be created with {dict(options)}: {error}") from error


def aggregator_state(method: str, aggregator: Aggregator) -> dict[str, Tensor]:
    """The state of an aggregator by attribute; empty if its method has no state."""
    stateful = AGGREGATORS[method].stateful
    if stateful is None:
        return {}
    values = {name: getattr(_weighting(aggregator), name) for name in stateful.attributes}
    return {name: torch.as_tensor(value) for name, value in values.items() if value is not None}


def restore_aggregator(method: str, aggregator: Aggregator, state: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore the result of `aggregator_state` in a new aggregator; `device` is that of the gradients."""
    stateful = AGGREGATORS[method].stateful
    if stateful is None or not state:
        return
    weighting = _weighting(aggregator)
    for name, value in state.items():
        if isinstance(getattr(weighting, name), int):
            setattr(weighting, name, int(value))
        else:
            # Only excess_mtl computes on the gradients' device; the others use K x K matrices on the CPU.
            setattr(weighting, name, value.detach().clone().to(device if method == "excess_mtl" else "cpu"))
    weighting._state_key = stateful.key(weighting)


def _weighting(aggregator: Aggregator) -> Any:
    return next(part for part in aggregator.modules() if hasattr(part, "_state_key"))
