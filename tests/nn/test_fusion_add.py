import torch

from medley.nn.fusion_add import Joined, Sum


def test_vectors_of_equal_width_are_summed_without_weights():
    module = Sum([3, 3], 3)
    x, y = torch.randn(4, 3), torch.randn(4, 3)
    assert not list(module.parameters())
    assert torch.equal(module([x, y], None), x + y)
    present = torch.tensor([[True, False], [False, True], [True, True], [False, False]])
    assert torch.equal(module([x, y], present), torch.stack([x[0], y[1], x[2] + y[2], torch.zeros(3)]))


def test_only_other_widths_are_projected():
    module = Sum([3, 2], 3)
    assert [tuple(p.shape) for p in module.parameters()] == [(3, 2)]


def test_maps_are_summed_or_concatenated():
    x, y = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert torch.equal(Joined(None)(x, y), x + y)
    assert torch.equal(Joined(2)(x, y), torch.cat([x, y], 2))
