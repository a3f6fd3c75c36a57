"""Fits the linear models of a linear path to blocks of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from medley.core.linear import FeatureBlock
from medley.linear.ridge import Features, RidgeFit, fit_ridge

MANY_ROWS = 4_000
"""Rows up to which a second model is solved although there are texts."""


def fit_models(
    blocks: Sequence[FeatureBlock],
    targets: np.ndarray,
    observed: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    weight: np.ndarray | None,
    **effort: Any,
) -> RidgeFit:
    """A ridge regression of all features, for each group of targets without the optional ones where that is better.

    Args:
        blocks: of features.
        targets: and the next ones as in `fit_ridge`.
        observed: likewise.
        folds: likewise.
        groups: likewise.
        weight: likewise.
        effort: further arguments of `fit_ridge`.
    """
    full = fit_ridge(join_features(blocks), targets, observed, folds, groups, weight, **effort)
    if not has_optional(blocks):
        return full
    is_left = [np.ones(block.matrix.shape[1], bool) if block.optional is None else ~block.optional for block in blocks]
    fewer = [replace(block, matrix=block.matrix[:, left]) for block, left in zip(blocks, is_left, strict=True)]
    lean = fit_ridge(join_features(fewer), targets, observed, folds, groups, weight, **effort)
    sums = [np.bincount(groups, fit.errors, groups.max() + 1) for fit in (full, lean)]
    is_lean = (sums[1] < sums[0])[groups]
    left = np.concatenate(is_left)
    lean = replace(
        lean,
        weights=_widened(lean.weights, full.weights, left),
        fold_weights=_widened(lean.fold_weights, full.fold_weights, left),
    )
    chosen = {}
    for field in fields(RidgeFit):
        first, second = getattr(full, field.name), getattr(lean, field.name)
        chosen[field.name] = None if first is None else np.where(is_lean, second, first)
    return RidgeFit(**chosen)


def _widened(lean: np.ndarray | None, full: np.ndarray | None, is_left: np.ndarray) -> Any:
    """Weights (..., F, J) with zeros for the features that a lean model does not read."""
    if lean is None or full is None:
        return None
    weights = np.zeros_like(full)
    weights[..., is_left, :] = lean
    return weights


def has_optional(blocks: Sequence[FeatureBlock]) -> bool:
    """Whether a second model without optional features is solved: where there are any, and that costs little."""
    is_cheap = blocks[0].matrix.shape[0] <= MANY_ROWS or not any(block.fits_alone for block in blocks)
    return is_cheap and any(block.optional is not None for block in blocks)


def join_features(blocks: Sequence[FeatureBlock]) -> Features:
    """The features of all blocks side by side."""
    return Features([block.matrix for block in blocks])
