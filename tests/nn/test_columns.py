import torch
from torch import nn

from medley.nn.columns import Clamped, Columns


def test_rows_are_independent():
    module = Columns([0], [0], [(1, 1)], {2: (5, 3)})
    x = torch.tensor([[0.1, 1, 4], [torch.nan, 0, 0], [2.0, 1, 2]])
    together = module(x)
    for row in range(3):
        assert torch.equal(module(x[row : row + 1])[0], together[row])
    assert torch.equal(module(x.flip(0)), together.flip(0))


def test_numbers_are_clamped_to_their_range():
    module = Clamped([-1.0, 0.0], [1.0, 2.0], nn.Identity())
    assert module(torch.tensor([[-5.0, -5.0], [0.5, 9.0]])).tolist() == [[-1, 0], [0.5, 2]]


def test_codes_above_the_table_are_clamped():
    module = Columns([], embedded={0: (4, 2)})
    assert torch.equal(module(torch.tensor([[99.0]])), module(torch.tensor([[3.0]])))
