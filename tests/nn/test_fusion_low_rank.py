import torch

from medley.nn.fusion_low_rank import LowRankProduct


def test_it_equals_a_linear_map_of_the_outer_product():
    """The tensor fusion of Zadeh et al., 2017, with the weight that the factors of Liu et al., 2018, span."""
    rank, width = 3, 4
    module = LowRankProduct([2, 3], width, rank).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    x, y = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    ones = torch.ones(5, 1, dtype=torch.float64)
    outer = torch.einsum("bi,bj->bij", torch.cat([x, ones], 1), torch.cat([y, ones], 1))
    first, second = (
        torch.cat([layer.weight, layer.bias[:, None]], 1).unflatten(0, (rank, width)) for layer in module.factors
    )
    weight = torch.einsum("r,rhi,rhj->hij", module.mix, first, second)
    expected = torch.einsum("bij,hij->bh", outer, weight) + module.bias
    torch.testing.assert_close(module([x, y], None), expected)


def test_golden_value_of_a_tiny_case():
    module = LowRankProduct([1, 1], 1, 2)
    with torch.no_grad():
        module.factors[0].weight.copy_(torch.tensor([[2.0], [1.0]]))
        module.factors[0].bias.copy_(torch.tensor([1.0, 0.0]))
        module.factors[1].weight.copy_(torch.tensor([[3.0], [-1.0]]))
        module.factors[1].bias.copy_(torch.tensor([0.0, 2.0]))
        module.mix.copy_(torch.tensor([1.0, 10.0]))
        module.bias.fill_(0.5)
    x, y = torch.tensor([[2.0]]), torch.tensor([[1.0]])
    # (2*2 + 1) * (3*1) + 10 * (1*2) * (-1*1 + 2) + 0.5
    assert module([x, y], None).item() == 35.5
    # without the second: (2*2 + 1) + 10 * (1*2) + 0.5
    assert module([x, y], torch.tensor([[True, False]])).item() == 25.5


def test_initial_products_are_near_one():
    module = LowRankProduct([16] * 8, 32, 4)
    out = module([torch.randn(64, 16) for _ in range(8)], None)
    assert 0.2 < out.std() < 10
    assert 0 < out.mean() < 3
