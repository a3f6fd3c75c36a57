"""What an author of parts needs: the bases of blocks, heads, codecs, metrics and balancers, and the registry.

`medley` itself offers what a user needs to build, train and apply a model; a part of one's own (see
`docs/own-block.md`) is written against the names here, which `medley.testing` checks the contracts of.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "balance.balancer": ("Balancer",),
    "core.block": ("Block", "DataSummary", "Node"),
    "core.codec": ("Codec", "Encoded", "TargetCodec"),
    "core.head": ("Head",),
    "core.input": ("DerivedInput", "InputBlock", "Preprocessing"),
    "core.layer": ("Composite", "Fusion", "Layer", "Wrapper"),
    "core.metric": ("Metric", "RowMetric", "SetMetric"),
    "core.registry": ("register",),
    "core.space": ("Space", "searched"),
    "core.spec": ("Column", "Spec"),
    "tables.columns.kind": ("ColumnKind",),
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]  (the stub spells it out)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from medley.errors import did_you_mean

        raise AttributeError(f"medley.extend has no {name!r}.{did_you_mean(name, _HOME)}")
    return getattr(import_module(f"medley.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
