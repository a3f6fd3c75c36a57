"""Token embeddings, and recurrent and convolutional layers over them that ignore padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medley.nn.pooling import masked_max

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


def embedding(rows: int, width: int, *, zeros: int = 2) -> nn.Embedding:
    """Builds an embedding table in which id 0 is padding: zeros that are never trained.

    Args:
        rows: number of ids.
        width: D; initial embeddings have a norm of about 1.
        zeros: number of leading ids that are initialised to zeros; 2 if id 1 is the unknown word, which may not occur
            in training.

    >>> embedding(8, 4)(torch.tensor([[0]]))
    tensor([[[0., 0., 0., 0.]]], grad_fn=<EmbeddingBackward0>)
    """
    table = nn.Embedding(rows, width, padding_idx=0)
    nn.init.normal_(table.weight, std=width**-0.5)
    with torch.no_grad():
        table.weight[:zeros].zero_()
    return table


class BoundedIds(nn.Module):
    """Converts integers of any type to ids of an embedding table with `rows` rows.

    Args:
        rows: number of ids.
        overflow: the id that replaces larger numbers.

    Shape: (B, ...) -> (B, ...) int64.

    >>> BoundedIds(8, overflow=7)(torch.tensor([[-1.0, 2.0, 99.0]]))
    tensor([[0, 2, 7]])
    """

    def __init__(self, rows: int, *, overflow: int) -> None:
        super().__init__()
        self.rows = rows
        self.overflow = overflow

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers -> ids."""
        ids = (numbers.round() if numbers.is_floating_point() else numbers).long().clamp_min(0)
        return ids.masked_fill(ids >= self.rows, self.overflow)


class Recurrent(nn.Module):
    """LSTM or GRU layers over sequences without padding.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        width: D of a step.
        units: U, number of units per layer and direction.
        layer_type: `"lstm"` or `"gru"`.
        num_layers: number of layers.
        bidirectional: read the steps in both directions and concatenate the states.
        return_sequences: return the states of all steps, instead of the state after the last step.

    Shape: (B, T, D) -> (B, U), (B, T, U) with `return_sequences`; 2 U with `bidirectional`.

    >>> Recurrent(4, 8, layer_type="lstm", num_layers=1, bidirectional=False)(torch.zeros(3, 2, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(
        self,
        width: int,
        units: int,
        *,
        layer_type: str,
        num_layers: int,
        bidirectional: bool,
        return_sequences: bool = False,
    ) -> None:
        super().__init__()
        cell = CELLS[layer_type]
        self.rnn = cell(width, units, num_layers, batch_first=True, bidirectional=bidirectional)
        self.return_sequences = return_sequences
        _initialize(self.rnn)

    def forward(self, steps: Tensor) -> Tensor:
        """Steps (B, T, D) -> states."""
        states, _ = self.rnn(steps)
        if self.return_sequences:
            return states
        if not self.rnn.bidirectional:
            return states[:, -1]
        # Ends of all states: exporters of torch 2.8 and 2.9 mistake the shape of the last states that a layer returns.
        units = self.rnn.hidden_size
        return torch.cat([states[:, -1, :units], states[:, 0, units:]], 1)


class TokenRecurrent(nn.Module):
    """Recurrent layers over tokens; each direction ends at the text's own last word, wherever the padding is.

    The words of a text are moved to the front and, for the backward direction, reversed there. These are operations on
    whole tensors, so no lengths are copied from the device. A text without words gives zeros.

    Args:
        rows: number of token ids.
        width: D of an embedding.
        units: U, number of units per layer and direction.
        layer_type: `"lstm"` or `"gru"`.
        num_layers: number of layers.
        bidirectional: read in both directions.
        dropout: dropout probability of the embeddings and of the output.

    Shape: token ids (B, T), 0 is padding -> (B, U), 2 U with `bidirectional`.

    >>> rnn = TokenRecurrent(9, 4, 8, layer_type="gru", num_layers=1, bidirectional=True, dropout=0.0)
    >>> rnn(torch.tensor([[0, 5, 6]])).shape
    torch.Size([1, 16])
    """

    def __init__(
        self,
        rows: int,
        width: int,
        units: int,
        *,
        layer_type: str,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        widths = [width] + [units * directions] * (num_layers - 1)
        cell = CELLS[layer_type]
        self.embedding = embedding(rows, width)
        self.forth = nn.ModuleList(cell(size, units, batch_first=True) for size in widths)
        self.back = nn.ModuleList(cell(size, units, batch_first=True) for size in widths if bidirectional)
        self.dropout = nn.Dropout(dropout)
        for rnn in (*self.forth, *self.back):
            _initialize(rnn)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, T) -> states (B, U or 2 U)."""
        ids = words_first(ids)
        length = (ids != 0).sum(1, keepdim=True)
        reversal = _reversal(ids.shape[1], length)
        steps = self.dropout(self.embedding(ids))
        final_states: list[Tensor] = []
        for layer, forth in enumerate(self.forth):
            states = [forth(steps)[0]]
            final_states = [_last_step(states[0], length)]
            if len(self.back):
                backward = self.back[layer](_gather_steps(steps, reversal))[0]
                states.append(_gather_steps(backward, reversal))
                final_states.append(_last_step(backward, length))
            steps = torch.cat(states, 2)
        return self.dropout(torch.cat(final_states, 1).masked_fill(length == 0, 0.0))


class TokenConvolution(nn.Module):
    """Convolutions over words, and max pooling over the text.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.

    Args:
        rows: number of token ids.
        width: D of an embedding.
        filters: F, number of filters per layer.
        kernel_size: number of words per filter.
        num_layers: number of layers.
        dropout: dropout probability of the embeddings and of the output.

    Shape: token ids (B, T), 0 is padding -> (B, F).

    >>> convolution = TokenConvolution(9, 4, 16, kernel_size=3, num_layers=2, dropout=0.0)
    >>> convolution(torch.tensor([[0, 5, 6]])).shape
    torch.Size([1, 16])
    """

    def __init__(
        self, rows: int, width: int, filters: int, *, kernel_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        widths = [width] + [filters] * (num_layers - 1)
        self.embedding = embedding(rows, width)
        self.layers = nn.ModuleList(nn.Conv1d(size, filters, kernel_size, padding=kernel_size // 2) for size in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, T) -> (B, F)."""
        mask = ids != 0
        channel_mask = mask.unsqueeze(1)
        maps = self.dropout(self.embedding(ids)).transpose(1, 2)
        for layer in self.layers:
            # Outputs in the padding must not leak into the text in the next layer; an even kernel adds one step.
            maps = layer(maps)[..., : ids.shape[1]].relu() * channel_mask
        return self.dropout(masked_max(maps.transpose(1, 2), mask))


def words_first(ids: Tensor) -> Tensor:
    """Moves the padding of each row to its end; the order of the words is preserved.

    >>> words_first(torch.tensor([[0, 5, 0, 6]]))
    tensor([[5, 6, 0, 0]])
    """
    steps = ids.shape[1]
    position = torch.arange(steps, device=ids.device).expand_as(ids)
    return ids.gather(1, (position + steps * (ids == 0)).argsort(1))


def _reversal(steps: int, length: Tensor) -> Tensor:
    """Indices (B, T) that reverse the first `length` (B, 1) steps of each row."""
    position = torch.arange(steps, device=length.device).unsqueeze(0)
    return torch.where(position < length, length - 1 - position, position)


def _gather_steps(steps: Tensor, indices: Tensor) -> Tensor:
    return steps.gather(1, indices.unsqueeze(2).expand_as(steps))


def _last_step(steps: Tensor, length: Tensor) -> Tensor:
    index = (length - 1).clamp_min(0).unsqueeze(2).expand(-1, 1, steps.shape[2])
    return steps.gather(1, index).squeeze(1)


def _initialize(rnn: nn.Module) -> None:
    """Initialises a recurrent layer: orthogonal recurrent weights, and a forget bias of 1 for LSTMs."""
    for name, weight in rnn.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(weight)
        else:
            nn.init.zeros_(weight)
        if name.startswith("bias_ih") and isinstance(rnn, nn.LSTM):
            with torch.no_grad():
                weight[rnn.hidden_size : 2 * rnn.hidden_size].fill_(1.0)
