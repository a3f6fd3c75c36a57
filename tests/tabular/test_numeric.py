import numpy as np
import pytest
import torch

from medley.core.block import DataSummary
from medley.core.probe import probe
from medley.core.spec import Column, Spec, vector
from medley.errors import ConfigError
from medley.tabular import NumericEmbedding, TableCodec

PIECEWISE = NumericEmbedding(embedding="piecewise", width=4, frequency_scale=0.1)
PERIODIC = NumericEmbedding(embedding="periodic", width=4, frequency_scale=0.1)
SPEC = Spec(
    (4,),
    "C",
    columns=(
        Column("binned", "numeric", bins=(-1.0, 0.0, 0.5, 2.0), missing=True),
        Column("kind", "categorical", 3),
        Column("also binned", "numeric", bins=(-2.0, 0.0, 1.0)),
        Column("plain", "numeric"),
    ),
)


@pytest.mark.parametrize(("block", "width"), [(PIECEWISE, 1 + 1 + 2 + 2 * 4), (PERIODIC, 1 + 2 + 3 * 4)])
def test_the_shape_is_known_beforehand(block, width):
    assert block.out(SPEC) == vector(width)
    assert probe(lambda: block.build(SPEC), [SPEC], "it") == block.out(SPEC)
    assert block.build(SPEC)(torch.zeros(1, 4)).shape == (1, width)


@pytest.mark.parametrize("block", [PIECEWISE, PERIODIC])
def test_what_is_missing_or_absurd_leaves_as_a_number(block):
    module = block.build(SPEC)
    x = torch.tensor([[torch.nan, 0, torch.nan, torch.nan], [1e9, 2, -1e9, 1], [torch.inf, 99, 0, -1]])
    out = module(x)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_piecewise_starts_as_a_line_and_can_bend_at_its_edges():
    spec = Spec((1,), "C", columns=(Column("x", "numeric", bins=(-1.0, 0.0, 2.0)),))
    module = NumericEmbedding(embedding="piecewise", width=1, frequency_scale=0.1).build(spec)
    x = torch.tensor([[-1.0], [-0.5], [0.0], [1.0], [2.0]])
    start = module(x)[:, 0].detach()
    slope = (start[1:] - start[:-1]) / torch.tensor([0.5, 0.5, 1.0, 1.0])
    torch.testing.assert_close(slope, slope[:1].expand(4))

    state = module.state_dict()
    line = [name for name in state if "linear_" in name]
    bend = next(name for name in state if name.endswith("module.weight"))
    with torch.no_grad():
        for name in line:
            state[name].zero_()
        state[bend].copy_(torch.tensor([[[3.0], [10.0]]]))  # rises by 3 in the first bin, by 10 in the second
    assert module(x)[:, 0].tolist() == [0.0, 1.5, 3.0, 8.0, 13.0]
    assert module(torch.tensor([[-9.0], [9.0]]))[:, 0].tolist() == [0.0, 13.0]  # no wilder than the training range


def test_periodic_separates_what_a_line_cannot():
    module = PERIODIC.build(SPEC)
    x = torch.zeros(3, 4)
    x[:, 3] = torch.tensor([-1.0, 0.0, 1.0])
    out = module(x)
    assert not torch.allclose(out[0] - out[1], out[1] - out[2], atol=1e-4)


def test_real_bins_fit_the_embedding():
    values = np.random.default_rng(0).exponential(size=(400, 3))
    values[:, 1] = values[:, 1].round(1)
    values[:200, 2] = 0
    codec = TableCodec().fit(values)
    module = PIECEWISE.build(codec.spec)
    x = torch.from_numpy(codec.encode(values).array)
    assert module(x).shape == (400, 12)
    assert module(x).isfinite().all()


def test_its_size_is_known_without_memory():
    with torch.device("meta"):
        module = PIECEWISE.build(SPEC)
    assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in PIECEWISE.build(SPEC).parameters())


def test_numbers_without_bins_pass():
    spec = Spec((1,), "C", columns=(Column("x", "numeric"),))
    x = torch.randn(3, 1)
    assert torch.equal(PIECEWISE.build(spec)(x), x)
    assert torch.equal(PIECEWISE.build(vector(1))(x), x)


def test_widths_shrink_with_columns_and_errors_are_reported():
    def width(columns, rows):
        return NumericEmbedding().suggest_defaults([vector(columns)], DataSummary(rows))["width"]

    assert (width(10, 10_000), width(50, 10_000), width(500, 10_000), width(10, 500)) == (16, 8, 4, 4)
    with pytest.raises(ConfigError, match="width"):
        NumericEmbedding(width=0)
    with pytest.raises(ConfigError, match="frequency_scale"):
        NumericEmbedding(frequency_scale=0)
    with pytest.raises(ConfigError, match="Did you mean 'piecewise'"):
        NumericEmbedding(embedding="piecewize")
