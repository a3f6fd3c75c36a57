"""Embeddings of numbers compute what their paper says, and what the reference package computes."""

import pytest
import torch

from medley.nn.numeric_embeddings import PeriodicEmbedding, PiecewiseLinearEmbedding

EDGES = [[0.0, 1.0, 2.0, 5.0], [-1.0, 3.0], [0.5, 0.75, 4.0]]


def test_the_encoding_by_hand():
    module = PiecewiseLinearEmbedding(EDGES, 4)
    encoded = module.encode(torch.tensor([[1.5, 1.0, 0.25], [-1.0, -5.0, 9.0], [6.0, 7.0, 0.5]]))
    expected = [
        [[1.0, 0.5, 0.0], [0.5, 0.0, 0.0], [-1.0, 0.0, 0.0]],
        [[-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 8.25 / 3.25, 0.0]],
        [[1.0, 1.0, 4 / 3], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ]
    torch.testing.assert_close(encoded, torch.tensor(expected))


def test_a_new_embedding_is_linear():
    module = PiecewiseLinearEmbedding(EDGES, 4)
    x = torch.randn(5, 3)
    torch.testing.assert_close(module(x), module.linear_weight * x.unsqueeze(2) + module.linear_bias)


@pytest.fixture
def reference():
    return pytest.importorskip("rtdl_num_embeddings", reason="the reference package is a test dependency")


@pytest.mark.filterwarnings("ignore:The .* feature has just two bin edges")
def test_piecewise_equals_the_reference_with_its_weights(reference):
    theirs = reference.PiecewiseLinearEmbeddings(
        [torch.tensor(edges) for edges in EDGES], 4, activation=False, version="B"
    )
    ours, state = PiecewiseLinearEmbedding(EDGES, 4), theirs.state_dict()
    with torch.no_grad():
        ours.linear_weight.copy_(state["linear0.weight"])
        ours.linear_bias.copy_(state["linear0.bias"])
        theirs.linear.weight.normal_()
        for place, edges in enumerate(EDGES):  # theirs holds the last bin in the last place
            bins = len(edges) - 1
            weight = theirs.linear.weight[place]
            ours.weight[place, : bins - 1] = weight[: bins - 1]
            ours.weight[place, bins - 1] = weight[-1]
    x = torch.randn(50, 3) * 3
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_periodic_equals_the_reference_with_its_weights(reference):
    theirs = reference.PeriodicEmbeddings(3, 8, n_frequencies=16, frequency_init_scale=0.1, lite=True)
    ours = PeriodicEmbedding(3, 8, frequencies=16, scale=0.1)
    assert abs(float((ours.frequency.std() - theirs.periodic.weight.std()).detach())) < 0.05
    ours.load_state_dict(
        {
            "frequency": theirs.periodic.weight,
            "linear.weight": theirs.linear.weight,
            "linear.bias": theirs.linear.bias,
        }
    )
    x = torch.randn(50, 3)
    torch.testing.assert_close(ours(x), theirs(x))
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    torch.testing.assert_close(ours.frequency.grad, theirs.periodic.weight.grad)
