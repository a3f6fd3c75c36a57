"""Attention against torch's own, and what its masks promise."""

import torch
from torch import nn

from medley.nn.transformer import Attention, Encoder, SeriesEncoder, sinusoids


def test_attention_is_that_of_plain_torch():
    ours, theirs = Attention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.inward.weight)
        theirs.in_proj_bias.copy_(ours.inward.bias)
        theirs.out_proj.weight.copy_(ours.outward.weight)
        theirs.out_proj.bias.copy_(ours.outward.bias)
    x = torch.randn(3, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, False, False, True], [False, True, True, True, True]])
    wanted, _ = theirs(x, x, x, key_padding_mask=~mask, need_weights=False)
    torch.testing.assert_close(ours(x, mask), wanted)


def test_what_the_mask_hides_has_no_say_and_a_row_of_nothing_stays_finite():
    encoder = Encoder(8, num_layers=2, num_heads=2, dense_dim=16, dropout=0.0)
    x = torch.randn(2, 5, 8)
    mask = torch.tensor([[True, True, False, False, True], [False] * 5])
    other = torch.where(mask.unsqueeze(-1), x, torch.randn(2, 5, 8))
    torch.testing.assert_close(encoder(x, mask)[0][mask[0]], encoder(other, mask)[0][mask[0]])
    result = encoder(x, mask)
    result.sum().backward()
    assert result.isfinite().all()
    assert all(one.grad.isfinite().all() for one in encoder.parameters())


def test_a_width_that_heads_do_not_divide_works():
    assert Attention(10, 4)(torch.randn(2, 3, 10), None).shape == (2, 3, 10)


def test_a_series_is_told_its_places():
    encoder = SeriesEncoder(3, 5, 8, num_layers=1, num_heads=2, dropout=0.0)
    x = torch.randn(2, 5, 3)
    assert not torch.allclose(encoder(x), encoder(x.flip(1)))


def test_places_are_distinct_and_of_one_length():
    waves = sinusoids(200, 16)
    torch.testing.assert_close(waves.square().sum(1), torch.full((200,), 8.0))
    assert (torch.cdist(waves, waves) + torch.eye(200) > 0.1).all()
    assert sinusoids(4, 5).shape == (4, 5)
