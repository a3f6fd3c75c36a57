"""Recurrent layers and embeddings, against plain torch and against their definition."""

import pytest
import torch
from torch import nn

from medley.nn.sequence import CELLS, BoundedCodes, Recurrent, TokenRecurrent, words_first


@pytest.mark.parametrize("layer_type", sorted(CELLS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_state_is_that_of_plain_torch(layer_type, bidirectional):
    module = Recurrent(3, 5, layer_type=layer_type, num_layers=2, bidirectional=bidirectional)
    x = torch.randn(4, 6, 3)
    states, _ = module.rnn(x)
    wanted = torch.cat([states[:, -1, :5], states[:, 0, 5:]], 1)
    torch.testing.assert_close(module(x), wanted)


def test_every_state_is_handed_on_where_asked_for():
    parts = {"layer_type": "gru", "num_layers": 1, "bidirectional": True}
    module = Recurrent(3, 5, **parts, return_sequences=True)
    assert module(torch.randn(4, 6, 3)).shape == (4, 6, 10)


def test_an_lstm_forgets_little_at_first():
    rnn = Recurrent(3, 5, layer_type="lstm", num_layers=1, bidirectional=False).rnn
    assert (rnn.bias_ih_l0 + rnn.bias_hh_l0).tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


@pytest.mark.parametrize("layer_type", sorted(CELLS))
def test_a_text_is_read_both_ways_as_if_it_stood_alone(layer_type):
    """One bidirectional layer of torch over the words alone gives the same end states."""
    settings = {"layer_type": layer_type, "num_layers": 1, "bidirectional": True, "dropout": 0.0}
    module = TokenRecurrent(9, 4, 5, **settings).eval()
    twin = CELLS[layer_type](4, 5, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, weight in twin.named_parameters():
            part = module.back[0] if name.endswith("_reverse") else module.forth[0]
            weight.copy_(getattr(part, name.removesuffix("_reverse")))
    words = torch.tensor([[3, 7, 2]])
    states, _ = twin(module.embedding(words))
    wanted = torch.cat([states[:, -1, :5], states[:, 0, 5:]], 1)
    torch.testing.assert_close(module(torch.tensor([[0, 0, 3, 7, 2, 0]])), wanted)


def test_the_words_move_to_the_front_in_their_order():
    codes = torch.tensor([[0, 5, 0, 6, 7], [0, 0, 0, 0, 0], [1, 2, 3, 4, 5]], dtype=torch.int32)
    assert words_first(codes).tolist() == [[5, 6, 7, 0, 0], [0] * 5, [1, 2, 3, 4, 5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.int64])
def test_codes_are_bounded_whatever_their_type(dtype):
    codes = BoundedCodes(8, beyond=1)(torch.tensor([[-3, 0, 7, 8, 1000]], dtype=dtype))
    assert codes.tolist() == [[0, 0, 7, 1, 1]]
    assert nn.Embedding(8, 2)(codes).shape == (1, 5, 2)
