"""Heads: kinds of target, their losses and metrics."""

from medley.heads import first_stage  # noqa: F401  (importing registers)
from medley.heads.classification import ClassificationHead
from medley.heads.counts import CountHead
from medley.heads.ordered import OrderedHead
from medley.heads.regression import RegressionHead

__all__ = ["ClassificationHead", "CountHead", "OrderedHead", "RegressionHead"]
