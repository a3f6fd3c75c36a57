"""What is learnt from validation predictions: calibrations, intervals and sets of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from medley.trust.calibration import AnyCalibration
from medley.trust.conformal import Conformal, fit_conformal
from medley.trust.fit_calibration import fit_calibration
from medley.trust.fit_mean_correction import fit_mean_correction
from medley.trust.trust import Trust
from medley.trust.validation import ValidationPredictions


def fit_trust(validation: ValidationPredictions) -> tuple[Trust, dict[str, Any]]:
    """Learns from validation predictions how far predictions can be trusted.

    Args:
        validation: of all tasks of a model.

    Returns:
        What was learnt; and head name -> what the cross-check of its calibration has measured, as JSON, for heads of
        classes and of numbers whose logarithms were fitted.
    """
    calibrations: dict[str, AnyCalibration] = {}
    conformal: dict[str, Conformal] = {}
    checks: dict[str, Any] = {}
    for head, task in validation.tasks.items():
        fit = fit_calibration if task.codec.geometric is None else fit_mean_correction
        calibration, check = fit(task, validation.groups)
        if calibration is not None:
            calibrations[head] = calibration
        if check is not None:
            checks[head] = check
        fitted = fit_conformal(task.codec, task.raw, task.encoded, task.weight, validation.groups)
        if fitted is not None:
            conformal[head] = fitted
    return Trust(validation.calibrated(calibrations), calibrations, conformal), checks


def complete_trust(trust: Trust, metadata: dict[str, Any]) -> Trust:
    """Learns from the validation predictions of a model what has not been learnt from them yet.

    A search trains many networks and keeps few, so its trials store their validation predictions only. Whatever makes a
    model available (the results of a search, a file) completes it.

    Args:
        trust: of the model.
        metadata: of the model; `"calibration"`, the measurements of the cross-checks, is added, and marks models that
            are complete.

    Returns:
        The same for models that are complete, or have no validation predictions.
    """
    if trust.validation is None or "calibration" in metadata:
        return trust
    learned, metadata["calibration"] = fit_trust(trust.validation)
    return replace(learned, reference=trust.reference)
