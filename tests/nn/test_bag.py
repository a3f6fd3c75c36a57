"""A bag against its definition."""

import torch

from medley.nn.bag import Bag, BagNetwork


def test_a_bag_is_the_sum_over_the_root_of_its_number():
    bag = Bag(9, 4)
    with torch.no_grad():
        bag.bias.fill_(0.5)
    wanted = bag.weight[[3, 7]].sum(0) / 2**0.5 + 0.5
    torch.testing.assert_close(bag(torch.tensor([[0, 3, 0, 7]]))[0], wanted)


def test_an_empty_bag_is_the_bias():
    assert torch.equal(Bag(9, 4)(torch.zeros(2, 3, dtype=torch.int32)), torch.zeros(2, 4))


def test_padding_is_never_trained():
    bag = BagNetwork(9, 4, num_layers=1, dropout=0.0)
    bag(torch.tensor([[0, 3, 0, 7]], dtype=torch.int32)).sum().backward()
    assert not bag.bag.weight.grad[0].any()
    assert not bag.bag.weight[0].any()
