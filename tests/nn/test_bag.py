"""A bag against its definition."""

import torch

from medley.nn.bag import HALF, Bag, BagNetwork


def test_a_bag_is_the_sum_divided_by_the_root_of_its_size():
    bag = Bag(9, 4)
    with torch.no_grad():
        bag.bias.fill_(0.5)
    expected = bag.weight[[3, 7]].sum(0) / 2**0.5 + 0.5
    torch.testing.assert_close(bag(torch.tensor([[0, 3, 0, 7]]))[0], expected)


def test_an_empty_bag_is_the_bias():
    assert torch.equal(Bag(9, 4)(torch.zeros(2, 3, dtype=torch.int32)), torch.zeros(2, 4))


def test_padding_is_never_trained():
    bag = BagNetwork(9, 4, num_layers=1, dropout=0.0)
    bag(torch.tensor([[0, 3, 0, 7]], dtype=torch.int32)).sum().backward()
    assert not bag.bag.weight.grad[0].any()
    assert not bag.bag.weight[0].any()


def test_rare_tokens_have_small_weights():
    bag, rows = Bag(5, 4), 1000
    ids = torch.zeros(rows, 2, dtype=torch.int32)
    ids[:, 0] = 1
    ids[:25, 1] = 2
    bag.adapt(ids)
    torch.testing.assert_close(bag.trust[2] / bag.trust[1], torch.tensor(0.5 * (1 + HALF)))
    assert bag.trust[0] == bag.trust[3] == 0
    occurrences = bag.trust[ids][ids > 0]
    torch.testing.assert_close(occurrences.square().mean(), torch.tensor(1.0))


def test_a_weighted_bag_is_the_weighted_sum_over_the_root_of_squared_weights():
    bag = Bag(5, 4)
    bag.adapt(torch.tensor([[1, 2, 3], [1, 2, 0], [1, 0, 0]]))
    trust = bag.trust[[1, 3]]
    expected = (bag.weight[[1, 3]] * trust[:, None]).sum(0) / trust.square().sum().sqrt()
    torch.testing.assert_close(bag(torch.tensor([[3, 0, 1]]))[0], expected)


def test_adapt_to_empty_rows_gives_finite_outputs():
    bag = Bag(5, 4)
    bag.adapt(torch.zeros(3, 2, dtype=torch.int32))
    assert bag(torch.tensor([[1, 2]])).isfinite().all()


def test_token_dropout_is_active_in_training_only():
    torch.manual_seed(0)
    bag = Bag(9, 4, token_dropout=0.5)
    ids = torch.arange(1, 9).repeat(50, 1)
    assert len(bag(ids).unique(dim=0)) > 10
    assert len(bag.eval()(ids).unique(dim=0)) == 1


def test_without_layers_the_output_is_the_bag():
    network = BagNetwork(9, 4, num_layers=0, dropout=0.25).eval()
    ids = torch.tensor([[1, 5, 0]])
    assert torch.equal(network(ids), network.bag(ids))
