"""image_dataset_from_directory."""

import numpy as np
import pytest
from PIL import Image

import medley as md
from medley.errors import ConfigError, DataError
from medley.image.folder import image_dataset_from_directory
from medley.image.input import ImageInput


@pytest.fixture
def folder(tmp_path):
    for label, value in (("cat", 10), ("dog", 200)):
        (tmp_path / label / "more").mkdir(parents=True)
        for i in range(5):
            pixels = np.full((4 + i, 6, 3), value + i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / ("more" if i == 4 else "") / f"{i}.png")
        (tmp_path / label / "notes.txt").write_text("no image")
    return tmp_path


def test_images_and_labels(folder):
    x, y = image_dataset_from_directory(folder, image_size=(8, 7), shuffle=False)
    assert x.shape == (10, 8, 7, 3)
    assert x.dtype == np.uint8
    assert y.tolist() == ["cat"] * 5 + ["dog"] * 5
    assert x[:, 0, 0, 0].tolist() == [10, 11, 12, 13, 14, 200, 201, 202, 203, 204]


@pytest.mark.parametrize(("mode", "channels"), [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
def test_color_modes(folder, mode, channels):
    x, _ = image_dataset_from_directory(folder, color_mode=mode, image_size=(4, 4))
    assert x.shape == (10, 4, 4, channels)


def test_an_image_input_reads_the_paths(folder):
    x, _ = image_dataset_from_directory(folder, image_size=None)
    assert ImageInput().codec().fit(x).encode(x).array.shape == (10, 3, 6, 6)


def test_subsets_are_disjoint_and_share_a_shuffle(folder):
    parts = [
        image_dataset_from_directory(folder, image_size=None, validation_split=0.3, subset=subset)[0]
        for subset in ("training", "validation")
    ]
    assert [len(part) for part in parts] == [7, 3]
    assert len(set(parts[0]) | set(parts[1])) == 10
    other = image_dataset_from_directory(folder, image_size=None, validation_split=0.3, subset="training", seed=5)[0]
    assert other.tolist() != parts[0].tolist()


def test_errors_are_reported_at_once(folder, tmp_path):
    with pytest.raises(ConfigError, match="3 errors"):
        image_dataset_from_directory(folder, color_mode="grey", interpolation="area", subset="training")
    with pytest.raises(DataError, match="no folder"):
        image_dataset_from_directory(tmp_path / "gone")
    with pytest.raises(DataError, match="one folder per class"):
        image_dataset_from_directory(folder / "cat" / "more")


def test_a_folder_is_handed_whole_to_fit(folder, tmp_path_factory):
    dataset = image_dataset_from_directory(folder, image_size=(8, 8))
    settings = {"max_trials": 1, "directory": tmp_path_factory.mktemp("search")}
    auto = md.AutoModel(md.ImageInput(), md.ClassificationHead(), **settings)
    auto.fit(dataset, validation_data=dataset, epochs=1, verbose=0)
    assert len(auto.predict(dataset)) == 10
    assert auto.evaluate(dataset, return_dict=True)["loss"] > 0
    model = md.fit(dataset, "label", epochs=1, verbose=0, **settings, project_name="table", pretrained=None)
    assert model.predict(dataset)["label"].isin(["cat", "dog"]).all()
