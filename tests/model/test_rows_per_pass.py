"""Rows per forward pass, limited by the largest intermediate result."""

import numpy as np
import pytest
import torch
from torch import nn

from medley.core.torchblock import TorchBlock
from medley.fusion import Merge
from medley.heads import RegressionHead
from medley.image.input import ImageInput
from medley.model.forward import compute_embeddings, compute_outputs, joined_embeddings
from medley.model.rows_per_pass import rows_per_pass
from medley.series.input import Input

ROWS = 40


class Wide(nn.Module):
    """Repeats images in channels; notes how many images it is given. A tensor of weights alone is large, too."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.sizes = []
        self.weight = nn.Parameter(torch.ones(2**20))

    def forward(self, x):
        self.sizes.append(len(x))
        assert (self.weight * 2).sum() > 0  # 4 MB, however many rows there are
        return torch.repeat_interleave(x, self.channels, 1).mean((2, 3))[:, :4]


@pytest.fixture
def network_and_rows(make_model):
    """Builds a network whose largest result has `channels` * 4 KB a row, and encodes 40 rows for it."""

    def build(channels, absent=0):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (ROWS, 32, 32), dtype=np.uint8)
        x = {"photo": [None] * absent + list(images[absent:]), "size": rng.normal(size=(ROWS, 2)).astype("float32")}
        photo, size = ImageInput(name="photo"), Input(name="size")
        joined = Merge("concatenate")([TorchBlock(lambda: Wide(channels), name="wide")(photo), size])
        model = make_model([photo, size], [RegressionHead(name="price")(joined)], x, {"price": np.arange(float(ROWS))})
        sizes = model.network.part("wide").sizes
        sizes.clear()
        return model.network, model._rows(x), sizes

    return build


@pytest.mark.parametrize(("channels", "size"), [(4, 40), (128, 16), (256, 8), (4_000, 4)])
def test_the_largest_result_has_at_most_8_mb_but_4_rows_are_computed_in_any_case(network_and_rows, channels, size):
    network, rows, _ = network_and_rows(channels)
    assert rows_per_pass(network, rows, ROWS) == size


def test_results_are_those_of_one_pass(network_and_rows):
    network, rows, sizes = network_and_rows(256)
    outputs = compute_outputs(network, rows, ROWS)
    assert sizes == [1, 2] + [8] * 5  # rows whose results are counted, then passes
    torch.testing.assert_close(outputs["price"], network(rows.slice(0, ROWS))["price"])
    assert joined_embeddings(compute_embeddings(network, rows, ROWS)).shape == (ROWS, 6)


def test_they_are_counted_once(network_and_rows):
    network, rows, sizes = network_and_rows(256)
    assert [rows_per_pass(network, rows, most) for most in (ROWS, 20, 17)] == [8, 8, 8]
    assert sizes == [1, 2]


def test_rows_that_lack_the_image_do_not_count(network_and_rows):
    network, rows, _ = network_and_rows(256, absent=20)
    assert rows_per_pass(network, rows, ROWS) == 8


def test_few_rows_are_computed_at_once_without_counting(network_and_rows):
    network, rows, sizes = network_and_rows(4_000)
    assert rows_per_pass(network, rows, 16) == 16
    assert sizes == []
