"""What predictions depend on: columns, inputs, modalities, for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from medley.report.evidence import Evidence

if TYPE_CHECKING:
    from medley.model.model import Model


def importance_section(model: Model, evidence: Evidence | None, names: Mapping[str, str]) -> dict[str, Any] | None:
    """The section on importance; None without rows.

    Args:
        model: a model.
        evidence: with the rows themselves.
        names: head name -> name of the target.
    """
    return None
