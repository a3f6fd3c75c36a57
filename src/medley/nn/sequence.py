"""Embeddings of codes, and recurrent and convolutional layers over them that pass by the padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medley.nn.pooling import masked_max

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


def embedding(rows: int, width: int, *, zeros: int = 2) -> nn.Embedding:
    """A table of embeddings whose code 0 is padding: zeros, and never trained.

    Args:
        rows: number of codes.
        width: D; the first weights have a length of about 1.
        zeros: how many codes start as zeros; 2 where 1 is the unknown word, which training may never meet.

    >>> embedding(8, 4)(torch.tensor([[0]]))
    tensor([[[0., 0., 0., 0.]]], grad_fn=<EmbeddingBackward0>)
    """
    table = nn.Embedding(rows, width, padding_idx=0)
    nn.init.normal_(table.weight, std=width**-0.5)
    with torch.no_grad():
        table.weight[:zeros].zero_()
    return table


class BoundedCodes(nn.Module):
    """Whole numbers of any type -> codes that a table of `rows` rows holds.

    Args:
        rows: number of codes.
        beyond: the code of what lies above.

    Shape: (B, ...) -> (B, ...) int64.

    >>> BoundedCodes(8, beyond=7)(torch.tensor([[-1.0, 2.0, 99.0]]))
    tensor([[0, 2, 7]])
    """

    def __init__(self, rows: int, *, beyond: int) -> None:
        super().__init__()
        self.rows = rows
        self.beyond = beyond

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers -> codes."""
        codes = (numbers.round() if numbers.is_floating_point() else numbers).long().clamp_min(0)
        return codes.masked_fill(codes >= self.rows, self.beyond)


class Recurrent(nn.Module):
    """LSTM or GRU layers over steps that all hold something.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        width: D of a step.
        units: U, of each layer and direction.
        layer_type: `"lstm"` or `"gru"`.
        num_layers: layers on each other.
        bidirectional: reads the steps in both directions, and returns both side by side.
        return_sequences: returns every step, else the state after the last.

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
        _start(self.rnn)

    def forward(self, steps: Tensor) -> Tensor:
        """Steps (B, T, D) -> states."""
        states, last = self.rnn(steps)
        if self.return_sequences:
            return states
        hidden = last[0] if isinstance(last, tuple) else last
        return torch.cat([hidden[-2], hidden[-1]], 1) if self.rnn.bidirectional else hidden[-1]


class TokenRecurrent(nn.Module):
    """Recurrent layers over codes: each direction ends at a text's own last word, wherever the padding stands.

    The words of a text are moved to the front and, for the way back, turned round there: whole tensors, so that no
    length has to be known outside the device. A text without words gives zeros.

    Args:
        rows: number of codes.
        width: D of an embedding.
        units: U, of each layer and direction.
        layer_type: `"lstm"` or `"gru"`.
        num_layers: layers on each other.
        bidirectional: reads in both directions.
        dropout: on the embeddings and on what comes out.

    Shape: codes (B, T), 0 is padding -> (B, U), 2 U with `bidirectional`.

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
        self.forth = nn.ModuleList(cell(one, units, batch_first=True) for one in widths)
        self.back = nn.ModuleList(cell(one, units, batch_first=True) for one in widths if bidirectional)
        self.dropout = nn.Dropout(dropout)
        for rnn in (*self.forth, *self.back):
            _start(rnn)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, T) -> states (B, U or 2 U)."""
        codes = words_first(codes)
        length = (codes != 0).sum(1, keepdim=True)
        turned = _turned(codes.shape[1], length)
        steps = self.dropout(self.embedding(codes))
        ends: list[Tensor] = []
        for layer, forth in enumerate(self.forth):
            ways = [forth(steps)[0]]
            ends = [_last(ways[0], length)]
            if len(self.back):
                backwards = self.back[layer](_rearranged(steps, turned))[0]
                ways.append(_rearranged(backwards, turned))
                ends.append(_last(backwards, length))
            steps = torch.cat(ways, 2)
        return self.dropout(torch.cat(ends, 1).masked_fill(length == 0, 0.0))


class TokenConvolution(nn.Module):
    """Convolutions over words, and the largest answer of each filter.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.

    Args:
        rows: number of codes.
        width: D of an embedding.
        filters: F of each layer.
        kernel_size: words that a filter sees.
        num_layers: layers on each other.
        dropout: on the embeddings and on what comes out.

    Shape: codes (B, T), 0 is padding -> (B, F).

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
        self.layers = nn.ModuleList(nn.Conv1d(one, filters, kernel_size, padding=kernel_size // 2) for one in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, T) -> (B, F)."""
        mask = codes != 0
        here = mask.unsqueeze(1)
        maps = self.dropout(self.embedding(codes)).transpose(1, 2)
        for layer in self.layers:
            # What a filter answers beyond the text's ends must not leak back in by the next layer.
            maps = layer(maps)[..., : codes.shape[1]].relu() * here  # an even kernel answers once too often
        return self.dropout(masked_max(maps.transpose(1, 2), mask))


def words_first(codes: Tensor) -> Tensor:
    """Moves the padding of each row to its end; the words keep their order.

    >>> words_first(torch.tensor([[0, 5, 0, 6]]))
    tensor([[5, 6, 0, 0]])
    """
    steps = codes.shape[1]
    place = torch.arange(steps, device=codes.device).expand_as(codes)
    return codes.gather(1, (place + steps * (codes == 0)).argsort(1))


def _turned(steps: int, length: Tensor) -> Tensor:
    """Places (B, T) that turn the first `length` (B, 1) steps of each row round."""
    place = torch.arange(steps, device=length.device).unsqueeze(0)
    return torch.where(place < length, length - 1 - place, place)


def _rearranged(steps: Tensor, places: Tensor) -> Tensor:
    return steps.gather(1, places.unsqueeze(2).expand_as(steps))


def _last(steps: Tensor, length: Tensor) -> Tensor:
    place = (length - 1).clamp_min(0).unsqueeze(2).expand(-1, 1, steps.shape[2])
    return steps.gather(1, place).squeeze(1)


def _start(rnn: nn.Module) -> None:
    """First weights of a recurrent layer: orthogonal in time, and an LSTM that forgets little at first."""
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
