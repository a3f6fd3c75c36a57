"""The ensemble layers compute what their papers say, and what the reference package computes with the same weights."""

import pytest
import torch

from medley.nn.batch_ensemble import BatchEnsembleLinear, BatchEnsembleMLP, MemberLinear, Members

WIDTH, UNITS, MEMBERS = 6, 5, 4


def test_each_member_is_a_linear_layer_with_scaled_weights():
    layer, x = BatchEnsembleLinear(WIDTH, UNITS, MEMBERS, random_signs=True), torch.randn(3, MEMBERS, WIDTH)
    with torch.no_grad():
        layer.s.uniform_(0.5, 2)
    output = layer(x)
    for member in range(MEMBERS):
        weight = layer.s[member][:, None] * layer.weight * layer.r[member]
        torch.testing.assert_close(output[:, member], x[:, member] @ weight.T + layer.bias[member])


def test_new_members_differ_and_share_the_matrix():
    layer = BatchEnsembleLinear(200, UNITS, MEMBERS, random_signs=True)
    assert set(layer.r.unique().tolist()) == {-1.0, 1.0}
    assert abs(layer.r.mean()) < 0.15
    assert layer.weight.shape == (UNITS, 200)
    assert layer.weight.abs().max() <= 200**-0.5


@pytest.fixture
def tabm():
    return pytest.importorskip("tabm", reason="the reference package is a test dependency")


def test_the_mlp_equals_the_reference_with_its_weights(tabm):
    reference = tabm.make_tabm_backbone(
        d_in=WIDTH,
        n_blocks=3,
        d_block=UNITS,
        dropout=0.0,
        k=MEMBERS,
        start_scaling_init="random-signs",
        start_scaling_init_chunks=[1] * WIDTH,
    )
    ours = BatchEnsembleMLP(WIDTH, UNITS, num_layers=3, members=MEMBERS, dropout=0.0)
    theirs = reference.state_dict()
    names = {
        f"{3 * layer}.{name}": f"blocks.{layer}.0.{name}" for layer in range(3) for name in ("weight", "r", "s", "bias")
    }
    for name, other in names.items():
        mine = ours.state_dict()[name]
        assert mine.shape == theirs[other].shape
        if mine.numel() > 8 and not name.endswith(("r", "s")):  # the same distribution at the start
            assert abs(float(mine.std() - theirs[other].std())) < 0.15
    ours.load_state_dict({name: theirs[other] for name, other in names.items()})
    x = torch.randn(7, WIDTH)
    first, second = Members(MEMBERS)(x), tabm.EnsembleView(k=MEMBERS)(x)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(ours(first), reference(second))
    ours(first).square().sum().backward()
    reference(second).square().sum().backward()
    for name, other in names.items():
        torch.testing.assert_close(
            dict(ours.named_parameters())[name].grad, dict(reference.named_parameters())[other].grad
        )


def test_member_layers_equal_the_reference_with_its_weights(tabm):
    ours, reference = MemberLinear(WIDTH, UNITS, MEMBERS), tabm.LinearEnsemble(WIDTH, UNITS, k=MEMBERS)
    ours.load_state_dict(reference.state_dict())
    x = torch.randn(7, MEMBERS, WIDTH)
    torch.testing.assert_close(ours(x), reference(x))


def test_initial_biases_of_members_are_equal_as_in_the_reference_code():
    tabm = pytest.importorskip("tabm")
    reference = tabm.LinearBatchEnsemble(200, 500, k=MEMBERS, scaling_init="random-signs")
    layer = BatchEnsembleLinear(200, 500, MEMBERS, random_signs=True)
    for bias in (reference.bias, layer.bias):
        assert torch.equal(bias[0], bias[-1])
    assert layer.bias.std().item() == pytest.approx(reference.bias.std().item(), rel=0.2)
