"""Independent dense networks side by side: every layer of all members is one batched matrix product."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.members import MemberWise


@dataclass(frozen=True)
class TableLayout:
    """Which columns of a table are read in which way.

    Args:
        numbers: positions of numbers.
        embedded_numbers: positions of those with periodic embeddings.
        flagged: positions of numbers with a feature that is 1 where the cell is missing.
        discrete: position -> its distinct values in ascending order, which are embedded as well.
        one_hot: (position, code) of each category that is one feature.
        embedded: position -> number of codes of a category that is embedded.
    """

    numbers: Sequence[int] = ()
    embedded_numbers: Sequence[int] = ()
    flagged: Sequence[int] = ()
    discrete: Mapping[int, Sequence[float]] = field(default_factory=dict)
    one_hot: Sequence[tuple[int, int]] = ()
    embedded: Mapping[int, int] = field(default_factory=dict)


class TableMembers(MemberWise):
    """A table's columns as one vector, with separate embeddings for each of E members.

    Numbers are softly clipped, x / sqrt(1 + (x / 3)²), and embedded as well: 16 cosines of learnt frequencies, then a
    linear layer. Numbers of few distinct values, and categories, have an embedding for each value; few categories are
    one-hot.
    Source: Holzmüller, Grinsztajn, Steinwart: Better by Default (RealMLP), 2024, https://arxiv.org/abs/2407.04491.

    Args:
        members: E.
        layout: which columns are read in which way.
        periodic: width of a number's periodic embedding; 0 for none.
        plain: the members that read numbers without periodic embeddings and without an embedding of each value.

    Shape: (B, C) -> (E, B, D).

    >>> layout = TableLayout(numbers=[0], embedded_numbers=[0], one_hot=[(1, 1)])
    >>> TableMembers(3, layout, periodic=2)(torch.zeros(5, 2)).shape
    torch.Size([3, 5, 4])
    """

    FREQUENCIES, WIDTH, SCALE = 16, 8, 1.0

    def __init__(self, members: int, layout: TableLayout, *, periodic: int = 3, plain: Collection[int] = ()) -> None:
        super().__init__()
        self.members = members
        self.has_plain = bool(plain)
        is_rich = torch.tensor([float(member not in plain) for member in range(members)])[:, None, None]
        self.register_buffer("is_rich", is_rich, persistent=False)
        self.periodic = periodic if layout.embedded_numbers else 0
        places = {
            "numbers": list(layout.numbers),
            "periodic_numbers": list(layout.embedded_numbers),
            "flagged": list(layout.flagged),
            "hot": [place for place, _ in layout.one_hot],
            "discrete": list(layout.discrete),
            "embedded": list(layout.embedded),
        }
        self.sizes = {name: len(positions) for name, positions in places.items()}
        for name, positions in places.items():  # not saved: they follow from the declaration
            self.register_buffer(name, torch.tensor(positions, dtype=torch.int64), persistent=False)
        codes = torch.tensor([float(code) for _, code in layout.one_hot])
        self.register_buffer("codes", codes, persistent=False)
        values = list(layout.discrete.values())
        for place, row in enumerate(values):
            points = torch.tensor(list(row))
            self.register_buffer(f"edges_{place}", (points[1:] + points[:-1]) / 2, persistent=False)
        cardinality = [len(row) + 1 for row in values] + list(layout.embedded.values())
        starts = torch.tensor([0, *cardinality[:-1]], dtype=torch.int64).cumsum(0)[: len(cardinality)]
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer(
            "last", torch.tensor([size - 1 for size in cardinality], dtype=torch.int64), persistent=False
        )
        if self.periodic:
            count = len(layout.embedded_numbers)
            self.frequency = nn.Parameter(torch.randn(members, 1, count, self.FREQUENCIES) * self.SCALE)
            self.phase = nn.Parameter(torch.empty(members, 1, count, self.FREQUENCIES).uniform_(-math.pi, math.pi))
            bound = self.FREQUENCIES**-0.5
            self.weight = nn.Parameter(torch.empty(members, count, self.FREQUENCIES, periodic).uniform_(-bound, bound))
            self.bias = nn.Parameter(torch.zeros(members, 1, count, periodic))
        if cardinality:
            bound = self.WIDTH**-0.5
            table = torch.empty(members, sum(cardinality), self.WIDTH).uniform_(-bound, bound)
            table[:, starts] = 0  # embeddings of missing cells and unseen categories
            self.table = nn.Parameter(table)

    @property
    def width(self) -> int:
        """D."""
        sizes = self.sizes
        embedded = self.WIDTH * (sizes["discrete"] + sizes["embedded"])
        return sizes["numbers"] + sizes["periodic_numbers"] * self.periodic + sizes["flagged"] + sizes["hot"] + embedded

    @property
    def start_factor(self) -> Tensor:
        """Factors (E, 1, 1) of the first layer's initial weights: larger for plain members, which read less."""
        skipped_width = self.sizes["periodic_numbers"] * self.periodic + self.sizes["discrete"] * self.WIDTH
        factor = (self.width / max(self.width - skipped_width, 1)) ** 0.5
        return torch.where(self.get_buffer("is_rich") > 0, 1.0, factor)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) -> (E, B, D)."""
        rows, clean = x.shape[0], torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
        shared_parts, member_parts = [], []
        if self.sizes["numbers"]:
            shared_parts.append(_soft_clipped(clean.index_select(1, self.numbers)))  # type: ignore[arg-type]
        if self.periodic:
            numbers = _soft_clipped(clean.index_select(1, self.periodic_numbers))  # type: ignore[arg-type]
            member_parts.append(self._of_rich(self._cosines(numbers)))
        if self.sizes["flagged"]:
            shared_parts.append(torch.isnan(x.index_select(1, self.flagged)).to(clean.dtype))  # type: ignore[arg-type]
        if self.sizes["hot"]:
            shared_parts.append((clean.index_select(1, self.hot) == self.codes).to(clean.dtype))  # type: ignore[arg-type]
        if self.sizes["discrete"] or self.sizes["embedded"]:
            embedded = self.of_chosen(self.table)[:, self._codes(x, clean)].flatten(2)
            parts = [self.sizes["discrete"] * self.WIDTH, self.sizes["embedded"] * self.WIDTH]
            discrete, categories = embedded.split(parts, dim=2)
            member_parts += [self._of_rich(discrete), categories]
        members = len(range(self.members)[self.chosen])
        parts = [torch.cat(shared_parts, 1).expand(members, rows, -1)] if shared_parts else []
        parts += member_parts
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)

    def _of_rich(self, features: Tensor) -> Tensor:
        """Features (E, B, D) that plain members do not read."""
        return features * self.of_chosen(self.get_buffer("is_rich")) if self.has_plain else features

    def _cosines(self, numbers: Tensor) -> Tensor:
        frequency, phase = self.of_chosen(self.frequency), self.of_chosen(self.phase)
        cosines = (2 * math.pi * frequency * numbers[None, :, :, None] + phase).cos()  # (E, B, F, 16)
        bent = torch.einsum("ebfk,efkd->ebfd", cosines, self.of_chosen(self.weight)) + self.of_chosen(self.bias)
        return bent.flatten(2)

    def _codes(self, x: Tensor, clean: Tensor) -> Tensor:
        """Rows of the table of embeddings, (B, columns)."""
        codes = []
        if self.sizes["discrete"]:
            cells = x.index_select(1, self.discrete)  # type: ignore[arg-type]
            places = [
                torch.bucketize(column, self.get_buffer(f"edges_{place}")) + 1
                for place, column in enumerate(cells.T.contiguous())
            ]
            codes.append(torch.where(torch.isnan(cells), 0, torch.stack(places, 1)))
        if self.sizes["embedded"]:
            codes.append(clean.index_select(1, self.embedded).long().clamp(min=0))  # type: ignore[arg-type]
        joined = codes[0] if len(codes) == 1 else torch.cat(codes, 1)
        return torch.minimum(joined, self.last) + self.starts  # type: ignore[arg-type]


class DenseEnsemble(MemberWise):
    """E dense networks trained on the same rows, without shared weights.

    Each number of the inputs is multiplied by a learnt scale; then come layers of linear, SiLU and dropout, with a
    residual connection around each but the first. Source of the scale: as for `TableMembers`.

    Args:
        widths: numbers per row of each input, D_i.
        units: width of the layers.
        num_layers: number of layers.
        members: E.
        dropout: dropout probability after each layer.
        input_dropout: dropout probability before the first layer.
        tables: position of an input -> its layout, for inputs that are tables.
        periodic: as in `TableMembers`.
        hidden: positions of the inputs that the second half of the members does not read.
        plain: the members that read the numbers of tables as they are, as in `TableMembers`.

    Shape: tensors (B, D_i) -> (B, E, units).

    >>> DenseEnsemble([3, 2], 8, num_layers=2, members=4, dropout=0.1)(torch.zeros(5, 3), torch.zeros(5, 2)).shape
    torch.Size([5, 4, 8])
    """

    def __init__(
        self,
        widths: Sequence[int],
        units: int,
        *,
        num_layers: int,
        members: int,
        dropout: float,
        input_dropout: float = 0.0,
        tables: Mapping[int, TableLayout] | None = None,
        periodic: int = 3,
        hidden: Sequence[int] = (),
        plain: Collection[int] = (),
    ) -> None:
        super().__init__()
        self.members = members
        reads_hidden = (torch.arange(members) < members - members // 2).float()[:, None, None]
        self.register_buffer("reads_hidden", reads_hidden, persistent=False)
        self.hidden = frozenset(hidden)
        self.dropout, self.input_dropout = dropout, input_dropout
        self.tables = nn.ModuleDict(
            {
                str(place): TableMembers(members, layout, periodic=periodic, plain=plain)
                for place, layout in (tables or {}).items()
            }
        )
        read = [
            self.tables[str(place)].width if str(place) in self.tables else width for place, width in enumerate(widths)
        ]
        width = sum(read)  # type: ignore[arg-type]
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        sizes = [width, *[units] * num_layers]
        starts = [torch.randn(members, before, after) * max(before, 1) ** -0.5 for before, after in pairwise(sizes)]
        for table in self.tables.values():
            starts[0] = starts[0] * table.start_factor
        self.weights = nn.ParameterList([nn.Parameter(start) for start in starts])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(members, 1, units)) for _ in range(num_layers)])

    def forward(self, *inputs: Tensor) -> Tensor:
        """(B, D_i) each -> (B, E, units)."""
        members = len(range(self.members)[self.chosen])
        parts = [
            self.tables[str(place)](x) if str(place) in self.tables else x.expand(members, *x.shape)
            for place, x in enumerate(inputs)
        ]
        for place in self.hidden:
            parts[place] = parts[place] * self.of_chosen(self.get_buffer("reads_hidden"))
        x = (parts[0] if len(parts) == 1 else torch.cat(parts, 2)) * self.of_chosen(self.scale)
        x = F.dropout(x, self.input_dropout, self.training)
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            y = F.silu(torch.baddbmm(self.of_chosen(bias), x, self.of_chosen(weight)))
            y = F.dropout(y, self.dropout, self.training)
            x = x + y if place else y
        return x.transpose(0, 1)


def _soft_clipped(x: Tensor) -> Tensor:
    return x * torch.rsqrt(1 + (x / 3).square())
