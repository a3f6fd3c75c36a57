import torch
from hypothesis import given
from hypothesis import strategies as st

from medley.balance import FixedWeights


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(-3, 3)), min_size=1, max_size=5))
def test_gradient_is_autograds_of_the_weighted_sum(tasks):
    weights, slopes = zip(*tasks, strict=True)
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    total = FixedWeights(weights).backward([slope * (w * w).sum() for slope in slopes], [w])
    expected = sum(weight * slope for weight, slope in tasks)
    torch.testing.assert_close(w.grad, torch.tensor([2.0, 4.0]) * expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(total, torch.tensor(5.0 * expected), rtol=1e-4, atol=1e-4)


def test_weights_are_not_normalised():
    assert FixedWeights([0.5, 0.6]).total([torch.tensor(1.0), torch.tensor(1.0)]) == torch.tensor(1.1)
