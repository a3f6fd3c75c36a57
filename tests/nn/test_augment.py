"""Augmentation: identity in evaluation mode, independent draws per row, and correct transformations."""

import pytest
import torch

from medley.nn.augment import Augment, mirrored

EVERYTHING = {
    "translation": (0.2, 0.2),
    "vertical_flip": True,
    "horizontal_flip": True,
    "rotation": (-0.1, 0.1),
    "zoom": (0.1, 0.1),
    "contrast": (0.2, 0.2),
}
TRANSFORMS = {name: {name: value} for name, value in EVERYTHING.items() if name != "contrast"} | {
    "shift and flip": {key: EVERYTHING[key] for key in ("translation", "horizontal_flip")},
    "all moves": {key: value for key, value in EVERYTHING.items() if key != "contrast"},
}


@pytest.fixture
def x():
    return torch.rand(16, 3, 12, 9)


def test_identity_in_evaluation_mode(x):
    assert torch.equal(Augment(**EVERYTHING).eval()(x), x)


def test_identity_without_transformations(x):
    assert torch.equal(Augment().train()(x), x)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@pytest.mark.parametrize("shape", [(5, 1, 1, 1), (5, 3, 12, 9), (1, 5, 4, 30)])
def test_transforms_keep_shape_and_range(name, shape):
    x = torch.rand(shape)
    moved = Augment(**TRANSFORMS[name])(x)
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    low, high = x.amin((2, 3)), x.amax((2, 3))
    assert (moved.amin((2, 3)) >= low - 1e-5).all()
    assert (moved.amax((2, 3)) <= high + 1e-5).all()


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_draws_are_reproducible_and_independent_per_row(x, name):
    repeated = x[:1].expand(16, -1, -1, -1)
    torch.manual_seed(3)
    first = Augment(**TRANSFORMS[name])(repeated)
    torch.manual_seed(3)
    assert torch.equal(Augment(**TRANSFORMS[name])(repeated), first)
    assert len({tuple(row.flatten().tolist()) for row in first}) > 1
    changed = repeated.clone()
    changed[4] += 1
    torch.manual_seed(3)
    moved = Augment(**TRANSFORMS[name])(changed)
    others = [row for row in range(16) if row != 4]
    assert torch.equal(moved[others], first[others])


def test_a_shift_moves_whole_pixels_and_reflects_at_the_border():
    row = torch.arange(4.0)
    for shift, expected in ((1, [0, 0, 1, 2]), (-2, [2, 3, 3, 2]), (4, [3, 2, 1, 0])):
        assert row[mirrored(torch.tensor([shift]), None, 4)[0]].tolist() == expected


def test_shifts_cover_their_range_evenly():
    x = torch.zeros(4000, 1, 1, 21)
    x[..., 10] = 1
    position = Augment(translation=(0.0, 0.1))(x).argmax(3).flatten()
    counts = torch.bincount(position - 8, minlength=5)
    assert len(counts) == 5
    assert counts.min() > 4000 / 5 * 0.8


def test_half_of_the_rows_are_flipped(x):
    for name, axis in (("vertical_flip", 2), ("horizontal_flip", 3)):
        moved = Augment(**{name: True})(x.repeat(20, 1, 1, 1))
        flipped = [torch.equal(a, b.flip(axis - 1)) for a, b in zip(moved, x.repeat(20, 1, 1, 1), strict=True)]
        unchanged = [torch.equal(a, b) for a, b in zip(moved, x.repeat(20, 1, 1, 1), strict=True)]
        assert sum(flipped) + sum(unchanged) == 320
        assert 100 < sum(flipped) < 220


def test_resampling_flips_like_the_gather(x):
    # A negligible rotation selects the resampling path for the same flips.
    torch.manual_seed(0)
    flipped = Augment(horizontal_flip=True, vertical_flip=True, rotation=(0.0, 1e-9))(x)
    options = torch.stack([x, x.flip(2), x.flip(3), x.flip(2, 3)])
    assert ((options - flipped).abs().amax((2, 3, 4)).amin(0) < 1e-4).all()


def test_a_quarter_turn_is_anticlockwise(x):
    square = x[:, :, :9]
    turned = Augment(rotation=(0.25, 0.25))(square)
    torch.testing.assert_close(turned, square.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_half_a_turn_of_a_rectangle(x):
    torch.testing.assert_close(Augment(rotation=(0.5, 0.5))(x), x.flip(2, 3), atol=1e-4, rtol=0)


def test_rotation_keeps_circles_round():
    rows, columns = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(41.0) - 20, indexing="ij")
    disc = ((rows**2 + columns**2) < 16).float()[None, None]
    # Further out, the reflection at the border shows copies of the disc.
    turned = Augment(rotation=(0.125, 0.125))(disc)[..., 10:31]
    torch.testing.assert_close(turned.sum(), disc.sum(), rtol=0.03, atol=0)
    assert (turned - disc[..., 10:31]).abs().mean() < 0.03


def test_zoom_is_centred():
    x = torch.zeros(64, 1, 21, 21)
    x[:, :, 7:14, 7:14] = 1
    area = Augment(zoom=(0.3, 0.3))(x).sum((1, 2, 3))
    assert area.min() < 0.7 * 49
    assert area.max() > 1.3 * 49
    torch.testing.assert_close(area.max().sqrt() / 7, torch.tensor(1.3), atol=0.12, rtol=0)


def test_contrast_keeps_the_mean_of_each_channel(x):
    changed = Augment(contrast=(0.5, 0.5))(x)
    torch.testing.assert_close(changed.mean((2, 3)), x.mean((2, 3)))
    ratio = changed.std((2, 3)) / x.std((2, 3))
    assert ratio.min() > 0.5 - 1e-4
    assert ratio.max() < 1.5 + 1e-4
    torch.testing.assert_close(ratio[:, 0], ratio[:, 1])
