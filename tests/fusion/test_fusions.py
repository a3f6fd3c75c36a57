"""Properties that every fusion must have."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medley.core import config
from medley.core.block import DataSummary
from medley.core.resolve import settle, take_default
from medley.core.spec import vector
from medley.errors import ConfigError
from medley.fusion import Add, AttentionFusion, Concatenate, GatedFusion, LowRankFusion

WIDTHS = (3, 7, 5)
SPECS = [vector(width) for width in WIDTHS]
FUSIONS = {
    "concatenate": Concatenate(),
    "stand-in": Concatenate(stand_in=True),
    "add": Add(),
    "add to a width": Add(width=4),
    "gated": GatedFusion(width=6),
    "attention": AttentionFusion(width=6, num_heads=2),
    "attention with heads that do not divide": AttentionFusion(width=6, num_heads=4),
    "low rank": LowRankFusion(width=6, rank=3),
}
all_fusions = pytest.mark.parametrize("block", FUSIONS.values(), ids=FUSIONS.keys())


def perturbed(block, specs=SPECS):
    """The module with random non-zero weights, so that no effect is hidden by the initialisation."""
    module = block.build(*specs)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module


def rows(size, widths=WIDTHS):
    return [torch.randn(size, width) for width in widths]


def random_presence(size, count=3):
    present = torch.rand(size, count) < 0.5
    present[torch.arange(size), torch.randint(count, (size,))] = True
    return present


@all_fusions
def test_out_is_the_shape_of_the_result(block):
    for specs in (SPECS, SPECS[:1], SPECS[:2]):
        module = block.build(*specs)
        vectors = rows(4, [spec.width for spec in specs])
        for present in (None, random_presence(4, len(specs))):
            assert module(vectors, present).shape == (4, *block.out(*specs).shape)
    assert block.build(*SPECS)(rows(1), None).shape == (1, *block.out(*SPECS).shape)


@all_fusions
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -1e30, 7.0])
def test_the_content_of_an_absent_vector_has_no_effect_and_no_gradient(block, garbage):
    module, present = perturbed(block), random_presence(16)
    vectors = rows(16)
    with_garbage = [x.masked_fill(~present[:, modality, None], garbage) for modality, x in enumerate(vectors)]
    expected = module(vectors, present)
    for x in with_garbage:
        x.requires_grad_()
    out = module(with_garbage, present)
    assert torch.equal(out, expected)
    out.square().sum().backward()
    for modality, x in enumerate(with_garbage):
        assert x.grad is not None
        assert (x.grad[~present[:, modality]] == 0).all()
        assert x.grad[present[:, modality]].isfinite().all()
        assert (x.grad[present[:, modality]] != 0).any()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "parameter_name"),
    [
        ("add to a width", "project.1.weight"),
        ("gated", "values.1.weight"),
        ("gated", "values.1.bias"),
        ("attention", "tokens.1.weight"),
        ("attention", "tokens.1.bias"),
        ("low rank", "factors.1.weight"),
        ("low rank", "factors.1.bias"),
    ],
)
def test_weights_of_an_absent_vector_get_no_gradient(name, parameter_name):
    module = perturbed(FUSIONS[name])
    module(rows(8), torch.tensor([[True, False, True]]).expand(8, 3)).square().sum().backward()
    gradients = {path: parameter.grad for path, parameter in module.named_parameters()}
    assert (gradients[parameter_name] == 0).all()
    assert (gradients[parameter_name.replace(".1.", ".0.")] != 0).any()


@all_fusions
@given(order=st.permutations(range(6)), seed=st.integers(0, 1000))
def test_rows_do_not_depend_on_each_other(block, order, seed):
    torch.manual_seed(seed)
    module, vectors, present = perturbed(block), rows(6), random_presence(6)
    together = module(vectors, present)
    shuffled = module([x[list(order)] for x in vectors], present[list(order)])
    torch.testing.assert_close(shuffled, together[list(order)])
    alone = module([x[:1] for x in vectors], present[:1])
    torch.testing.assert_close(alone, together[:1])


@all_fusions
def test_a_mask_of_all_present_is_the_same_as_none(block):
    module, vectors = perturbed(block), rows(5)
    torch.testing.assert_close(module(vectors, torch.ones(5, 3, dtype=torch.bool)), module(vectors, None))


@all_fusions
def test_a_row_without_any_vector_is_finite(block):
    module = perturbed(block)
    vectors = [torch.full((2, width), torch.nan, requires_grad=True) for width in WIDTHS]
    out = module(vectors, torch.tensor([[False] * 3, [False] * 3]))
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("name", ["add", "gated", "attention", "low rank"])
def test_a_single_present_vector_gives_the_same_as_alone(name):
    """The result of a row that has only the last vector does not depend on there being others."""
    block = {**FUSIONS, "add": Add(width=4)}[name]
    module, alone = perturbed(block), block.build(SPECS[2])
    state = module.state_dict()
    renamed = {key.replace(".0.", ".2."): key for key in alone.state_dict()}
    shared_state = {
        short: state[long] for long, short in renamed.items() if state[long].shape == alone.state_dict()[short].shape
    }
    missing = alone.load_state_dict(shared_state, strict=False).missing_keys
    assert all(key.startswith("gate") for key in missing)  # one gate is always open, whatever its weights
    vectors = rows(4)
    present = torch.tensor([[False, False, True]]).expand(4, 3)
    torch.testing.assert_close(module(vectors, present), alone(vectors[2:], None))


@all_fusions
def test_masks_work_in_low_precision(block):
    module, vectors, present = perturbed(block), rows(8), random_presence(8)
    present[0] = False
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = module([x.masked_fill(~present[:, i, None], torch.nan) for i, x in enumerate(vectors)], present)
    assert out.isfinite().all()
    torch.testing.assert_close(out.float(), module(vectors, present), rtol=0.1, atol=0.3)


@all_fusions
def test_blocks_are_restored_from_json(block):
    restored = config.from_json(json.loads(json.dumps(config.to_json(block))))
    assert repr(restored) == repr(block)


def test_the_default_width_is_small_for_few_rows():
    for block in (GatedFusion(), AttentionFusion(), LowRankFusion()):

        def width(rows, block=block):
            return settle(
                block, "it", take_default, block.suggest_defaults([vector(512), vector(4)], DataSummary(rows))
            ).width

        assert (width(100), width(5_000), width(100_000)) == (32, 64, 128)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Add, {"width": 0}),
        (GatedFusion, {"width": 1.5}),
        (AttentionFusion, {"num_heads": 0}),
        (LowRankFusion, {"rank": 0}),
    ],
)
def test_invalid_sizes_are_errors(kind, fields):
    with pytest.raises(ConfigError, match=next(iter(fields))):
        kind(**fields)
