"""Pooling of sets: independent of the order of members and of empty slots."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from medley.nn.set_pool import AttentionPool, MeanPool, PlacedPool, SetEncoder

WIDTH = 6
MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 6)))


def pools():
    return {"mean": MeanPool(), "attention": AttentionPool(WIDTH, 4)}


def vectors_and_mask(mask):
    x = torch.randn(*mask.shape, WIDTH)
    return x * torch.from_numpy(mask).unsqueeze(2), torch.from_numpy(mask)


def encoder(pool):
    return SetEncoder([nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, WIDTH)], WIDTH, pool)


def sets(mask):
    x = torch.rand(*mask.shape, 2, 4, 4) + 0.1
    return x * mask[:, :, None, None, None]


@given(MASKS, st.sampled_from(["mean", "attention"]), st.randoms(use_true_random=False))
def test_order_and_empty_slots_have_no_effect(mask, name, random):
    pool = pools()[name]
    x, present = vectors_and_mask(mask)
    expected = pool(x, present)
    order = list(range(mask.shape[1]))
    random.shuffle(order)
    torch.testing.assert_close(pool(x[:, order], present[:, order]), expected)
    wider = torch.cat([torch.zeros(len(x), 2, WIDTH), x], 1)
    torch.testing.assert_close(pool(wider, torch.cat([torch.zeros(len(x), 2, dtype=torch.bool), present], 1)), expected)
    assert not expected[~present.any(1)].any()


def test_attention_matches_the_paper():
    # Ilse et al. 2018, equation 9: a_k = softmax_k(w . (tanh(V h_k) * sigm(U h_k))), z = sum of a_k h_k.
    pool = AttentionPool(3, 2)
    v, u, w = np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0]]), np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.5]]), [2.0, -1.0]
    with torch.no_grad():
        pool.content.weight.copy_(torch.tensor(v))
        pool.gate.weight.copy_(torch.tensor(u))
        pool.content.bias.zero_()
        pool.gate.bias.zero_()
        pool.score.weight.copy_(torch.tensor([w]))
    h = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0], [9.0, 9.0, 9.0]])
    scores = np.array([w @ (np.tanh(v @ member) / (1 + np.exp(-(u @ member)))) for member in h[:2]])
    weights = np.exp(scores) / np.exp(scores).sum()
    x, present = torch.tensor(h, dtype=torch.float32)[None], torch.tensor([[True, True, False]])
    np.testing.assert_allclose(pool.weights(x, present).detach().numpy(), [[*weights, 0]], rtol=1e-5)
    np.testing.assert_allclose(pool(x, present).detach().numpy(), [weights @ h[:2]], rtol=1e-5)


def test_a_single_member_is_returned_unchanged():
    x, present = vectors_and_mask(np.array([[False, True, False]]))
    for pool in pools().values():
        torch.testing.assert_close(pool(x, present), x[:, 1])


@pytest.mark.parametrize("name", ["mean", "attention"])
@pytest.mark.parametrize("training", [True, False])
def test_empty_slots_are_not_passed_to_the_network(name, training):
    mask = torch.tensor([[True, True, False], [False, True, False], [True, True, True]])
    x = sets(mask)
    module = encoder(pools()[name]).train(training)
    network_inputs = []
    module.parts[0].register_forward_pre_hook(lambda _, inputs: network_inputs.append(inputs[0]))
    result = module(x)
    assert torch.equal(network_inputs[0], x[mask])
    mean = module.parts[1].running_mean.clone()
    copy = encoder(module.pool).train(training)
    copy.load_state_dict(module.state_dict())
    copy.parts[1].reset_running_stats()
    wider = torch.cat([torch.zeros(3, 4, 2, 4, 4), x.flip(1)], 1)
    torch.testing.assert_close(copy(wider), result)
    torch.testing.assert_close(copy.parts[1].running_mean, mean)


def test_empty_sets_give_zeros_and_finite_gradients():
    for training in (True, False):
        module = encoder(AttentionPool(WIDTH, 4)).train(training)
        assert torch.equal(module(torch.zeros(2, 3, 2, 4, 4)), torch.zeros(2, WIDTH))
    module = encoder(AttentionPool(WIDTH, 4)).train()
    module(sets(torch.tensor([[True, True], [False, False]]))).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("pool", [MeanPool(), AttentionPool(WIDTH, 4)])
def test_positions_are_equal_at_first_and_differ_after_training(pool):
    placed = PlacedPool(3, WIDTH, pool)
    x, present = vectors_and_mask(np.ones((4, 3), bool))
    torch.testing.assert_close(placed(x, present), pool(x, present))
    optimizer = torch.optim.SGD(placed.parameters(), lr=1.0)
    (placed(x, present) * torch.randn(4, WIDTH)).sum().backward()
    optimizer.step()
    assert (placed.scale != 0).all()
    assert (placed(x, present) - placed(x.flip(1), present)).abs().max() > 1e-3


def test_statistics_come_from_members_only():
    from medley.core.standardize import Standardize

    mask = torch.tensor([[True, False], [True, True]])
    x = sets(mask)
    module = SetEncoder([Standardize(3, 0, 2), nn.Flatten()], 32, MeanPool())
    module.adapt(x)
    torch.testing.assert_close(module.parts[0].mean.flatten(), x[mask].mean((0, 2, 3)))
    module.adapt(torch.zeros(2, 2, 2, 4, 4))
    torch.testing.assert_close(module.parts[0].mean.flatten(), x[mask].mean((0, 2, 3)))
