"""Attention compared with torch, and its masks."""

import torch
from torch import nn

from medley.nn.transformer import Attention, Encoder, SeriesEncoder, sinusoids


def test_attention_matches_torch():
    ours, theirs = Attention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.inward.weight)
        theirs.in_proj_bias.copy_(ours.inward.bias)
        theirs.out_proj.weight.copy_(ours.outward.weight)
        theirs.out_proj.bias.copy_(ours.outward.bias)
    x = torch.randn(3, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, False, False, True], [False, True, True, True, True]])
    expected, _ = theirs(x, x, x, key_padding_mask=~mask, need_weights=False)
    torch.testing.assert_close(ours(x, mask), expected)


def test_masked_steps_have_no_effect_and_empty_rows_stay_finite():
    encoder = Encoder(8, num_layers=2, num_heads=2, dense_dim=16, dropout=0.0)
    x = torch.randn(2, 5, 8)
    mask = torch.tensor([[True, True, False, False, True], [False] * 5])
    other = torch.where(mask.unsqueeze(-1), x, torch.randn(2, 5, 8))
    torch.testing.assert_close(encoder(x, mask)[0][mask[0]], encoder(other, mask)[0][mask[0]])
    result = encoder(x, mask)
    result.sum().backward()
    assert result.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_the_number_of_heads_need_not_divide_the_width():
    assert Attention(10, 4)(torch.randn(2, 3, 10), None).shape == (2, 3, 10)


def test_a_series_encoder_depends_on_positions():
    encoder = SeriesEncoder(3, 5, 8, num_layers=1, num_heads=2, dropout=0.0)
    x = torch.randn(2, 5, 3)
    assert not torch.allclose(encoder(x), encoder(x.flip(1)))


def test_positional_encodings_are_distinct_and_have_equal_norms():
    waves = sinusoids(200, 16)
    torch.testing.assert_close(waves.square().sum(1), torch.full((200,), 8.0))
    assert (torch.cdist(waves, waves) + torch.eye(200) > 0.1).all()
    assert sinusoids(4, 5).shape == (4, 5)
