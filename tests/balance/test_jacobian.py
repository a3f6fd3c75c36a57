"""Each aggregator compared with its formula, on linear losses with a known Jacobian."""

import math

import pytest
import torch
from torch import nn

from medley.balance import JacobianDescent
from medley.balance.aggregators import AGGREGATORS
from medley.errors import ConfigError, MissingDependencyError

NEED_NO_EXTRA = [name for name in AGGREGATORS if name not in ("cagrad", "dualproj", "nash_mtl", "upgrad")]
CONFLICT = [[2.0, 0.0], [-1.0, 1.0]]
DEGENERATE = {
    "zero": [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
    "one zero row": [[1.0, 2.0], [0.0, 0.0], [3.0, 1.0]],
    "equal": [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
    "opposite": [[1.0, 2.0], [-1.0, -2.0], [1.0, 2.0]],
    "tiny": [[1e-6, 0.0], [0.0, 1e-6], [1e-6, 1e-6]],
    "huge and small": [[1e4, 0.0], [1.0, 1e-4], [0.0, 1.0]],
}


def linear(jacobian, w):
    """Losses above zero whose gradients by w are the rows."""
    return [9 - (row @ w).detach() + row @ w for row in torch.tensor(jacobian)]


def direction(method, jacobian, options=None, balancer=None, weights=None):
    balancer = balancer or JacobianDescent(method, weights or [1.0] * len(jacobian), options)
    w = nn.Parameter(torch.randn(len(jacobian[0])))
    balancer.backward(linear(jacobian, w), [w])
    return w.grad


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


def test_pcgrad_removes_the_conflicting_component():
    # [2, 0] less its part along [-1, 1] is [1, 1]; [-1, 1] less its part along [2, 0] is [0, 1].
    torch.testing.assert_close(direction("pcgrad", CONFLICT), torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(direction("pcgrad", [[1.0, 0.0], [1.0, 1.0]]), torch.tensor([2.0, 1.0]))


def test_mgda_is_the_shortest_vector_of_the_convex_hull():
    torch.testing.assert_close(direction("mgda", [[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0.4, 0.8]))
    jacobian = torch.randn(3, 6)
    result = direction("mgda", jacobian.tolist(), {"epsilon": 1e-7, "max_iters": 5000})
    # Optimality of the shortest vector d: g d >= d d for every g of the hull.
    assert (jacobian @ result >= result @ result - 1e-2).all()
    torch.testing.assert_close(direction("mgda", [[1.0, 1.0], [-1.0, -1.0]]), torch.zeros(2))


def test_imtl_g_projects_equally_on_every_task():
    jacobian = torch.randn(3, 5)
    result = direction("imtl_g", jacobian.tolist())
    projections = jacobian @ result / jacobian.norm(dim=1)
    torch.testing.assert_close(projections, projections.mean().expand(3), rtol=1e-3, atol=1e-5)
    coefficients = torch.linalg.lstsq(jacobian.T, result[:, None]).solution
    torch.testing.assert_close(coefficients.sum(), torch.tensor(1.0), rtol=1e-3, atol=1e-4)


def test_aligned_mtl_is_the_mean_of_orthogonal_gradients_of_equal_length():
    jacobian = torch.randn(3, 5)
    left, sizes, right = torch.linalg.svd(jacobian, full_matrices=False)
    # All singular values are set to the smallest: the aligned tasks are orthogonal and equally long.
    expected = (sizes.min() * left @ right).mean(0)
    torch.testing.assert_close(direction("aligned_mtl", jacobian.tolist()), expected, rtol=1e-3, atol=1e-4)


def test_config_has_equal_positive_cosines_and_the_summed_projections_for_length():
    jacobian = torch.randn(3, 5)
    result = direction("config", jacobian.tolist())
    cosines = cosine(jacobian, result)
    torch.testing.assert_close(cosines, cosines.mean().expand(3), rtol=1e-3, atol=1e-4)
    assert (cosines > 0).all()
    torch.testing.assert_close(result.norm(), (jacobian @ result).sum() / result.norm(), rtol=1e-3, atol=1e-4)


def test_gradvac_is_pcgrad_at_first_and_then_raises_similarity_to_its_running_average():
    torch.testing.assert_close(direction("gradvac", CONFLICT), torch.tensor([1.0, 2.0]), atol=1e-5, rtol=0)
    balancer = JacobianDescent("gradvac", [1.0, 1.0])
    direction("gradvac", [[1.0, 0.0], [0.8, 0.6]], balancer=balancer)  # cosine 0.8, so the target becomes 0.4
    coefficient = 0.4 / math.sqrt(1 - 0.4**2)  # g + coefficient h has cosine 0.4 with h
    result = direction("gradvac", [[1.0, 0.0], [0.0, 1.0]], balancer=balancer)
    torch.testing.assert_close(result, torch.full((2,), 1 + coefficient), rtol=1e-4, atol=0)


def test_graddrop_keeps_one_sign_of_every_number():
    jacobian = torch.randn(3, 400)
    result = direction("graddrop", jacobian.tolist())
    positive, negative = jacobian.clamp(min=0).sum(0), jacobian.clamp(max=0).sum(0)
    is_one_sided = torch.isclose(result, positive, atol=1e-5) | torch.isclose(result, negative, atol=1e-5)
    assert is_one_sided.all()
    # The probability of the positive sign is its purity, (1 + sum / sum of sizes) / 2.
    purity = positive / (positive - negative)
    is_positive = torch.isclose(result, positive, atol=1e-5).float()
    assert abs((is_positive - purity).mean()) < 0.08


def test_fairgrad_solves_its_equation():
    jacobian = torch.randn(3, 5)
    result = direction("fairgrad", jacobian.tolist())
    coefficients = torch.linalg.lstsq(jacobian.T, result[:, None]).solution[:, 0]
    torch.testing.assert_close(jacobian @ result, 1 / coefficients, rtol=1e-2, atol=1e-2)  # G a = a^(-1 / alpha)


def test_excess_mtl_weighs_by_the_softmax_of_excess_risks():
    # First call: H = |g|, so that a task's excess risk g H^-1 g is the sum of |g|: here 1 and 2.
    expected = torch.softmax(torch.tensor([1.0, 2.0]), 0) * torch.tensor([1.0, 2.0])
    torch.testing.assert_close(direction("excess_mtl", [[1.0, 0.0], [0.0, 2.0]]), expected, rtol=1e-4, atol=0)


def test_pcd_follows_the_first_task_as_far_as_the_second_makes_progress():
    torch.testing.assert_close(direction("pcd", [[1.0, 0.0], [1.0, 1.0]]), torch.tensor([1.0, 0.0]))
    # g = (1, 0), unit h = (-1, 1) / sqrt 2: d = g + (0.02 - g h) h, then as long as g.
    size = (0.02 + math.sqrt(0.5)) * math.sqrt(0.5)
    expected = torch.tensor([1 - size, size])
    result = direction("pcd", [[1.0, 0.0], [-3.0, 3.0]])
    torch.testing.assert_close(result, expected / expected.norm(), rtol=1e-4, atol=1e-5)


def test_krum_takes_the_most_central_task():
    result = direction("krum", [[1.0, 0.0], [1.1, 0.0], [1.3, 0.0], [-5.0, 3.0]])
    torch.testing.assert_close(result, torch.tensor([1.1, 0.0]))


def test_trimmed_mean_of_three_is_the_median():
    result = direction("trimmed_mean", [[1.0, 5.0], [100.0, -7.0], [2.0, 0.5]])
    torch.testing.assert_close(result, torch.tensor([2.0, 0.5]))


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("method", NEED_NO_EXTRA)
def test_degenerate_jacobians_give_finite_gradients(method, case):
    balancer = JacobianDescent(method, [1.0] * 3)
    for _ in range(3):
        assert direction(method, DEGENERATE[case], balancer=balancer).isfinite().all()


@pytest.mark.parametrize("method", NEED_NO_EXTRA)
def test_a_loss_that_is_not_a_number_reaches_the_gradient_instead_of_raising(method):
    assert not direction(method, [[1.0, 2.0], [math.nan, 1.0], [1.0, math.inf]]).isfinite().all()


@pytest.mark.parametrize("method", NEED_NO_EXTRA)
def test_an_unobserved_task_is_ignored(method):
    if method in ("krum", "trimmed_mean"):
        rows = [[1.0, 2.0, 0.0], [2.0, -1.0, 1.0], [0.5, 0.5, 3.0], [1.0, 1.0, 1.0]]
    else:
        rows = [[1.0, 2.0, 0.0], [-2.0, 1.0, 1.0], [0.5, 0.5, 3.0]]
    torch.manual_seed(1)
    w = nn.Parameter(torch.randn(3))
    JacobianDescent(method, [1.0] * len(rows)).backward([*linear(rows[:-1], w), w.sum() * 0], [w])
    torch.manual_seed(1)
    torch.testing.assert_close(w.grad, direction(method, rows[:-1]))


def test_weights_multiply_the_rows_and_zero_removes_a_task():
    result = direction("pcgrad", CONFLICT, weights=[1.0, 3.0])
    torch.testing.assert_close(result, direction("pcgrad", [[2.0, 0.0], [-3.0, 3.0]]))
    torch.testing.assert_close(direction("mgda", CONFLICT, weights=[1.0, 0.0]), torch.tensor([2.0, 0.0]))


def test_an_interrupted_warm_up_is_resumed():
    options = {"n_warmup_steps": 3}
    first, resumed = (JacobianDescent("excess_mtl", [1.0, 1.0], options) for _ in range(2))
    for size in (1.0, 2.0):
        direction("excess_mtl", [[size, 0.0], [0.0, 2.0]], balancer=first)
    resumed.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    for size in (3.0, 4.0, 5.0):
        jacobian = [[size, 0.0], [1.0, 2.0]]
        expected = direction("excess_mtl", jacobian, balancer=first)
        assert torch.equal(direction("excess_mtl", jacobian, balancer=resumed), expected)


def test_tasks_that_share_no_parameters_do_not_affect_each_other():
    shared, apart = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    losses = [*linear([[2.0, 0.0], [0.0, 1.0]], shared), *linear([[5.0, 7.0]], apart)]
    JacobianDescent("mgda", [1.0, 1.0, 2.0]).backward(losses, [shared, apart])
    torch.testing.assert_close(shared.grad, torch.tensor([0.4, 0.8]))
    torch.testing.assert_close(apart.grad, torch.tensor([10.0, 14.0]))


def test_each_set_of_sharing_tasks_is_balanced_separately():
    first, second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    a, b = linear(CONFLICT, first)
    c, d = linear([[1.0, 0.0], [1.0, 1.0]], second)
    JacobianDescent("pcgrad", [1.0] * 3).backward([a, b + c, d], [first, second])
    torch.testing.assert_close(first.grad, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(second.grad, torch.tensor([2.0, 1.0]))


def test_gradients_of_two_parameters_never_share_memory():
    """The sum of two parameters has one gradient for both: clipping in place must not hit it twice."""
    first, second = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    JacobianDescent("pcgrad", [1.0]).backward([(first + second).sum()], [first, second])
    first.grad.mul_(5)
    assert second.grad.tolist() == [1.0, 1.0, 1.0]


def test_recurrent_and_half_precision_parts_can_be_shared():
    lstm, half = nn.LSTM(3, 4), nn.Linear(4, 2).to(torch.bfloat16)
    parameters = [*lstm.parameters(), *half.parameters()]
    out = half(lstm(torch.randn(5, 2, 3))[0].to(torch.bfloat16)).float()
    JacobianDescent("pcgrad", [1.0, 1.0]).backward([out[..., 0].exp().mean(), out[..., 1].exp().mean()], parameters)
    assert all(p.grad.dtype == p.dtype and p.grad.isfinite().all() for p in parameters)


@pytest.mark.parametrize(
    ("method", "extra"),
    [
        ("upgrad", "quadprog_projector"),
        ("dualproj", "quadprog_projector"),
        ("cagrad", "cagrad"),
        ("nash_mtl", "nash_mtl"),
    ],
)
def test_the_error_for_a_missing_solver_names_its_extra(method, extra, monkeypatch):
    monkeypatch.setattr("torchjd._mixins.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=rf"(?s)'{method}' needs an optional package.*torchjd\[{extra}\]"):
        JacobianDescent(method, [1.0, 1.0])


def test_errors_name_the_method_the_setting_and_the_count():
    with pytest.raises(ConfigError, match=r"no aggregator 'pcgard'\. Did you mean 'pcgrad'"):
        JacobianDescent("pcgard", [1.0, 1.0])
    with pytest.raises(ConfigError, match=r"'mgda' cannot be created with .*epsilon must be positive"):
        JacobianDescent("mgda", [1.0, 1.0], {"epsilon": -1.0})
    with pytest.raises(ConfigError, match=r"'krum' needs at least 3 tasks, got 2"):
        JacobianDescent("krum", [1.0, 1.0])
