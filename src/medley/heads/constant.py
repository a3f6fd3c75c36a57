"""Heads that predict a constant, or what a linear path predicts, whatever else they read."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medley.data.split import FOLDS
from medley.heads.linear_skip import LinearSkip
from medley.nn.batch_ensemble import MemberLinear


def predict_constant(module: nn.Module, prior: Tensor) -> bool:
    """Sets a head's last layer so that it gives the same raw outputs for every row, in place.

    Args:
        module: the head's module.
        prior: (K,) the raw outputs.

    Returns:
        Whether there is such a layer: a head of another package may end otherwise, and is left as it is.

    >>> layer = nn.Linear(3, 2)
    >>> predict_constant(layer, torch.tensor([1.0, 2.0])), layer(torch.ones(1, 3)).tolist()
    (True, [[1.0, 2.0]])
    """
    skips = [part for part in module.modules() if isinstance(part, LinearSkip)]
    layers = [part for part in module.modules() if isinstance(part, nn.Linear | MemberLinear)]
    layer = skips[-1].layer if skips else layers[-1] if layers else None
    bias = None if layer is None else dict(layer.named_parameters()).get("bias")
    if layer is None or bias is None or bias.shape[-1] != len(prior):
        return False
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        bias += prior.to(bias)
        if skips:
            skips[-1].gain.factor.zero_()
    return True


def predict_linear(module: nn.Module) -> bool:
    """Sets a head's last layer so that the head gives the raw outputs of the linear path that it starts from, in place.

    Args:
        module: the head's module.

    Returns:
        Whether it starts from a linear path.

    >>> skip = LinearSkip(nn.Linear(3, 1), 1, torch.zeros(1))
    >>> nn.init.ones_(skip.layer.weight)
    Parameter containing:
    tensor([[1., 1., 1.]], requires_grad=True)
    >>> predict_linear(skip), skip(torch.ones(1, 3), torch.tensor([[1.0, 5.0]])).tolist()
    (True, [[5.0]])
    """
    skips = [part for part in module.modules() if isinstance(part, LinearSkip)]
    if not skips:
        return False
    skip = skips[-1]
    if skip.vote is not None:  # without the members that do not read the linear path
        groups = range(int(skip.gain.uses_linear.sum()) // FOLDS)
        if not groups:
            return False
        skip.vote.choose(groups)
    with torch.no_grad():
        for parameter in skip.layer.parameters():
            parameter.zero_()
        skip.gain.factor.fill_(1)
    return True
