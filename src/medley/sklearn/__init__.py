"""Estimators for scikit-learn, over the table API: its pipelines, cross-validation and searches take them.

`sklearn` in this package is scikit-learn; the package itself is `medley.sklearn`.
"""

from __future__ import annotations

from medley.sklearn.classifier import MedleyClassifier
from medley.sklearn.multi_task import MedleyMultiTask
from medley.sklearn.regressor import MedleyRegressor

__all__ = ["MedleyClassifier", "MedleyMultiTask", "MedleyRegressor"]
