"""The arguments of `Predictor.predict` that are given by name, for its overloads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

OnUnreadable = Literal["warn", "raise"]


class ProbaOptions(TypedDict, total=False):
    """The arguments of `predict_proba`."""

    root: str | Path | None
    calibrated: bool
    on_unreadable: OnUnreadable


class PredictOptions(ProbaOptions, total=False):
    """The arguments of `predict`."""

    proba: bool
    interval: float | None
