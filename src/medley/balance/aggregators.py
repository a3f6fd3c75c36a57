"""torchjd's aggregators by name: how each is made, and what it remembers between batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from medley.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator


class Memory(NamedTuple):
    """What a method learns from batch to batch: attributes of its weighting and the key that vouches.

    torchjd's `state_dict` holds part of it, and its `load_state_dict` restores none.
    """

    attributes: tuple[str, ...]
    key: Callable[[Any], object]


class Method(NamedTuple):
    """One aggregator: its class in torchjd, our settings for it, the fewest rows it can work on."""

    torchjd: str
    options: Mapping[str, Any] = {}
    fewest: Callable[[Mapping[str, Any]], int] = lambda options: 2
    memory: Memory | None = None


# Settings that torchjd leaves open: alpha = 1 is proportional fairness, c is the paper's; none of several
# targets is an adversary, so Krum expects none; one value from each end is the least there is to trim.
AGGREGATORS: Mapping[str, Method] = {
    "aligned_mtl": Method("AlignedMTL"),
    "config": Method("ConFIG"),
    "excess_mtl": Method(
        "ExcessMTL",
        memory=Memory(
            ("_sq_grad_sum", "_weights", "_initial_w", "_warmup_w_sum", "_n_steps"),
            lambda part: (*part._sq_grad_sum.shape, part._sq_grad_sum.dtype, part._sq_grad_sum.device),
        ),
    ),
    "fairgrad": Method("FairGrad", {"alpha": 1.0}),
    "graddrop": Method("GradDrop"),
    "gradvac": Method("GradVac", memory=Memory(("_phi_t",), lambda part: (len(part._phi_t), part._phi_t.dtype))),
    "imtl_g": Method("IMTLG"),
    "krum": Method(
        "Krum",
        {"n_byzantine": 0, "n_selected": 1},
        lambda o: max(int(o["n_byzantine"]) + 3, int(o["n_selected"])),
    ),
    "mgda": Method("MGDA"),
    "pcd": Method("PCD", memory=Memory(("_sq_norm_ema", "_n_steps"), lambda part: len(part._sq_norm_ema))),
    "pcgrad": Method("PCGrad"),
    "trimmed_mean": Method("TrimmedMean", {"trim_number": 1}, lambda o: 2 * int(o["trim_number"]) + 1),
    # These need solvers that medley does not install (quadprog is GPL): they work where the solvers are
    # present.
    "cagrad": Method("CAGrad", {"c": 0.5}),
    "dualproj": Method("DualProj"),
    "nash_mtl": Method("NashMTL"),
    "upgrad": Method("UPGrad"),
}


def make(method: str, options: Mapping[str, Any], rows: int) -> Aggregator:
    """A new aggregator of `rows` gradients.

    Raises:
        MissingDependencyError: its solver is not installed.
        ConfigError: it has no such setting.
    """
    from torchjd import aggregation

    sized = {"n_tasks": rows} if method == "nash_mtl" else {}
    try:
        return getattr(aggregation, AGGREGATORS[method].torchjd)(**sized, **options)
    except ImportError as missing:
        raise MissingDependencyError(f"The aggregator {method!r} needs an extra. {missing}") from missing
    except (TypeError, ValueError) as wrong:
        raise ConfigError(f"The aggregator {method!r} cannot be made with {dict(options)}: {wrong}") from wrong


def remembered(method: str, aggregator: Aggregator) -> dict[str, Tensor]:
    """What `aggregator` has learnt so far, by attribute; empty where its method keeps nothing."""
    memory = AGGREGATORS[method].memory
    if memory is None:
        return {}
    kept = {name: getattr(_keeper(aggregator), name) for name in memory.attributes}
    return {name: torch.as_tensor(value) for name, value in kept.items() if value is not None}


def recall(method: str, aggregator: Aggregator, state: Mapping[str, Tensor], device: torch.device) -> None:
    """Gives a new aggregator back what `remembered` told. `device` is where the gradients will be."""
    memory = AGGREGATORS[method].memory
    if memory is None or not state:
        return
    keeper = _keeper(aggregator)
    for name, value in state.items():
        if isinstance(getattr(keeper, name), int):
            setattr(keeper, name, int(value))
        else:
            # Only excess_mtl works where the gradients are; the others work on K x K matrices on the CPU.
            setattr(keeper, name, value.detach().clone().to(device if method == "excess_mtl" else "cpu"))
    keeper._state_key = memory.key(keeper)


def _keeper(aggregator: Aggregator) -> Any:
    return next(part for part in aggregator.modules() if hasattr(part, "_state_key"))
