"""Ridge regression of many targets on many sparse features, with out-of-fold predictions.

Solved in the dual by conjugate gradients, whose vectors have one entry per row instead of per feature; all strengths of
the penalty share one run. Sources: Hestenes and Stiefel, 1952; Jegerlehner: Krylov space solvers for shifted linear
systems, 1996, https://arxiv.org/abs/hep-lat/9612014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
ITERATIONS, MIN_ITERATIONS = 40, 12
MAX_BYTES = 2**29
"""Memory for the vectors of a run; if there are more targets than fit into it, groups of targets are solved."""


_LEAST_VARIATION = 1e-4
"""Singular value of a component, as a fraction of the greatest, below which it holds nothing in float32."""


@dataclass(frozen=True)
class RidgeFit:
    """Ridge regressions, one per fold, each fitted to the rows of the other folds.

    Args:
        weights: (F, J), mean over folds.
        intercept: (J,), mean over folds.
        out_of_fold: (N, J) predictions for training rows by the model that was not fitted to them.
        strengths: (J,) the chosen strengths of the penalty.
        errors: (J,) sums of squared out-of-fold errors.
        fold_weights: (folds, F, J) float16, weights of the model of each fold; None unless they were asked for.
        fold_intercepts: (folds, J), likewise.
    """

    weights: np.ndarray
    intercept: np.ndarray
    out_of_fold: np.ndarray
    strengths: np.ndarray
    errors: np.ndarray
    fold_weights: np.ndarray | None = None
    fold_intercepts: np.ndarray | None = None


class Features:
    """A feature matrix X (N, F), with products by X and by its transpose.

    Args:
        blocks: matrices (N, F_b), NumPy arrays or SciPy CSR matrices.
    """

    def __init__(self, blocks: Sequence[Any]) -> None:
        import torch

        self.blocks: list[tuple[Any, Any]] = []
        self.rows = blocks[0].shape[0]
        for block in blocks:
            if isinstance(block, np.ndarray):
                dense = torch.from_numpy(np.ascontiguousarray(block, np.float32))
                self.blocks.append((dense, dense.T))
            else:
                self.blocks.append((_sparse(block), _sparse(block.T.tocsr())))

    def times(self, vectors: Tensor) -> Tensor:
        """X X^T v for v (N, C): (N, C)."""
        return sum(matrix @ (transposed @ vectors) for matrix, transposed in self.blocks)  # type: ignore[return-value]

    def transposed_times(self, vectors: Tensor) -> Tensor:
        """X^T v for v (N, C): (F, C)."""
        import torch

        return torch.cat([transposed @ vectors for _, transposed in self.blocks])


def fit_ridge(
    features: Features,
    targets: np.ndarray,
    observed: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    weight: np.ndarray | None = None,
    strengths: Sequence[float] = STRENGTHS,
    iterations: int = ITERATIONS,
    *,
    by_fold: bool = False,
) -> RidgeFit:
    """Fits one ridge regression per fold and target.

    Args:
        features: of N rows.
        targets: (N, J) numbers.
        observed: (N, J) bool; unobserved targets are ignored.
        folds: (N,) from 0.
        groups: (J,) group of each target, such as its head; a group has a common strength of the penalty.
        weight: (N, 1) sample weights, or (N, J) of each target, or None.
        strengths: of the penalty, in increasing order; each group gets the one with the least out-of-fold error.
        iterations: of the solver.
        by_fold: whether the weights of each fold are returned, too.
    """
    import torch

    count, width = targets.shape
    fold_count = int(folds.max()) + 1
    per_target = 4 * count * fold_count * (2 * len(strengths) + 6)
    step = max(1, MAX_BYTES // per_target)
    is_held_out = torch.from_numpy(folds[:, None] == np.arange(fold_count))  # (N, folds)
    scaled = np.ones((count, 1), np.float32) if weight is None else weight / weight.mean(axis=0).clip(min=1e-12)
    root = torch.from_numpy(np.sqrt(scaled)).float().expand(count, width)
    results: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, width, step):
        part = slice(start, min(start + step, width))
        results.append(
            _solve(features, targets[:, part], observed[:, part], is_held_out, root[:, part], strengths, iterations)
        )
    errors = torch.cat([result[0] for result in results], dim=1).numpy()  # (S, J)
    chosen = np.zeros(width, np.int64)
    for group in np.unique(groups):
        members = groups == group
        chosen[members] = int(errors[:, members].sum(axis=1).argmin())
    choice = torch.from_numpy(chosen)
    duals, outputs = [], []
    start = 0
    for _, dual, predicted in results:
        size = dual.shape[2]
        index = choice[start : start + size]
        duals.append(torch.stack([dual[index[j], :, j] for j in range(size)], dim=1))  # (N, size, folds)
        outputs.append(torch.stack([predicted[index[j], :, j] for j in range(size)], dim=1))
        start += size
    dual = torch.cat(duals, dim=1)
    out_of_fold = torch.cat(outputs, dim=1)
    means = _means(targets, observed, is_held_out, root)
    weights = features.transposed_times(dual.mean(dim=2))
    return RidgeFit(
        weights.numpy(),
        means.mean(dim=1).numpy(),
        out_of_fold.numpy(),
        np.asarray(strengths)[chosen].astype(np.float32),
        errors[chosen, np.arange(width)],
        _fold_weights(features, dual) if by_fold else None,
        means.T.numpy() if by_fold else None,
    )


def _fold_weights(features: Features, dual: Tensor) -> np.ndarray:
    """Weights (folds, F, J) of each fold's model, from its dual solution (N, J, folds)."""
    folds = range(dual.shape[2])
    return np.stack([features.transposed_times(dual[:, :, fold]).numpy().astype(np.float16) for fold in folds])


def _means(targets: np.ndarray, observed: np.ndarray, is_held_out: Tensor, root: Tensor) -> Tensor:
    """Weighted means (J, folds) over the rows to which the model of each fold is fitted."""
    import torch

    weight = torch.from_numpy(observed).float() * root.square()
    is_fitted = (~is_held_out).float()
    sums = (torch.from_numpy(targets).float() * weight).T @ is_fitted
    return sums / (weight.T @ is_fitted).clamp(min=1e-9)


def _solve(
    features: Features,
    targets: np.ndarray,
    observed: np.ndarray,
    is_held_out: Tensor,
    root: Tensor,
    strengths: Sequence[float],
    iterations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Out-of-fold errors (S, J), dual solutions (S, N, J, folds), and out-of-fold predictions (S, N, J)."""
    import torch

    count, width = targets.shape
    fold_count = is_held_out.shape[1]
    values = torch.from_numpy(np.ascontiguousarray(targets, np.float32))
    is_observed = torch.from_numpy(observed)
    means = _means(targets, observed, is_held_out, root)
    mask = ((is_observed[:, :, None] & ~is_held_out[:, None, :]).float() * root[:, :, None]).flatten(
        1
    )  # (N, J * folds)
    right = (values[:, :, None] - means).flatten(1) * mask

    def operator(vectors: Tensor) -> Tensor:
        return mask * features.times(mask * vectors)

    solutions = shifted_solutions(operator, right, strengths, iterations)
    errors, outputs, duals = [], [], []
    for solution in solutions:
        dual = solution * mask
        predicted = features.times(dual).view(count, width, fold_count) + means
        output = (predicted * is_held_out[:, None, :]).sum(dim=2)
        residual = torch.where(is_observed, output - values, 0.0) * root
        errors.append(residual.square().sum(dim=0))
        outputs.append(output)
        duals.append(dual.view(count, width, fold_count))
    return torch.stack(errors), torch.stack(duals), torch.stack(outputs)


def shifted_solutions(operator: Any, right: Tensor, shifts: Sequence[float], iterations: int) -> Tensor:
    """Solves (A + s I) x = b for several shifts s at once, by conjugate gradients, column by column.

    Args:
        operator: v (N, C) -> A v, A symmetric and positive semidefinite (may differ between columns).
        right: right-hand sides b (N, C).
        shifts: in increasing order, positive; the system of the first is iterated.
        iterations: number of iterations.

    Returns:
        (S, N, C).

    >>> import torch
    >>> matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> x = shifted_solutions(lambda v: matrix @ v, torch.ones(2, 1), [1.0, 2.0], 5)
    >>> torch.allclose((matrix + 2 * torch.eye(2)) @ x[1], torch.ones(2, 1), atol=1e-5)
    True
    """
    import torch

    columns = right.shape[1]
    x = torch.zeros(len(shifts), *right.shape)
    directions = right.expand(len(shifts), *right.shape).clone()
    residual = right.clone()
    square = residual.square().sum(dim=0)
    zeta_old, zeta = torch.ones(len(shifts), columns), torch.ones(len(shifts), columns)
    alpha_old, beta_old = torch.ones(columns), torch.zeros(columns)
    offsets = torch.tensor([shift - shifts[0] for shift in shifts])[:, None]
    for _ in range(iterations):
        direction = directions[0]
        product = operator(direction) + shifts[0] * direction
        curvature = (direction * product).sum(dim=0)
        is_running = (curvature > 0) & (square > 1e-12)
        alpha = torch.where(is_running, square / curvature.clamp(min=1e-30), 0.0)
        denominator = alpha * beta_old * (zeta_old - zeta) + zeta_old * alpha_old * (1 + offsets * alpha)
        zeta_new = torch.where(is_running, zeta * zeta_old * alpha_old / denominator.clamp(min=1e-30), zeta)
        ratio = torch.where(is_running, zeta_new / zeta.clamp(min=1e-30), 0.0)
        for index in range(len(shifts)):
            x[index].addcmul_(directions[index], (alpha * ratio[index]).expand_as(right))
        residual -= alpha * product
        square_new = residual.square().sum(dim=0)
        beta = torch.where(is_running, square_new / square.clamp(min=1e-30), 0.0)
        for index in range(len(shifts)):
            directions[index].mul_(beta * ratio[index].square()).addcmul_(residual, zeta_new[index].expand_as(right))
        zeta_old, zeta = torch.where(is_running, zeta, zeta_old), zeta_new
        alpha_old = torch.where(is_running, alpha, alpha_old)
        beta_old = torch.where(is_running, beta, beta_old)
        square = torch.where(is_running, square_new, square)
    return x


def seconds_per_product(features: Features, numbers: int, columns: int = 32) -> float:
    """Seconds that an iteration of the solver takes on this machine, estimated from a product with few columns.

    Args:
        features: of N rows.
        numbers: size of the solver's vectors: N times their columns.
        columns: of the product that is measured.
    """
    from time import perf_counter

    import torch

    vectors = torch.ones(features.rows, columns)
    times = []
    for _ in range(2):
        start_time = perf_counter()
        features.times(vectors)
        times.append(perf_counter() - start_time)
    # Updating the vectors of all strengths takes about as long as the product.
    return 2 * min(times) * numbers / (features.rows * columns)


def principal_components(matrix: Any, width: int = 64, scale: float = 0.3) -> np.ndarray:
    """Principal directions (F, P) of a feature matrix; they represent a text by few numbers.

    By subspace iteration on random vectors. Source: Halko, Martinsson, Tropp: Finding structure with randomness, 2011,
    https://arxiv.org/abs/0909.4061.

    Args:
        matrix: (N, F), sparse or not; not centred.
        width: maximum of P.
        scale: approximate standard deviation of the first component, chosen so that float16 can represent the result.
    """
    import torch

    rows, columns = matrix.shape
    width = min(width, columns, rows)
    if not width:  # no word or label recurs
        return np.zeros((columns, 0), np.float16)
    features = Features([matrix])
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(rows, width, generator=generator)
    for _ in range(3):
        basis = torch.linalg.qr(features.times(basis))[0]
    projected = features.transposed_times(basis)  # (F, P)
    left, singular, _ = torch.linalg.svd(projected, full_matrices=False)
    varies = singular > _LEAST_VARIATION * singular[0]  # the others are rounding errors, as of texts that are all alike
    left, singular = left[:, varies], singular[varies]
    unit_scale = rows**0.5 / singular[:2][-1:]
    return (left * unit_scale * scale).to(torch.float16).numpy()


def _sparse(matrix: Any) -> Tensor:
    import warnings

    import torch

    with warnings.catch_warnings():  # torch calls its sparse tensors a beta, and warns that it does not check them
        warnings.simplefilter("ignore")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
        )
