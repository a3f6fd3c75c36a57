"""Sets of images in networks: order, empty positions, positions."""

import numpy as np
import pytest
import torch

import medley as md
from medley.core.batch import Rows
from medley.core.block import DataSummary
from medley.core.codec import Encoded
from medley.core.config import from_json, to_json
from medley.core.resolve import resolve, settle, take_default
from medley.core.space import OneOf
from medley.core.spec import Spec
from medley.errors import ConfigError, GraphError
from medley.image.block import ImageBlock
from medley.image.conv import ConvBlock
from medley.image.resnet import ResNetBlock
from medley.image.set_block import ImageSetBlock
from medley.image.set_encoder import ImageSetEncoder
from medley.image.set_input import ImageSetInput
from medley.testing import check_block

SETS = Spec((4, 3, 12, 12), "SCHW", "uint8")


def resolved(block, source=None, spec=SETS, suggest=take_default, rows=100):
    source = source or ImageSetInput()
    node = resolve(
        [block(source)], {id(source): "photos", id(block): "set"}, lambda _: spec, suggest, DataSummary(rows)
    )[0]
    return node.block


def module_of(block, **options):
    return resolved(block, **options).build(Spec(SETS.shape, "SCHW"))


def some_sets(count=5):
    x = torch.rand(count, *SETS.shape) + 0.01
    missing = torch.rand(count, 4) < 0.4
    missing[:, 0] = False
    return x.masked_fill(missing[:, :, None, None, None], 0.0)


ENCODERS = {
    "default": None,
    "residual": ImageBlock(block_type="resnet", augment=False),
    "map": ConvBlock(filters=8),
    "several": OneOf(ConvBlock(filters=4), ResNetBlock("resnet8")),
}


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_order_and_empty_positions_have_no_effect(name, pooling):
    module = module_of(ImageSetBlock(ENCODERS[name], pooling))
    x = some_sets()
    module.adapt(x)
    module.train()(x)  # statistics that are not those of the start
    module.eval()
    result = module(x)
    assert result.shape == (5, resolved(ImageSetBlock(ENCODERS[name], pooling)).out(SETS).width)
    torch.testing.assert_close(module(x[:, [3, 1, 0, 2]]), result, rtol=1e-4, atol=1e-5)
    full = x[:, :1].expand(-1, 3, -1, -1, -1)
    alone = torch.cat([x[:, :1], torch.zeros_like(full)], 1)
    torch.testing.assert_close(module(alone), module(torch.cat([x[:, :1], full], 1)), rtol=1e-4, atol=1e-5)


def test_positions_matter_if_the_input_or_the_block_says_so():
    named = ImageSetInput(positions=True)
    assert resolved(ImageSetBlock()).positions is False
    assert resolved(ImageSetBlock(), named).positions is True
    assert resolved(ImageSetBlock(positions=False), named).positions is False
    assert resolved(ImageSetBlock(positions=True)).positions is True
    module = module_of(ImageSetBlock(positions=True))
    torch.nn.init.normal_(module.pool.scale)
    x = some_sets()
    assert not torch.allclose(module.eval()(x), module(x.flip(1)), atol=1e-3)


def test_mean_pooling_for_few_rows_and_attention_for_many():
    assert resolved(ImageSetBlock(), rows=100).pooling == "mean"
    assert resolved(ImageSetBlock(), rows=5000).pooling == "attention"


def test_encoder_and_pooling_are_searched():
    spaces = {}

    def suggest(name, space, default):
        spaces[name] = space
        return default

    resolved(ImageSetBlock(), suggest=suggest)
    assert spaces["set.pooling"] == OneOf("attention", "mean")
    assert "set.image_set_encoder.image_block.block_type" in spaces
    assert "set.image_set_encoder.image_block.strided_conv_block.filters" in spaces


def test_json_round_trip_of_a_resolved_encoder():
    block = resolved(ImageSetBlock(ResNetBlock("resnet8")))
    twin = from_json(to_json(block))
    assert repr(twin) == repr(block)
    module, copy = (resolved_block.build(Spec(SETS.shape, "SCHW")).eval() for resolved_block in (block, twin))
    copy.load_state_dict(module.state_dict())
    x = some_sets()
    assert torch.equal(module(x), copy(x))


def test_inputs_that_are_not_sets_of_images_are_errors():
    photo = md.ImageInput()
    with pytest.raises(GraphError, match=r"called on one ImageSetInput, got \(C=3 H=8 W=8\)"):
        resolved(ImageSetBlock(), photo, Spec((3, 8, 8), "CHW"))
    photos = ImageSetInput()
    with pytest.raises(GraphError, match="Blocks for the single images go into its encoder"):
        resolve(
            [ImageSetBlock()(md.Normalization()(photos))],
            {id(photos): "p"},
            lambda _: SETS,
            take_default,
            DataSummary(9),
        )
    with pytest.raises(GraphError, match=r"read by ImageSetBlock\(ResNetBlock\(\)\)"):
        resolved(ResNetBlock("resnet8"), photos)
    with pytest.raises(GraphError, match="must resolve to a chain of layers"):
        resolved(ImageSetBlock(TwoBranches()))
    with pytest.raises(GraphError, match="resolved layers, got None"):
        settle(ImageSetEncoder(), "part", take_default).build(SETS)
    with pytest.raises(ConfigError, match="pooling must be one of"):
        ImageSetBlock(pooling="max")
    with pytest.raises(ConfigError, match="pooling must be one of"):
        ImageSetEncoder(pooling="max")


class TwoBranches(md.extend.Composite):
    def expand(self, nodes, specs, facts):
        return md.Merge("concatenate")([ConvBlock()(nodes[0]), ConvBlock()(nodes[0])])


def test_image_sets_pass_check_block():
    rng = np.random.default_rng(0)
    rows = [[*rng.integers(0, 256, (1 + row % 4, 6, 6, 3), dtype=np.uint8)] for row in range(12)]
    rows[4] = [None, np.zeros((6, 6, 3), np.uint8)]
    rows[2] = rows[9] = None
    with pytest.raises(AssertionError, match="accepts none"):
        check_block(ImageSetBlock(), rows=[*np.zeros((12, 4))])
    check_block(ImageSetBlock(ConvBlock(filters=4, kernel_size=3)), rows=rows, seeds=(1, 2))


def bright(rng, count):
    """Sets of dark images of which one may be bright: the label says whether one is."""
    label = rng.integers(0, 2, count)
    rows = []
    for has_label in label:
        images = [rng.integers(0, 60, (8, 8, 1)).astype(np.uint8) for _ in range(rng.integers(1, 5))]
        if has_label:
            images[rng.integers(len(images))] += 150
        rows.append(images)
    return rows, label


def test_a_model_of_sets_and_a_table_learns_is_saved_and_predicts(tmp_path):
    rng = np.random.default_rng(0)
    rows, label = bright(rng, 160)
    size = rng.normal(size=160)
    rows[5] = rows[17] = None
    photos, facts = ImageSetInput(name="photos"), md.StructuredDataInput(name="facts")
    x = {"photos": rows, "facts": size.reshape(-1, 1)}
    encoded = [ImageSetBlock(reading="network")(photos), md.StructuredDataBlock()(facts)]
    head = md.ClassificationHead()(md.DenseBlock()(md.Merge("concatenate")(encoded)))
    auto = md.AutoModel([photos, facts], head, max_trials=1, directory=tmp_path)
    auto.fit(x, label, epochs=15, batch_size=16, verbose=0)
    assert auto.evaluate(x, label, return_dict=True)["accuracy"] > 0.9
    before = auto.predict_proba(x)
    model = md.load(auto.export_model().save(tmp_path / "saved"))
    np.testing.assert_array_equal(model.predict_proba(x), before)
    mixed = [None if row is None else row[::-1] for row in rows]
    np.testing.assert_allclose(model.predict_proba({**x, "photos": mixed}), before, atol=1e-5)
    padded = [None if row is None else [None, *row, None] for row in rows]
    np.testing.assert_allclose(model.predict_proba({**x, "photos": padded}), before, atol=1e-5)
    assert np.isfinite(model.predict_proba({**x, "photos": [None] * 160})).all()


def test_rows_without_images_have_no_effect():
    module = module_of(ImageSetBlock(ConvBlock(filters=4))).train()
    twin = module_of(ImageSetBlock(ConvBlock(filters=4))).train()
    twin.load_state_dict(module.state_dict())
    x = (some_sets() * 255).byte().numpy()
    present = np.array([True, False, True, True, False])
    batch = Rows({"photos": Encoded(x * present[:, None, None, None, None], present)}).take(torch.arange(5))
    index = batch.rows(frozenset({"photos"}))
    assert index is not None
    scaled = batch.inputs["photos"].index_select(0, index) / 255
    torch.testing.assert_close(module(scaled), twin(torch.from_numpy(x)[torch.from_numpy(present)] / 255))
    for buffer, twin_buffer in zip(module.buffers(), twin.buffers(), strict=True):
        assert torch.equal(buffer, twin_buffer)


@pytest.mark.parametrize(
    ("rows", "inputs", "default"), [(999, 2, "visual_words"), (1000, 2, "network"), (999, 1, "network")]
)
def test_few_images_beside_other_inputs_are_read_as_visual_words(rows, inputs, default):
    reading = ImageSetBlock().suggest_defaults([SETS], DataSummary(rows, inputs))["reading"]
    assert reading.default == default
    assert ImageSetBlock(ConvBlock()).suggest_defaults([SETS], DataSummary(rows, inputs))["reading"].choices == (
        "network",
    )
