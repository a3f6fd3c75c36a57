"""Ridge regression of many targets on many sparse features, with answers out of fold.

Solved in the dual by conjugate gradients, whose vectors live on rows and not on features; all strengths of the penalty
share one run. Sources: Hestenes and Stiefel, 1952; Jegerlehner: Krylov space solvers for shifted linear systems, 1996,
https://arxiv.org/abs/hep-lat/9612014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
ITERATIONS, LEAST_ITERATIONS = 40, 12
MAX_BYTES = 2**29
"""Memory for the vectors of a run; more targets than fit into it are solved one group after the other."""


@dataclass(frozen=True)
class RidgeFit:
    """A ridge regression for each fold of the rows, which leaves out the fold's rows.

    Args:
        weights: (F, J), the mean over folds.
        intercept: (J,), likewise.
        out_of_fold: (N, J) answers for the training rows by the model that left them out.
        strengths: (J,) the chosen penalties.
    """

    weights: np.ndarray
    intercept: np.ndarray
    out_of_fold: np.ndarray
    strengths: np.ndarray


class Features:
    """A feature matrix (N, F) that multiplies from both sides.

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
        """X X^T v: (N, C) -> (N, C)."""
        return sum(matrix @ (transposed @ vectors) for matrix, transposed in self.blocks)  # type: ignore[return-value]

    def transposed_times(self, vectors: Tensor) -> Tensor:
        """X^T v: (N, C) -> (F, C)."""
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
) -> RidgeFit:
    """Fits one ridge regression per fold and target.

    Args:
        features: of N rows.
        targets: (N, J) numbers.
        observed: (N, J) bool; others count for nothing.
        folds: (N,) from 0.
        groups: (J,) targets of one number share their strength, as the classes of one head do.
        weight: (N, 1) sample weights, or (N, J) of each target, or None.
        strengths: of the penalty, in rising order; each group gets the one with the least error out of fold.
        iterations: of the solver.
    """
    import torch

    count, width = targets.shape
    fold_count = int(folds.max()) + 1
    per_target = 4 * count * fold_count * (2 * len(strengths) + 6)
    step = max(1, MAX_BYTES // per_target)
    held_out = torch.from_numpy(folds[:, None] == np.arange(fold_count))  # (N, folds)
    weight = np.ones((count, 1), np.float32) if weight is None else weight / weight.mean(axis=0).clip(min=1e-12)
    root = torch.from_numpy(np.sqrt(weight)).float().expand(count, width)
    pieces: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, width, step):
        part = slice(start, min(start + step, width))
        pieces.append(
            _solve(features, targets[:, part], observed[:, part], held_out, root[:, part], strengths, iterations)
        )
    errors = torch.cat([piece[0] for piece in pieces], dim=1).numpy()  # (S, J)
    chosen = np.zeros(width, np.int64)
    for group in np.unique(groups):
        members = groups == group
        chosen[members] = int(errors[:, members].sum(axis=1).argmin())
    pick = torch.from_numpy(chosen)
    duals, answers, means = [], [], []
    start = 0
    for _, dual, piece in ((None, *piece[1:]) for piece in pieces):
        size = dual.shape[2]
        index = pick[start : start + size]
        duals.append(torch.stack([dual[index[j], :, j] for j in range(size)], dim=1))  # (N, size, folds)
        answers.append(torch.stack([piece[index[j], :, j] for j in range(size)], dim=1))
        start += size
    dual = torch.cat(duals, dim=1)
    out_of_fold = torch.cat(answers, dim=1)
    means = _means(targets, observed, held_out, root)
    weights = features.transposed_times(dual.mean(dim=2))
    return RidgeFit(
        weights.numpy(),
        means.mean(dim=1).numpy(),
        out_of_fold.numpy(),
        np.asarray(strengths)[chosen].astype(np.float32),
    )


def _means(targets: np.ndarray, observed: np.ndarray, held_out: Tensor, root: Tensor) -> Tensor:
    """(J, folds) weighted means over the rows that each fold's model is fitted to."""
    import torch

    mass = torch.from_numpy(observed).float() * root.square()
    is_fitted = (~held_out).float()
    sums = (torch.from_numpy(targets).float() * mass).T @ is_fitted
    return sums / (mass.T @ is_fitted).clamp(min=1e-9)


def _solve(
    features: Features,
    targets: np.ndarray,
    observed: np.ndarray,
    held_out: Tensor,
    root: Tensor,
    strengths: Sequence[float],
    iterations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Errors out of fold (S, J), dual solutions (S, N, J, folds), and answers out of fold (S, N, J)."""
    import torch

    count, width = targets.shape
    fold_count = held_out.shape[1]
    values = torch.from_numpy(np.ascontiguousarray(targets, np.float32))
    seen = torch.from_numpy(observed)
    means = _means(targets, observed, held_out, root)
    mask = ((seen[:, :, None] & ~held_out[:, None, :]).float() * root[:, :, None]).flatten(1)  # (N, J * folds)
    right = (values[:, :, None] - means).flatten(1) * mask

    def operator(vectors: Tensor) -> Tensor:
        return mask * features.times(mask * vectors)

    solutions = shifted_solutions(operator, right, strengths, iterations)
    errors, answers, duals = [], [], []
    for solution in solutions:
        dual = solution * mask
        predicted = features.times(dual).view(count, width, fold_count) + means
        answer = (predicted * held_out[:, None, :]).sum(dim=2)
        residual = torch.where(seen, answer - values, 0.0) * root
        errors.append(residual.square().sum(dim=0))
        answers.append(answer)
        duals.append(dual.view(count, width, fold_count))
    return torch.stack(errors), torch.stack(duals), torch.stack(answers)


def shifted_solutions(operator: Any, right: Tensor, shifts: Sequence[float], iterations: int) -> Tensor:
    """Solves (A + s I) x = b for several shifts s at once, by conjugate gradients, column by column.

    Args:
        operator: v (N, C) -> A v, A symmetric and positive semidefinite (another one for each column).
        right: (N, C).
        shifts: in rising order, positive; the first one's system is iterated.
        iterations: how many.

    Returns:
        (S, N, C).

    >>> import torch
    >>> matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> x = shifted_solutions(lambda v: matrix @ v, torch.ones(2, 1), [1.0, 2.0], 5)
    >>> torch.allclose((matrix + 2 * torch.eye(2)) @ x[1], torch.ones(2, 1), atol=1e-5)
    True
    """
    import torch

    extra = [shift - shifts[0] for shift in shifts]
    columns = right.shape[1]
    x = torch.zeros(len(shifts), *right.shape)
    directions = right.expand(len(shifts), *right.shape).clone()
    residual = right.clone()
    square = residual.square().sum(dim=0)
    zeta_old, zeta = torch.ones(len(shifts), columns), torch.ones(len(shifts), columns)
    alpha_old, beta_old = torch.ones(columns), torch.zeros(columns)
    offsets = torch.tensor(extra)[:, None]
    for _ in range(iterations):
        seed = directions[0]
        image = operator(seed) + shifts[0] * seed
        curvature = (seed * image).sum(dim=0)
        is_running = (curvature > 0) & (square > 1e-12)
        alpha = torch.where(is_running, square / curvature.clamp(min=1e-30), 0.0)
        bottom = alpha * beta_old * (zeta_old - zeta) + zeta_old * alpha_old * (1 + offsets * alpha)
        zeta_new = torch.where(is_running, zeta * zeta_old * alpha_old / bottom.clamp(min=1e-30), zeta)
        ratio = torch.where(is_running, zeta_new / zeta.clamp(min=1e-30), 0.0)
        for place in range(len(shifts)):
            x[place].addcmul_(directions[place], (alpha * ratio[place]).expand_as(right))
        residual -= alpha * image
        square_new = residual.square().sum(dim=0)
        beta = torch.where(is_running, square_new / square.clamp(min=1e-30), 0.0)
        for place in range(len(shifts)):
            directions[place].mul_(beta * ratio[place].square()).addcmul_(residual, zeta_new[place].expand_as(right))
        zeta_old, zeta = torch.where(is_running, zeta, zeta_old), zeta_new
        alpha_old = torch.where(is_running, alpha, alpha_old)
        beta_old = torch.where(is_running, beta, beta_old)
        square = torch.where(is_running, square_new, square)
    return x


def seconds_per_product(features: Features, numbers: int, tried: int = 32) -> float:
    """Seconds that a step of the solver takes on this machine, by a product with few columns.

    Args:
        features: of N rows.
        numbers: in the solver's vectors, N times their columns.
        tried: columns of the product that is measured.
    """
    from time import perf_counter

    import torch

    vectors = torch.ones(features.rows, tried)
    times = []
    for _ in range(2):
        began = perf_counter()
        features.times(vectors)
        times.append(perf_counter() - began)
    # The vectors of all strengths are updated as well, which takes about as long again.
    return 2 * min(times) * numbers / (features.rows * tried)


def principal_components(matrix: Any, width: int = 64, scale: float = 0.3) -> np.ndarray:
    """Directions (F, P) in which rows of features differ most: a vector says in few numbers what a text is about.

    By subspace iteration on random vectors. Source: Halko, Martinsson, Tropp: Finding structure with randomness, 2011,
    https://arxiv.org/abs/0909.4061.

    Args:
        matrix: (N, F), sparse or not; not centred.
        width: P at most.
        scale: standard deviation of the first component's values, about; float16 holds the result.
    """
    import torch

    rows, columns = matrix.shape
    width = min(width, columns, rows)
    features = Features([matrix])
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(rows, width, generator=generator)
    for _ in range(3):
        basis = torch.linalg.qr(features.times(basis))[0]
    small = features.transposed_times(basis)  # (F, P)
    left, singular, _ = torch.linalg.svd(small, full_matrices=False)
    unit = rows**0.5 / singular[min(1, len(singular) - 1)].clamp(min=1e-6)
    return (left * unit * scale).to(torch.float16).numpy()


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
