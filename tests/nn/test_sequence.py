"""Recurrent layers and embeddings, against plain torch and against their definition."""

import pytest
import torch
from torch import nn

from medley.nn.sequence import CELLS, BoundedIds, Recurrent, TokenRecurrent, words_first


@pytest.mark.parametrize("layer_type", sorted(CELLS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_state_matches_torch(layer_type, bidirectional):
    module = Recurrent(3, 5, layer_type=layer_type, num_layers=2, bidirectional=bidirectional)
    x = torch.randn(4, 6, 3)
    states, _ = module.rnn(x)
    expected = torch.cat([states[:, -1, :5], states[:, 0, 5:]], 1)
    torch.testing.assert_close(module(x), expected)


def test_return_sequences_returns_all_states():
    parts = {"layer_type": "gru", "num_layers": 1, "bidirectional": True}
    module = Recurrent(3, 5, **parts, return_sequences=True)
    assert module(torch.randn(4, 6, 3)).shape == (4, 6, 10)


def test_the_forget_bias_of_an_lstm_is_one():
    rnn = Recurrent(3, 5, layer_type="lstm", num_layers=1, bidirectional=False).rnn
    assert (rnn.bias_ih_l0 + rnn.bias_hh_l0).tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


@pytest.mark.parametrize("layer_type", sorted(CELLS))
def test_padding_does_not_change_bidirectional_states(layer_type):
    """A bidirectional layer of torch over the words without padding gives the same final states."""
    settings = {"layer_type": layer_type, "num_layers": 1, "bidirectional": True, "dropout": 0.0}
    module = TokenRecurrent(9, 4, 5, **settings).eval()
    reference = CELLS[layer_type](4, 5, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, weight in reference.named_parameters():
            part = module.back[0] if name.endswith("_reverse") else module.forth[0]
            weight.copy_(getattr(part, name.removesuffix("_reverse")))
    words = torch.tensor([[3, 7, 2]])
    states, _ = reference(module.embedding(words))
    expected = torch.cat([states[:, -1, :5], states[:, 0, 5:]], 1)
    torch.testing.assert_close(module(torch.tensor([[0, 0, 3, 7, 2, 0]])), expected)


def test_words_first_preserves_the_order_of_words():
    ids = torch.tensor([[0, 5, 0, 6, 7], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]], dtype=torch.int32)
    assert words_first(ids).tolist() == [[5, 6, 7, 0, 0], [0] * 5, [1, 2, 3, 4, 5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.int64])
def test_ids_are_bounded_for_all_dtypes(dtype):
    ids = BoundedIds(8, overflow=1)(torch.tensor([[-3, 0, 7, 8, 1000]], dtype=dtype))
    assert ids.tolist() == [[0, 0, 7, 1, 1]]
    assert nn.Embedding(8, 2)(ids).shape == (1, 5, 2)
