"""Torch modules as blocks."""

import pytest
import torch
from torch import nn

from medley.core.spec import Spec, vector
from medley.core.torchblock import TorchBlock
from medley.errors import ConfigError, GraphError


def test_a_module_is_copied_with_its_weights_for_every_trial():
    module = nn.Linear(3, 2)
    block = TorchBlock(module)
    first, second = block.build(vector(3)), block.build(vector(3))
    assert torch.equal(first.weight, module.weight)
    with torch.no_grad():
        first.weight.zero_()
    assert torch.equal(second.weight, module.weight)
    assert module.weight.any()


def test_a_factory_gets_the_specs_it_asks_for():
    assert TorchBlock(lambda spec: nn.Linear(spec.width, 4)).out(vector(3)) == vector(4)
    assert TorchBlock(lambda a, b: nn.Bilinear(a.width, b.width, 4)).out(vector(3), vector(2)) == vector(4)
    assert TorchBlock(lambda: nn.Flatten()).out(Spec((3, 2), "TD")) == vector(6)
    assert TorchBlock(nn.Flatten).out(Spec((3, 2), "TD")) == vector(6)


def test_an_object_that_is_not_a_module_is_rejected():
    with pytest.raises(ConfigError, match=r"module must be a torch.nn.Module or a callable that makes one, got 3"):
        TorchBlock(3)
    with pytest.raises(ConfigError, match="got None"):
        TorchBlock()


def test_a_module_that_does_not_fit_is_an_error_before_training():
    with pytest.raises(GraphError, match=r"TorchBlock cannot read \(D=5\)"):
        TorchBlock(nn.Linear(3, 2)).out(vector(5))
