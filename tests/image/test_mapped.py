"""MapImages: with functions and with segmentation models."""

import re

import numpy as np
import pytest
from PIL import Image

import medley as md
from medley.errors import ArtifactError, BadImageWarning, ConfigError, DataError, GraphError
from medley.testing.tiny_writers import tiny_room

SEEN = []


def roads(image):
    """Draws red pixels white on black; records the sizes of the images."""
    SEEN.append(image.size)
    red = np.asarray(image)[:, :, 0] > 150
    return red.astype(np.uint8) * 255


def two_words(images):
    return ["some words"] * len(images)


md.extend.register("test_mapped.roads")(roads)
md.extend.register("test_mapped.two_words")(two_words)


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    SEEN.clear()


def striped(count=40, side=12):
    """Images with noise everywhere, and a red stripe that lies or stands."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for row in range(count):
        image = rng.integers(0, 140, (side, side, 3), dtype=np.uint8)
        at = int(rng.integers(1, side - 1))
        image[(at, slice(None)) if row % 2 else (slice(None), at)] = (220, 20, 20)
        images.append(image)
        labels.append("lies" if row % 2 else "stands")
    return images, labels


def test_each_distinct_image_is_mapped_once():
    rows = [tiny_room("red"), None, tiny_room("blue"), tiny_room("red")]
    made = md.MapImages(roads).images(rows)
    assert [image and (image.mode, image.size, image.getpixel((0, 0))) for image in made] == [
        ("L", (24, 20), 255),
        None,
        ("L", (24, 20), 0),
        ("L", (24, 20), 255),
    ]
    assert len(SEEN) == 2
    second = md.MapImages(roads)
    assert np.array_equal(second.images(rows[:1])[0], made[0])
    assert len(SEEN) == 2
    assert len(list(second.images_folder.glob("*.png"))) == 2
    md.MapImages(roads, version="other").images(rows)
    assert len(SEEN) == 4


@pytest.mark.parametrize("setting", ["memory", "off"])
def test_without_a_folder(monkeypatch, setting):
    monkeypatch.setenv("MEDLEY_CACHE", setting)
    mapped = md.MapImages(roads, version=setting)
    for _ in range(2):
        assert np.asarray(mapped.images([tiny_room("red")])[0]).all()
    assert len(SEEN) == (1 if setting == "memory" else 2)
    assert mapped.images_folder is None


@pytest.mark.parametrize(
    ("fn", "mode"),
    [
        (lambda image: image.convert("1"), "L"),
        (lambda image: image.convert("CMYK"), "RGB"),
        (lambda image: image.convert("RGBA"), "RGBA"),
        (lambda image: np.asarray(image) / 255.0, "RGB"),
        (lambda image: np.asarray(image)[:, :, :1] > 9, "L"),
    ],
)
def test_formats_of_results(fn, mode):
    assert md.MapImages(fn, version=mode).images([tiny_room("red")])[0].mode == mode


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda image: "words", "got str"),
        (lambda image: np.zeros(3), r"an array of shape \(3,\)"),
        (lambda image: np.zeros((4, 4, 7)), "channels, got 7"),
        (lambda image: 1 / 0, "ZeroDivisionError"),
        (lambda image: np.asarray(image) * 3.5, "from 0 to 1"),
    ],
)
def test_results_that_are_not_images_are_reported_with_their_row(fn, message):
    with pytest.raises(DataError, match=rf"failed on the image of row 1: [\s\S]*{message}"):
        md.MapImages(fn).images([None, tiny_room("red")])


def test_unreadable_images_are_reported(tmp_path):
    with pytest.warns(BadImageWarning, match="row 0.*no such file"):
        assert md.MapImages(roads).images(["none.png"], root=tmp_path) == [None]


def test_a_network_reads_mapped_images(tmp_path):
    images, labels = striped()
    photo = md.ImageInput(size=10, name="photo")
    made = md.MapImages(roads, name="roads")(photo)
    head = md.ClassificationHead()(md.ConvBlock(num_blocks=1, num_layers=1, filters=8, kernel_size=3)(made))
    auto = md.AutoModel(photo, head, directory=tmp_path / "search", max_trials=1, overwrite=True)
    auto.fit(images, labels, epochs=15, verbose=0)
    assert len(SEEN) == len(images)
    assert SEEN[0] == (12, 12)  # at its own size
    model = md.load(auto.export_model().save(tmp_path / "model"))
    assert [(source.input_name, source.codec.spec.shape) for source in model.sources] == [("roads", (1, 10, 10))]
    new = striped(6)[0]
    np.testing.assert_array_equal(model.predict_proba(new), auto.predict_proba(new))
    assert len(model.predict([new[0], None])) == 2


def test_images_and_mapped_images_in_one_network(tmp_path):
    images, labels = striped(24)
    photo = md.ImageInput(name="photo")
    made = md.MapImages(roads)(photo)
    captions = md.CaptionImages(two_words)(made)
    parts = [md.ConvBlock(num_blocks=1, num_layers=1)(photo), md.ConvBlock(num_blocks=1, num_layers=1)(made)]
    head = md.ClassificationHead()(md.Merge()([*parts, md.TextBlock(block_type="ngram")(captions)]))
    auto = md.AutoModel(photo, head, directory=tmp_path / "search", max_trials=1, overwrite=True)
    auto.fit(images, labels, epochs=1, verbose=0)
    restored = md.load(auto.export_model().save(tmp_path / "model"))
    np.testing.assert_array_equal(restored.predict_proba(images[:5]), auto.predict_proba(images[:5]))
    shapes = {source.input_name: source.codec.spec.shape for source in auto.export_model().sources}
    assert shapes["photo"] == (3, 12, 12)
    assert shapes["map_images_1"] == (1, 12, 12)
    assert set(shapes) == {"photo", "map_images_1", "caption_images_1"}


def test_a_segmentation_model(tiny_writer):
    rooms = [tiny_room("red"), tiny_room("blue", size=(9, 7))]
    mapped = md.MapImages(tiny_writer("segformer"), ["road", 2])
    made = mapped.images(rooms)
    assert [image.size for image in made] == [(24, 20), (7, 9)]
    assert set(np.unique(np.concatenate([np.ravel(image) for image in made]))) <= {0, 255}
    assert mapped.images_folder != md.MapImages(tiny_writer("segformer")).images_folder
    with pytest.raises(ConfigError, match="no class 'raod'"):
        md.MapImages(tiny_writer("segformer"), ["raod"]).images(rooms)


def test_arguments_are_checked():
    with pytest.raises(ConfigError, match=r"2 errors[\s\S]*a function image -> image[\s\S]*size must be"):
        md.MapImages(3, size=0)
    with pytest.raises(ConfigError, match="for a segmentation model only"):
        md.MapImages(roads, ["road"])
    with pytest.raises(ConfigError, match="a list of labels"):
        md.MapImages("folder", "road")
    for inputs in ([md.TextInput()], [md.ImageInput(), md.ImageInput()], [md.ImageSetInput()]):
        with pytest.raises(GraphError, match="on one ImageInput, got"):
            md.MapImages(roads)(*inputs)


def test_settings_of_the_image_input_are_used():
    assert md.MapImages(roads)(md.ImageInput(size=(8, 9))).block.size == (8, 9)
    assert md.MapImages(roads, size=5)(md.ImageInput(size=(8, 9))).block.size == 5


def test_an_unregistered_function_cannot_be_saved():
    graph = md.Graph(
        (photo := md.ImageInput(),),
        (md.ClassificationHead()(md.ImageBlock()(md.MapImages(lambda image: image)(photo))),),
    )
    with pytest.raises(ArtifactError, match=r"it has no registered name.*@medley.extend.register"):
        graph.to_json()


def test_image_files_are_read_at_their_original_size(tmp_path):
    Image.fromarray(np.full((900, 700, 3), 200, np.uint8)).save(tmp_path / "large.jpg")
    md.MapImages(roads).images(["large.jpg"], root=tmp_path)
    assert SEEN == [(700, 900)]


def test_repr_has_no_memory_addresses():
    assert re.fullmatch(r"MapImages\(model=test_mapped.roads#[0-9a-f]{8}, size=4\)", repr(md.MapImages(roads, size=4)))


def test_a_pretrained_encoder_reads_mapped_images(tiny, tmp_path):
    images, labels = striped(12)
    photo = md.ImageInput(name="photo")
    encoded = md.PretrainedImageBlock(tiny("vit"), pooling="cls", trainable=False)(md.MapImages(roads)(photo))
    auto = md.AutoModel(photo, md.ClassificationHead()(encoded), directory=tmp_path, max_trials=1, overwrite=True)
    auto.fit(images, labels, epochs=1, verbose=0)
    assert auto.predict_proba(images).shape == (12, 2)
