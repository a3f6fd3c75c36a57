"""Image encoders: output shapes, sizes, independence of rows, error messages."""

import pytest
import torch
from torch import nn

from medley.core.block import DataSummary, Node
from medley.core.config import from_json, to_json
from medley.core.resolve import resolve, settle, take_default
from medley.core.space import OneOf
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.image.augmentation import ImageAugmentation
from medley.image.block import ImageBlock
from medley.image.conv import ConvBlock
from medley.image.efficientnet import EfficientNetBlock
from medley.image.input import ImageInput
from medley.image.resnet import NAMES, ResNetBlock
from medley.image.xception import XceptionBlock

FEW = DataSummary(rows=100)
SIDES = [(1, 1), (2, 5), (8, 8), (28, 28), (32, 32), (64, 48)]


def settled(block, spec, facts=FEW):
    return settle(block, "part", take_default, block.suggest_defaults([spec], facts))


def image(channels, height, width):
    return Spec((channels, height, width), "CHW")


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


BLOCKS = {
    "conv": ConvBlock(),
    "conv even": ConvBlock(kernel_size=4, num_layers=2, filters=8),
    "conv separable": ConvBlock(separable=True, dropout=0.5, num_layers=2, filters=8),
    "conv unpooled": ConvBlock(max_pooling=False, num_blocks=2, filters=4),
    "conv deep": ConvBlock(num_blocks=6, filters=2, kernel_size=7),
    "resnet": ResNetBlock(),
    "resnet v2": ResNetBlock(version="v2"),
    "resnet14_v2": ResNetBlock(version="resnet14_v2"),
    "xception": XceptionBlock(filters=8),
    "efficient": EfficientNetBlock(),
    "augmentation": ImageAugmentation(),
}


@pytest.mark.parametrize("name", sorted(BLOCKS))
@pytest.mark.parametrize("size", SIDES)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_out_equals_the_shape_of_the_output(name, size, channels):
    spec = image(channels, *size)
    block = settled(BLOCKS[name], spec)
    module = block.build(spec)
    x = torch.randn(1, *spec.shape)
    result = module.eval()(x)
    assert result.shape == (1, *block.out(spec).shape)
    assert block.out(spec).axes == "CHW"
    assert result.isfinite().all()
    result = module.train()(torch.randn(3, *spec.shape))
    assert result.shape == (3, *block.out(spec).shape)


@pytest.mark.parametrize("version", NAMES)
@pytest.mark.parametrize("side", [33, 224])
def test_named_residual_networks_by_shape(version, side):
    spec = image(3, side, side)
    block = ResNetBlock(version=version)
    with torch.device("meta"):
        result = block.build(spec)(torch.zeros(2, *spec.shape))
    assert result.shape == (2, *block.out(spec).shape)
    tiny = version.removesuffix("_v2") in ("resnet8", "resnet14", "resnet20")
    assert result.shape[1] == (64 if tiny else 512 if "resnet18" in version or "resnet34" in version else 2048)


def test_residual_networks_have_the_parameters_of_the_papers():
    # torchvision's resnet18 and resnet50 without their classifiers: 11,689,512 - 513,000 and 25,557,032 - 2,049,000.
    spec = image(3, 224, 224)
    with torch.device("meta"):
        assert parameters(ResNetBlock(version="resnet18").build(spec)) == 11_176_512
        assert parameters(ResNetBlock(version="resnet50").build(spec)) == 23_508_032
        assert ResNetBlock(version="resnet50").out(spec).shape == (2048, 7, 7)


def test_efficientnet_has_the_parameters_of_the_paper():
    # torchvision's efficientnet_b0 without its classifier: 5,288,548 - 1,281,000.
    spec = image(3, 224, 224)
    with torch.device("meta"):
        assert parameters(EfficientNetBlock(version="b0").build(spec)) == 4_007_548
        assert EfficientNetBlock(version="b0").out(spec).shape == (1280, 7, 7)


@pytest.mark.parametrize("version", ["b0", "b3", "b7"])
@pytest.mark.parametrize("side", [1, 32, 65, 96, 97, 200])
def test_efficientnet_by_shape(version, side):
    spec = image(3, side, side)
    block = EfficientNetBlock(version=version)
    with torch.device("meta"):
        result = block.build(spec)(torch.zeros(2, *spec.shape))
    assert result.shape == (2, *block.out(spec).shape)


@pytest.mark.parametrize("side", [40, 41, 96, 97])
def test_xception_by_shape(side):
    spec = image(3, side, side)
    block = XceptionBlock(filters=8, num_blocks=2)
    with torch.device("meta"):
        result = block.build(spec)(torch.zeros(2, *spec.shape))
    assert result.shape == (2, *block.out(spec).shape)


@pytest.mark.parametrize("spec", [Spec((9, 5), "TD"), Spec((1, 3), "TD"), Spec((2, 5, 6, 1), "CZHW")])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_convolutions_over_sequences_and_volumes(spec, kernel_size):
    block = settled(ConvBlock(kernel_size=kernel_size, filters=8), spec)
    module = block.build(spec).eval()
    assert module(torch.randn(2, *spec.shape)).shape == (2, *block.out(spec).shape)
    assert block.out(spec).axes == spec.axes


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_rows_are_independent(name):
    spec = image(2, 12, 9)
    module = settled(BLOCKS[name], spec).build(spec)
    nn.Module.train(module)
    module(torch.randn(8, *spec.shape))  # running statistics that are not those of the start
    module.eval()
    x = torch.randn(4, *spec.shape)
    order = torch.tensor([2, 0, 3, 1])
    output = module(x)
    torch.testing.assert_close(module(x[order]), output[order], rtol=1e-4, atol=1e-5)
    changed = x.clone()
    changed[1] += 3
    torch.testing.assert_close(module(changed)[[0, 2, 3]], output[[0, 2, 3]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_inputs_are_not_modified(name):
    spec = image(3, 8, 8)
    module = settled(BLOCKS[name], spec).build(spec).train()
    x = torch.randn(4, *spec.shape)
    original = x.clone()
    module(x)
    assert torch.equal(x, original)


@pytest.mark.parametrize("name", [name for name in sorted(BLOCKS) if name != "augmentation"])
def test_every_parameter_changes_within_two_steps(name):
    spec = image(3, 12, 12)
    module = settled(BLOCKS[name], spec).build(spec).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):  # branches that start at zero pass no gradient in the first step
        optimizer.zero_grad()
        result = module(torch.randn(8, *spec.shape))
        (result * torch.randn_like(result)).mean().backward()
        optimizer.step()
    still = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_json_round_trip_of_blocks(name):
    block = BLOCKS[name]
    twin = from_json(to_json(block))
    assert repr(twin) == repr(block)
    spec = image(3, 16, 16)
    done = settled(block, spec)
    restored = from_json(to_json(done))
    assert restored.out(spec) == done.out(spec)
    module = done.build(spec).eval()
    copy = restored.build(spec).eval()
    copy.load_state_dict(module.state_dict(), assign=True)
    x = torch.randn(2, *spec.shape)
    assert torch.equal(module(x), copy(x))


@pytest.mark.parametrize("spec", [vector(8), Spec((9, 4), "TD")])
def test_other_inputs_are_refused(spec):
    for block in (ResNetBlock("resnet8"), XceptionBlock(filters=8, num_blocks=1), EfficientNetBlock("b0")):
        with pytest.raises(GraphError, match="reads images"):
            block.out(spec)
    with pytest.raises(GraphError, match="sequences"):
        settled(ConvBlock(), vector(8)).build(vector(8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNetBlock(version="resnet51"), "Did you mean 'resnet5"),
        (lambda: ResNetBlock(version=OneOf("resnet18", "resnet1")), "version must be one of"),
        (lambda: ResNetBlock(depth=51), "depth must be one of 8, 14"),
        (lambda: ResNetBlock(depth=OneOf(8, 9)), "depth must be one of 8, 14"),
        (lambda: ResNetBlock("v2", pretrained=True), "version='v2' has no pretrained weights"),
        (lambda: ResNetBlock(pretrained=True, depth=8), "depth=8 has no pretrained weights"),
        (lambda: XceptionBlock(pretrained=True), "Use ResNetBlock, EfficientNetBlock"),
        (lambda: EfficientNetBlock("b8", pretrained=3), "2 errors"),
        (lambda: ConvBlock(kernel_size=0, num_layers=1.5, dropout=1.0), "3 errors"),
        (lambda: ImageBlock(block_type="vit"), "block_type must be one of"),
        (lambda: ImageInput(size=(3, 0)), "size must be"),
        (lambda: ImageAugmentation(translation_factor=1.5), "translation_factor must be at least 0"),
        (lambda: ImageAugmentation(rotation_factor=(0.2, -0.2)), "lowest, highest"),
        (lambda: ImageAugmentation(zoom_factor=(0.2, 0.1, 0.1)), "zoom_factor must be at least 0"),
        (lambda: ImageAugmentation(contrast_factor="lots"), "contrast_factor must be at least 0 and below 1"),
    ],
)
def test_invalid_settings_are_reported(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def searched(block, spec, facts):
    """The ranges that a search sees, by field."""
    ranges = {}

    def note(name, space, default):
        ranges[name.partition(".")[2]] = space
        return default

    settle(block, "part", note, block.suggest_defaults([spec], facts))
    return ranges


def test_versions_are_searched_within_their_family_and_depths_suit_the_data():
    small = searched(ResNetBlock(version="v2"), image(3, 32, 32), FEW)
    assert small == {"depth": OneOf(8, 14, 20)}
    large = searched(ResNetBlock(), image(3, 224, 224), DataSummary(rows=50_000))
    assert large["version"].choices == ("v1", "v2")
    assert large["depth"].default == 18
    assert 50 in large["depth"].choices
    assert searched(ResNetBlock("resnet152_v2"), image(3, 32, 32), FEW) == {}


def test_a_search_space_of_the_caller_is_kept():
    block = ResNetBlock(OneOf("resnet50_v2", "resnet34"))
    resolved_block = settled(block, image(1, 28, 28))
    assert (resolved_block.version, resolved_block.depth) == ("v2", 50)
    depths = OneOf(34, 50)
    assert searched(ResNetBlock("v1", depth=depths), image(1, 28, 28), FEW)["depth"] is depths


def test_networks_for_small_images_are_of_limited_size():
    spec = image(3, 32, 32)
    ranges = searched(ConvBlock(), spec, FEW)
    assert ranges["max_pooling"] == OneOf(True)
    assert max(ranges["kernel_size"].choices) == 5
    assert settled(ConvBlock(max_pooling=False, kernel_size=7), spec).max_pooling is False


def default_network(spec, facts, block=None):
    node = ImageInput().node
    last = (block or ImageBlock())(node)
    nodes = resolve([last], {id(node.block): "photo", id(last.block): "image"}, lambda _: spec, take_default, facts)
    chain = []
    at = nodes[0]
    while at.inputs:
        chain.insert(0, at)
        at = at.inputs[0]
    return chain


def run(chain, spec):
    modules, now = [], spec
    for node in chain:
        modules.append(node.block.build(now))
        now = node.block.out(now)
    return nn.Sequential(*modules), now


@pytest.mark.parametrize("block_type", [None, "resnet", "xception", "vanilla", "efficient"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 80, 80)])
def test_the_default_encoder_outputs_a_vector(block_type, shape):
    spec = image(*shape)
    module, out = run(default_network(spec, DataSummary(5000), ImageBlock(block_type=block_type)), spec)
    assert out.is_vector
    assert module.eval()(torch.randn(2, *shape)).shape == (2, out.width)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 28, 31)])
@pytest.mark.parametrize("rows", [100, 60_000])
def test_the_first_trial_on_small_images_is_a_small_network(shape, rows):
    spec = image(*shape)
    chain = default_network(spec, DataSummary(rows))
    assert parameters(run(chain, spec)[0]) < 700_000
    kinds = [type(node.block).__name__ for node in chain]
    augmented = ["ImageAugmentation"] if rows >= 1000 else []
    assert kinds == ["Normalization", *augmented, "StridedConvBlock", "DenseBlock"]


def test_horizontal_flips_of_photographs_but_not_of_digits():
    chain = default_network(image(1, 28, 28), DataSummary(60_000))
    digits = next(node.block for node in chain if isinstance(node.block, ImageAugmentation))
    assert (digits.horizontal_flip, digits.vertical_flip) == (False, False)
    assert digits.translation_factor > 0
    photos = settled(ImageAugmentation(), image(3, 32, 32))
    assert photos.horizontal_flip is True
    assert photos.vertical_flip is False


@pytest.mark.parametrize("side", [32, 96, 224])
def test_photographs_get_a_network_that_reduces_them_at_once(side):
    spec = image(3, side, side)
    chain = default_network(spec, DataSummary(100))
    assert [type(node.block).__name__ for node in chain] == ["Normalization", "ImageAugmentation", "CompactConvBlock"]
    assert chain[1].block.horizontal_flip
    assert chain[1].block.translation_factor > 0
    assert parameters(run(chain, spec)[0]) < 1_500_000


def test_an_image_block_needs_images():
    node = Node(ImageInput())
    with pytest.raises(GraphError, match="ImageBlock reads images"):
        ImageBlock("vanilla", True, False).expand([node], [vector(4)], FEW)
