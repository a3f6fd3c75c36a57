"""The scores are those of scikit-learn: with ties, with weights, for any number of classes."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from medley.heads.rankings import area_under_roc, average_precision, cohen_kappa, matthews_correlation

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("levels", [2, 5, 10_000])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("rows", [2, 9, 400])
def test_rankings(levels, is_weighted, rows):
    for _ in range(10):
        true = np.r_[0, 1, RNG.integers(0, 2, rows - 2)]
        score = (RNG.integers(0, levels, rows) / levels).astype(np.float32)
        weight = RNG.integers(1, 4, rows).astype(float) if is_weighted else None
        for ours, theirs in ((area_under_roc, sk.roc_auc_score), (average_precision, sk.average_precision_score)):
            assert ours(true, score, weight) == pytest.approx(theirs(true, score, sample_weight=weight), rel=1e-9)


@pytest.mark.parametrize("classes", [1, 2, 6])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 300])
def test_agreements(classes, is_weighted, rows):
    for _ in range(10):
        true, predicted = RNG.integers(0, classes, (2, rows))
        weight = RNG.integers(0, 4, rows) + 0.5 if is_weighted else None
        for ours, theirs in ((matthews_correlation, sk.matthews_corrcoef), (cohen_kappa, sk.cohen_kappa_score)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = theirs(true, predicted, sample_weight=weight)
            assert ours(true, predicted, weight) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
