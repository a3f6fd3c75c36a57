"""Shapes of custom modules, inferred without data."""

import pytest
import torch
from torch import nn

from medley.core.probe import probe
from medley.core.spec import Spec, vector
from medley.errors import GraphError


class Gives(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


def probed_spec(module, spec):
    return probe(lambda: module, [spec], "part")


@pytest.mark.parametrize(
    ("module", "spec", "wanted"),
    [
        (nn.Linear(4, 7), vector(4), "(D=7)"),
        (nn.Conv2d(3, 8, 3, stride=2), Spec((3, 9, 9), "CHW"), "(C=8 H=4 W=4)"),
        (nn.Conv3d(2, 4, 1), Spec((2, 3, 3, 3), "CZHW"), "(C=4 Z=3 H=3 W=3)"),
        (nn.Embedding(9, 5), Spec((6,), "T", "int64", 9), "(T=6 D=5)"),
        (nn.Flatten(), Spec((3, 4), "TD"), "(D=12)"),
    ],
)
def test_axes_follow_from_the_rank(module, spec, wanted):
    assert str(probed_spec(module, spec)) == wanted


def test_several_inputs_are_passed_in_order():
    spec = probe(lambda: nn.Bilinear(2, 3, 4), [vector(2), vector(3)], "part")
    assert spec.shape == (4,)


def test_probing_changes_neither_random_state_nor_statistics():
    norm = nn.BatchNorm1d(3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    probe(lambda: nn.Sequential(nn.Linear(3, 3), norm, nn.Dropout(0.5)), [vector(3)], "part")
    assert torch.equal(torch.get_rng_state(), before)
    assert norm.num_batches_tracked == 0


def test_a_module_that_cannot_run_is_an_error_with_its_message():
    with pytest.raises(GraphError, match=r"part cannot read \(D=5\): .*shapes cannot be multiplied"):
        probed_spec(nn.Linear(4, 2), vector(5))

    def broken():
        raise ValueError("no such width")

    with pytest.raises(GraphError, match=r"part cannot read \(D=5\): no such width"):
        probe(broken, [vector(5)], "part")


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda x: x.sum(), r"shape \(\)"),
        (lambda x: x.sum(1), r"shape \(2,\)"),
        (lambda x: x.sum(0, keepdim=True), r"shape \(1, 4\)"),
        (lambda x: (x, x), "a tuple"),
        (lambda x: None, "a NoneType"),
    ],
)
def test_a_result_that_is_not_a_tensor_of_rows_is_an_error(make, got):
    with pytest.raises(GraphError, match=f"part must return one tensor.*got {got} for B=2"):
        probed_spec(Gives(make), vector(4))
