import torch

from medley.nn.fusion_gated import Gated


def test_two_vectors_match_the_unit_of_the_paper():
    """h = z * tanh(W1 x1) + (1 - z) * tanh(W2 x2), z = sigmoid(Wz [x1, x2]): equations of Arevalo et al., 2017."""
    module = Gated([2, 3], 4)
    x, y = torch.randn(5, 2), torch.randn(5, 3)
    weight, bias = module.gate.weight.unflatten(0, (2, 4)), module.gate.bias.unflatten(0, (2, 4))
    z = torch.sigmoid(torch.cat([x, y], 1) @ (weight[0] - weight[1]).T + bias[0] - bias[1])
    first, second = (layer(vector).tanh() for layer, vector in zip(module.values, (x, y), strict=True))
    torch.testing.assert_close(module([x, y], None), z * first + (1 - z) * second)


def test_a_single_present_vector_has_gate_one():
    module = Gated([2, 3], 4)
    x, y = torch.randn(5, 2), torch.randn(5, 3)
    present = torch.tensor([[True, False]]).expand(5, 2)
    torch.testing.assert_close(module([x, y], present), module.values[0](x).tanh())
