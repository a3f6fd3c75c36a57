import torch

from medley.nn.fusion_concatenate import Concatenation


def test_absent_vectors_are_replaced_by_zeros_or_a_learned_vector():
    x, y = torch.ones(2, 2), torch.full((2, 1), torch.nan)
    present = torch.tensor([[True, False], [True, False]])
    assert Concatenation([2, 1])([x, y], present).tolist() == [[1, 1, 0]] * 2
    module = Concatenation([2, 1], stand_in=True)
    assert module([x, y], present).tolist() == [[1, 1, 0]] * 2
    assert module.stand_ins is not None
    with torch.no_grad():
        module.stand_ins[1].fill_(5.0)
    out = module([x, y], present)
    assert out.tolist() == [[1, 1, 5]] * 2
    out.sum().backward()
    assert module.stand_ins[1].grad.tolist() == [2.0]
    assert (module.stand_ins[0].grad == 0).all()
