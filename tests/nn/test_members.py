import torch

from medley.nn.members import MeanOver


def test_the_mean_over_an_axis():
    x = torch.randn(3, 4, 5)
    torch.testing.assert_close(MeanOver(1)(x), x.sum(1) / 4)
    assert MeanOver(2)(x).shape == (3, 4)
