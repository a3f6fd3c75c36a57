"""Statistics of training rows."""

import pytest
import torch

from medley.core.normalization import Normalization
from medley.core.spec import Spec, vector
from medley.errors import ConfigError


@pytest.mark.parametrize("spec", [vector(3), Spec((3, 4, 5), "CHW"), Spec((6, 3), "TD"), Spec((3, 2, 4, 5), "CZHW")])
def test_every_channel_or_feature_gets_mean_0_and_deviation_1(spec):
    place = spec.axes.index("D" if "D" in spec.axes else "C") + 1
    x = torch.randn(40, *spec.shape).movedim(place, -1) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, 9.0, -3.0])
    module = Normalization().build(spec)
    module.adapt(x.movedim(-1, place))
    out = module(x.movedim(-1, place)).movedim(place, -1).reshape(-1, 3)
    torch.testing.assert_close(out.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(0, correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_common_statistics_keep_the_proportions_of_numbers():
    x = torch.tensor([[0.0, 10.0], [0.0, 30.0]])
    module = Normalization(axis=None).build(vector(2))
    module.adapt(x)
    assert module.mean.item() == 10.0
    torch.testing.assert_close(module(x)[:, 0], module(x)[[1, 0], 0])


def test_large_numbers_keep_their_small_differences():
    x = torch.tensor([[1e6], [1e6 + 1], [1e6 + 2]])
    module = Normalization().build(vector(1))
    module.adapt(x)
    torch.testing.assert_close(module(x)[:, 0], torch.tensor([-1.2247, 0.0, 1.2247]), atol=1e-3, rtol=0)


def test_a_constant_feature_becomes_0_and_stays_finite():
    module = Normalization().build(vector(1))
    module.adapt(torch.full((5, 1), 7.0))
    assert module(torch.tensor([[7.0], [8.0]])).flatten().tolist() == [0.0, 1.0]


def test_other_axes_are_refused():
    with pytest.raises(ConfigError, match=r"axis must be -1 .* or None .*, got 2"):
        Normalization(axis=2)
