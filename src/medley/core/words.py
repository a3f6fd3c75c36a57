"""The words that public arguments take, for editors and type checkers; tests compare them with what accepts them.

Losses, metrics, kinds and methods may be added by packages outside medley, or be written in another case: arguments
that take them take any text, too. The other words are closed sets, so that type checkers find typing errors.
"""

from __future__ import annotations

from typing import Literal

ClassLoss = Literal[
    "crossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "focal",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]

OrderedLoss = Literal[
    "crossentropy", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"
]

NumberLoss = Literal[
    "mean_squared_error", "mse", "mean_absolute_error", "mae", "huber", "huber_loss", "log_cosh", "logcosh"
]

ClassMetric = Literal[
    "accuracy",
    "acc",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "exact_match",
    "subset_accuracy",
    "top_k_categorical_accuracy",
    "top_3_accuracy",
    "top_5_accuracy",
    "log_loss",
    "crossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "brier_score",
    "auc",
    "roc_auc",
    "average_precision",
    "pr_auc",
    "balanced_accuracy",
    "mcc",
    "matthews_corrcoef",
    "cohen_kappa",
    "precision",
    "recall",
    "f1",
    "precision_score",
    "recall_score",
    "f1_score",
    "precision_macro",
    "precision_micro",
    "precision_weighted",
    "recall_macro",
    "recall_micro",
    "recall_weighted",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
]

OrderedMetric = Literal[
    "accuracy",
    "acc",
    "within_one",
    "mean_absolute_error",
    "mae",
    "quadratic_weighted_kappa",
    "quadratic_kappa",
    "qwk",
    "balanced_accuracy",
    "log_loss",
    "crossentropy",
]

NumberMetric = Literal[
    "mean_squared_error",
    "mse",
    "root_mean_squared_error",
    "rmse",
    "mean_absolute_error",
    "mae",
    "mean_absolute_percentage_error",
    "mape",
    "r2",
    "r2_score",
    "pearson",
]

MergeType = Literal["concatenate", "add", "gated", "attention", "low_rank"]

TunerName = Literal["local", "greedy", "random", "hyperband", "bayesian", "tpe"]

BalancerName = Literal[
    "uncertainty",
    "dwa",
    "famo",
    "cosmos",
    "geometric_mean",
    "imtl_l",
    "mean",
    "pbi",
    "random",
    "stch",
    "sum",
    "uw",
    "aligned_mtl",
    "config",
    "excess_mtl",
    "fairgrad",
    "graddrop",
    "gradvac",
    "imtl_g",
    "krum",
    "mgda",
    "pcd",
    "pcgrad",
    "trimmed_mean",
    "cagrad",
    "dualproj",
    "nash_mtl",
    "upgrad",
]
"""Methods that combine the losses of several tasks."""

KindName = Literal[
    "number",
    "category",
    "boolean",
    "text",
    "time",
    "image",
    "audio",
    "series",
    "vector",
    "set",
    "identifier",
    "constant",
    "unused",
    "count",
    "ordered",
]
"""Kinds of columns and, for targets, also counts and ordered classes."""

NewClasses = Literal["refuse", "add"]
"""What further training does with classes and labels that a model does not know."""

OnBadFile = Literal["warn", "raise", "drop"]
"""What is done with images and recordings that cannot be read."""

WeightCopy = Literal["copy", "reference"]
"""Whether pretrained weights are saved, or named."""
