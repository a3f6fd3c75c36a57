"""VisualWordsCodec: learned without labels, unchanged by saving, informative about images."""

import numpy as np

from medley.core.block import DataSummary
from medley.core.spec import Spec
from medley.image.set_block import ImageSetBlock
from medley.image.set_codec import ImageSetCodec
from medley.image.set_input import ImageSetInput
from medley.image.visual_words import VisualWords
from medley.image.visual_words_codec import MEAN_SQUARE, SIDE, VisualWordsCodec
from medley.testing.codecs import check_codec


def stripes(rng, *, upright):
    image = rng.integers(0, 40, (24, 24, 3))
    wave = 80 * (np.arange(24) // 3 % 2)
    return (image + (wave[None, :, None] if upright else wave[:, None, None])).astype(np.uint8)


def made(count=40, *, positions=False):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, count)
    rows = [[stripes(rng, upright=bool(kind)), stripes(rng, upright=True)] for kind in kinds]
    return rows, kinds, VisualWordsCodec(ImageSetCodec((SIDE, SIDE), positions=positions))


def test_check_codec():
    rows, _, _ = made(6)
    check_codec(lambda: made()[2], [*rows, None, rows[0][:1]])


def test_patterns_of_equal_brightness_are_distinguished_without_labels():
    rows, kinds, codec = made()
    array = codec.fit(rows[:30]).encode(rows).array
    centres = [array[:30][kinds[:30] == kind].mean(0) for kind in (0, 1)]
    nearest = np.stack([np.square(array[30:] - centre).sum(1) for centre in centres]).argmin(0)
    assert (nearest == kinds[30:]).all()
    np.testing.assert_allclose(np.square(array[:30]).sum(1).mean(), MEAN_SQUARE, rtol=1e-3)


def test_positions_matter_only_if_set():
    rows, _, codec = made(12)
    mixed = [row[::-1] for row in rows]
    codec.fit(rows)
    np.testing.assert_allclose(codec.encode(mixed).array, codec.encode(rows).array, atol=1e-5)
    placed = made(positions=True)[2].fit(rows)
    assert np.abs(placed.encode(mixed).array - placed.encode(rows).array).max() > 0.05


def test_state_arrays_are_contiguous():
    rows, _, codec = made(6)
    codec.fit(rows)
    arrays = [array for array in codec.state().values() if isinstance(array, np.ndarray)]
    assert arrays
    assert all(array.flags.c_contiguous for array in arrays)  # else sums after loading have other last bits


def test_identical_images_give_finite_vectors():
    rows = [[np.full((9, 9), 7, np.uint8)] for _ in range(5)]
    array = VisualWordsCodec(ImageSetCodec((SIDE, SIDE))).fit(rows).encode([*rows, None]).array
    assert np.isfinite(array).all()


def test_visual_words_take_the_settings_of_the_input():
    photos = ImageSetInput(64, 3, "photos", positions=True, on_bad_file="raise", max_pixels=9)
    drawn = ImageSetBlock(pooling="mean", reading="visual_words")
    block = drawn.expand([photos.node], [Spec((3, 3, 64, 64), "SCHW", "uint8")], DataSummary(300, 2)).block
    assert isinstance(block, VisualWords)
    settings = (block.max_images, block.root, block.positions, block.on_bad_file, block.max_pixels)
    assert settings == (3, "photos", True, "raise", 9)
    codec = block.codec()
    assert isinstance(codec, VisualWordsCodec)
    assert codec.images.images.on_bad_file == "raise"
