"""The solver equals a direct solution, and out-of-fold predictions are those of models not fitted to the row."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from medley.linear.ridge import Features, fit_ridge, principal_components, seconds_per_product, shifted_solutions

STRENGTHS = (0.5, 2.0, 8.0)


def problem(rows=200, columns=30, targets=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns)).astype(np.float32)
    y = (x @ rng.standard_normal((columns, targets)) + rng.standard_normal((rows, targets))).astype(np.float32)
    return x, y, rng.random((rows, targets)) < 0.8, rng.integers(0, 5, rows)


def direct(x, y, mask, strength, weight=None):
    """Weights and mean of a ridge regression on the rows of a mask, by the normal equations."""
    w = np.ones(len(x)) if weight is None else weight / weight.mean()
    mean = np.average(y[mask], weights=w[mask])
    a = x[mask] * np.sqrt(w[mask])[:, None]
    b = (y[mask] - mean) * np.sqrt(w[mask])
    return np.linalg.solve(a.T @ a + strength * np.eye(x.shape[1]), a.T @ b), mean


@pytest.mark.parametrize("weighted", [False, True])
def test_answers_out_of_fold_are_those_of_a_direct_solution_without_the_fold(weighted):
    x, y, observed, folds = problem()
    weight = np.random.default_rng(1).random(len(x)).astype(np.float32) if weighted else None
    fit = fit_ridge(
        Features([x]),
        y,
        observed,
        folds,
        np.arange(3),
        None if weight is None else weight[:, None],
        STRENGTHS,
        iterations=60,
    )
    for target in range(3):
        for fold in range(5):
            mask = observed[:, target] & (folds != fold)
            weights, mean = direct(x, y[:, target], mask, fit.strengths[target], weight)
            expected = x[folds == fold] @ weights + mean
            np.testing.assert_allclose(fit.out_of_fold[folds == fold, target], expected, atol=2e-3)


def test_new_rows_get_the_mean_of_the_folds_models():
    x, y, observed, folds = problem()
    fit = fit_ridge(Features([x]), y, observed, folds, np.zeros(3), strengths=(2.0,), iterations=60)
    models = [direct(x, y[:, 0], observed[:, 0] & (folds != fold), 2.0) for fold in range(5)]
    np.testing.assert_allclose(fit.weights[:, 0], np.mean([weights for weights, _ in models], axis=0), atol=2e-3)
    np.testing.assert_allclose(fit.intercept[0], np.mean([mean for _, mean in models]), atol=1e-4)


def test_targets_of_one_group_share_the_strength_with_the_least_error():
    x, y, observed, folds = problem(rows=60)
    errors = []
    for strength in STRENGTHS:
        fit = fit_ridge(Features([x]), y, observed, folds, np.zeros(3), strengths=(strength,), iterations=60)
        errors.append(np.where(observed, fit.out_of_fold - y, 0).__pow__(2).sum())
    fit = fit_ridge(Features([x]), y, observed, folds, np.zeros(3), strengths=STRENGTHS, iterations=60)
    assert fit.strengths.tolist() == [STRENGTHS[int(np.argmin(errors))]] * 3


def test_sparse_and_dense_blocks_are_one_matrix():
    x, y, observed, folds = problem()
    whole = fit_ridge(Features([x]), y, observed, folds, np.arange(3), strengths=(2.0,))
    parts = fit_ridge(
        Features([sp.csr_matrix(x[:, :20]), x[:, 20:]]), y, observed, folds, np.arange(3), strengths=(2.0,)
    )
    np.testing.assert_allclose(parts.weights, whole.weights, atol=1e-4)


def test_all_shifts_are_solved_in_one_run():
    rng = np.random.default_rng(0)
    half = rng.standard_normal((12, 12)).astype(np.float32)
    matrix, right = torch.from_numpy(half @ half.T), torch.from_numpy(rng.standard_normal((12, 2)).astype(np.float32))
    solutions = shifted_solutions(lambda v: matrix @ v, right, (0.5, 3.0, 20.0), iterations=60)
    for shift, solution in zip((0.5, 3.0, 20.0), solutions, strict=True):
        torch.testing.assert_close((matrix + shift * torch.eye(12)) @ solution, right, atol=1e-2, rtol=1e-2)


def test_a_target_that_no_row_has_is_zero_and_not_nan():
    x, y, observed, folds = problem()
    observed[:, 1] = False
    fit = fit_ridge(Features([x]), y, observed, folds, np.arange(3))
    assert np.isfinite(fit.out_of_fold).all()
    assert np.isfinite(fit.weights).all()
    assert not fit.weights[:, 1].any()


def test_targets_that_do_not_fit_into_memory_together_are_solved_in_groups(monkeypatch):
    x, y, observed, folds = problem()
    whole = fit_ridge(Features([x]), y, observed, folds, np.arange(3))
    monkeypatch.setattr("medley.linear.ridge.MAX_BYTES", 1)
    again = fit_ridge(Features([x]), y, observed, folds, np.arange(3))
    np.testing.assert_allclose(again.weights, whole.weights, atol=1e-3)


def test_principal_components_hold_the_directions_of_most_variance():
    rng = np.random.default_rng(0)
    matrix = (rng.standard_normal((300, 2)) @ rng.standard_normal((2, 40))).astype(np.float32)
    matrix += 0.01 * rng.standard_normal(matrix.shape).astype(np.float32)
    components = principal_components(sp.csr_matrix(matrix), width=2).astype(np.float32)
    basis, _ = np.linalg.qr(components)
    assert np.linalg.norm(matrix - matrix @ basis @ basis.T) < 0.05 * np.linalg.norm(matrix)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_principal_components_of_few_directions_are_finite_and_as_many_as_vary(rank):
    rng = np.random.default_rng(0)
    matrix = (rng.standard_normal((200, rank)) @ rng.standard_normal((rank, 40))).astype(np.float32)
    components = principal_components(sp.csr_matrix(matrix))
    assert components.shape == (40, rank)
    assert np.isfinite(components).all()
    assert np.abs(matrix @ components).max(initial=0) < 10


def test_seconds_of_a_step_grow_with_the_numbers():
    features = Features([problem()[0]])
    assert seconds_per_product(features, 100) > 0


def test_optional_features_are_left_out_for_targets_that_are_predicted_better_without():
    from medley.core.linear import FeatureBlock
    from medley.linear.fitting import fit_models

    rng = np.random.default_rng(0)
    useful, noise = rng.normal(size=(200, 4)), rng.normal(size=(200, 400))
    bend = np.abs(useful[:, :1])
    matrix = (0.1 * np.concatenate([useful, bend, noise], axis=1)).astype(np.float32)
    optional = np.array([False] * 4 + [True] * 401)
    straight = useful.sum(axis=1) + 0.1 * rng.normal(size=200)
    targets = np.stack([straight, 10 * bend[:, 0]], axis=1).astype(np.float32)
    rows = (targets, np.ones((200, 2), bool), np.arange(200) % 5, np.array([0, 1]), None)
    fit, full = (
        fit_models([FeatureBlock("", matrix, optional=optional)], *rows),
        fit_models([FeatureBlock("", matrix)], *rows),
    )
    assert not fit.weights[4:, 0].any()
    assert fit.weights[4, 1] > 0
    assert fit.errors[0] < full.errors[0] / 4
    answers = matrix @ fit.weights + fit.intercept
    assert np.corrcoef(answers[:, 0], straight)[0, 1] > 0.99
