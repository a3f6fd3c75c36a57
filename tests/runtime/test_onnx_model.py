"""What `Model.export` writes predicts as the model does: rows of every kind, several heads, with onnxruntime alone."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn

import medley as md
from medley.core.registry import register
from medley.core.serialization import json_bytes
from medley.errors import ArtifactError, ConfigError, DataError, MissingDependencyError
from medley.runtime import load
from medley.runtime.manifest import manifest_path

pytestmark = pytest.mark.slow  # an export takes seconds
SIZE = 24

WITHOUT_TORCH = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "optuna", "safetensors", "sklearn", "rich"):
            raise ModuleNotFoundError(f"{name} is not for this test", name=name)

sys.meta_path.insert(0, Nowhere())
"""


def run_without_torch(code, *arguments):
    """Runs code in a process that cannot import torch; returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + code, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def images(rng, side=8):
    return [None if row % 5 == 1 else rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for row in range(SIZE)]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    colours = ["red", "green", None, "blue"]
    columns = {
        "photo": images(rng),
        "album": [[image for image in images(rng)[: row % 4] if image is not None] for row in range(SIZE)],
        "note": [["the old house", None, "by the sea", "a blue door by the sea"][row % 4] for row in range(SIZE)],
        "facts": [[float(row) if row % 5 else None, colours[row % 4]] for row in range(SIZE)],
        "wave": [None if row % 7 == 1 else rng.normal(size=(6, 2)).astype(np.float32) for row in range(SIZE)],
    }
    for values in columns.values():
        values[11] = None  # a row that lacks every input
    return columns


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(1)
    price = np.exp(rng.normal(3, 1, SIZE))
    price[3] = np.nan
    return {
        "sold": [[True, False, None][row % 3] for row in range(SIZE)],
        "kind": [["cat", "dog", "cow", None][row % 4] for row in range(SIZE)],
        "tags": [[["a"], [], ["a", "b"], ["c"]][row % 4] for row in range(SIZE)],
        "grade": [["low", "mid", "high"][row % 3] for row in range(SIZE)],
        "price": price,
        "place": rng.normal(size=(SIZE, 2)),
    }


@register("runtime.halved")
def halved(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.size, max(spec.size // 2, 1)), nn.GELU())


@register("runtime.nothing")
def nothing(labels, predictions):
    return 0.0


@pytest.fixture(scope="module")
def model(rows, labels, tmp_path_factory):
    """Trained for two epochs on five kinds of input and six kinds of target."""
    photo, album, note = md.ImageInput(name="photo"), md.ImageSetInput(name="album"), md.TextInput(name="note")
    facts, wave = md.StructuredDataInput(name="facts"), md.Input(name="wave.1")
    seen = md.ConvBlock(num_blocks=1)(md.ImageAugmentation(translation_factor=0.1)(md.Normalization()(photo)))
    read = md.TextBlock(block_type="transformer")(note)
    heard = md.TorchBlock(halved)(md.RNNBlock(layer_type="lstm", bidirectional=True)(wave))
    table = md.CategoricalToNumerical()(facts)
    joined = md.Merge("gated")([seen, md.ImageSetBlock()(album), read, heard, table])
    ensemble = md.TabMBlock(members=4)(md.NumericEmbedding()(facts))
    heads = [
        md.ClassificationHead(name="sold")(joined),
        md.ClassificationHead(name="kind", metrics=["accuracy", nothing])(ensemble),
        md.ClassificationHead(multi_label=True, name="tags")(joined),
        md.OrderedHead(order=["low", "mid", "high"], name="grade")(ensemble),
        md.RegressionHead(scale="log", name="price")(joined),
        md.RegressionHead(name="place")(md.DenseBlock(use_batchnorm=True)(joined)),
    ]
    auto = md.AutoModel(
        [photo, album, note, facts, wave],
        heads,
        max_trials=1,
        directory=tmp_path_factory.mktemp("search"),
    )
    x = {**{name: values for name, values in rows.items() if name != "wave"}, "wave.1": rows["wave"]}
    auto.fit(x, labels, epochs=2, validation_split=0.25, verbose=0)
    return auto.export_model()


@pytest.fixture(scope="module")
def x_rows(rows):
    return {**{name: values for name, values in rows.items() if name != "wave"}, "wave.1": rows["wave"]}


@pytest.fixture(scope="module")
def exported(model, x_rows, tmp_path_factory):
    before = model.predict_raw(x_rows)
    model.network.train()
    path = model.export(tmp_path_factory.mktemp("export") / "pets.onnx")
    assert model.network.training, "an export leaves the model as it was"
    model.network.eval()
    after = model.predict_raw(x_rows)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    return path


def test_raw_outputs_are_the_same_for_any_number_of_rows(model, exported, x_rows):
    ours = load(exported)
    for size in (1, 2, SIZE):
        some = {name: values[:size] for name, values in x_rows.items()}
        expected, actual = model.predict_raw(some), ours.predict_raw(some)
        assert list(actual) == list(expected)
        for name in expected:
            np.testing.assert_allclose(actual[name], expected[name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_predictions_and_probabilities_come_in_the_callers_form(model, exported, x_rows):
    ours = load(exported)
    actual, expected = ours.predict(x_rows), model.predict(x_rows)
    for name in ("sold", "kind", "grade"):
        assert actual[name].tolist() == expected[name].tolist()
    assert [set(tags) for tags in actual["tags"]] == [set(tags) for tags in expected["tags"]]
    np.testing.assert_allclose(actual["price"], expected["price"], rtol=1e-3)
    probabilities, reference = ours.predict_proba(list(x_rows.values())), model.predict_proba(list(x_rows.values()))
    assert isinstance(probabilities, list)
    for left, right in zip(probabilities, reference, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)
    assert ours.labels("grade") == ["low", "mid", "high"]


def test_rows_that_lack_every_input_get_the_prior(model, exported, x_rows):
    ours = load(exported)
    actual = ours.predict_raw({name: values[11:12] for name, values in x_rows.items()})
    for name, codec in model.targets.items():
        np.testing.assert_array_equal(actual[name][0], codec.prior)


def test_a_whole_input_may_be_absent_and_rows_come_in_passes(model, exported, x_rows):
    some = {**x_rows, "photo": None, "note": None}
    expected, actual = model.predict_raw(some), load(exported, threads=1).predict_raw(some, batch_size=5)
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-4, atol=1e-4)


def test_rows_that_do_not_fit_raise_the_errors_of_the_model(exported, x_rows):
    with pytest.raises(DataError, match="2 errors"):
        load(exported).predict({**x_rows, "wave.1": np.zeros((SIZE, 5)), "facts": [["x", "red", 3]] * SIZE})
    with pytest.raises(ConfigError, match="batch_size"):
        load(exported).predict(x_rows, batch_size=0)


def test_it_predicts_where_torch_cannot_be_imported(model, exported, x_rows, tmp_path):
    # Images as files, texts and numbers as JSON: what a server is handed.
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [None] * 4
    for place in (0, 2, 3):
        paths[place] = str(folder / f"{place}.png")
        Image.fromarray(x_rows["photo"][place]).save(paths[place])
    x = {
        "photo": paths,
        "album": [[path] if path else None for path in paths],
        "note": x_rows["note"][:4],
        "facts": x_rows["facts"][:4],
        "wave.1": [None if wave is None else wave.tolist() for wave in x_rows["wave.1"][:4]],
    }
    (tmp_path / "x.json").write_text(json.dumps(x))
    printed = run_without_torch(
        "import json\n"
        "from medley.runtime import load\n"
        "raw = load(sys.argv[1]).predict_raw(json.load(open(sys.argv[2], encoding='utf-8')))\n"
        "assert 'torch' not in sys.modules\n"
        "print(json.dumps({name: array.tolist() for name, array in raw.items()}))\n",
        exported,
        tmp_path / "x.json",
    )
    expected = model.predict_raw(x)
    for name, values in json.loads(printed).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-4)


def test_the_pair_holds_no_path_of_this_machine_and_no_function(exported):
    content = exported.read_bytes() + manifest_path(exported).read_bytes()
    assert md.__path__[0].encode() not in content
    assert b"site-packages" not in content
    assert b"runtime.nothing" not in content
    assert sorted(path.name for path in exported.parent.iterdir()) == ["pets.onnx", "pets.onnx.json"]


# the table door


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """Columns of every kind, with gaps: numbers, words, yes and no, days, texts, images, sets, vectors."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("houses")
    size = 120
    for place in range(size):
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(folder / f"{place}.png")
    rooms = rng.integers(1, 9, size)
    words = ["near the sea", "a garden with old trees", "needs work all over", "bright and quiet and new"]
    frame = pd.DataFrame(
        {
            "area": rng.normal(100, 20, size),
            "rooms": rooms,
            "kind": rng.choice(["flat", "house", "barn"], size),
            "garage": rng.random(size) < 0.5,
            "built": pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 9000, size), unit="D"),
            "about": [f"{words[row % 4]}, number {row} of the street" for row in range(size)],
            "photo": [f"{row}.png" for row in range(size)],
            "features": [["pool", "attic"][: row % 3] for row in range(size)],
            "position": list(rng.normal(size=(size, 3))),
            "price": 1000.0 * rooms + rng.normal(0, 1500, size),
            "grade": rng.choice(["good", "poor"], size).astype(object),
        }
    )
    for column, step in (("area", 9), ("kind", 7), ("about", 5), ("photo", 6), ("built", 8), ("grade", 10)):
        frame.loc[::step, column] = None
    return folder, frame


@pytest.fixture(scope="module")
def table_model(houses, tmp_path_factory):
    folder, frame = houses
    return md.fit(
        frame,
        ["price", "grade"],
        max_trials=1,
        epochs=1,
        root=folder,
        directory=tmp_path_factory.mktemp("search"),
        verbose=0,
    )


@pytest.fixture(scope="module")
def exported_table(table_model, tmp_path_factory):
    return table_model.export(tmp_path_factory.mktemp("export") / "houses.onnx")


def test_a_frame_gives_the_same_frame(table_model, exported_table, houses):
    folder, frame = houses
    rows = frame.iloc[::-3].drop(columns=["price"]).set_index(pd.Index(range(40, 80), name="id"))
    assert {feed.input for feed in table_model.table.feeds} == {
        "tabular.input",
        "text.input",
        "image.input",
        "text.label_set_input",
        "series.input",
    }
    ours = load(exported_table)
    pd.testing.assert_frame_equal(
        ours.predict(rows, root=folder), table_model.predict(rows, root=folder), rtol=1e-3, atol=1e-4
    )
    pd.testing.assert_frame_equal(
        ours.predict_proba(rows, root=folder), table_model.predict_proba(rows, root=folder), rtol=1e-3, atol=1e-4
    )


def test_a_file_gives_the_same_frame(table_model, exported_table, houses, tmp_path):
    folder, frame = houses
    frame.drop(columns=["position", "features"]).assign(
        position=[json.dumps(list(cell)) for cell in frame["position"]],
        features=[json.dumps(cell) for cell in frame["features"]],
    ).to_csv(tmp_path / "new.csv", index=False)
    ours = load(exported_table)
    expected = table_model.predict(str(tmp_path / "new.csv"), root=folder)
    pd.testing.assert_frame_equal(ours.predict(tmp_path / "new.csv", root=folder), expected, rtol=1e-3, atol=1e-4)


def test_columns_that_are_missing_are_reported(exported_table, houses):
    with pytest.raises(DataError, match="'rooms' is missing"):
        load(exported_table).predict(houses[1].drop(columns=["rooms"]))


def test_the_command_line_predicts_where_torch_cannot_be_imported(table_model, exported_table, houses, tmp_path):
    folder, frame = houses
    frame.to_parquet(tmp_path / "new.parquet")
    printed = run_without_torch(
        "from medley.cli.main import main\n"
        "code = main(['predict', *sys.argv[1:]])\n"
        "assert 'torch' not in sys.modules\n"
        "print('code', code)\n",
        *(exported_table, tmp_path / "new.parquet", "-o", tmp_path / "out.csv", "--root", folder),
    )
    assert "code 0" in printed
    expected = table_model.predict(frame, root=folder).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv"), expected, rtol=1e-3, atol=1e-4, check_dtype=False)


# pairs that do not fit


def change_manifest(path, change):
    content = json.loads(manifest_path(path).read_text("utf-8"))
    change(content)
    manifest_path(path).write_bytes(json_bytes(content))


@pytest.fixture
def pair(exported, tmp_path):
    for path in (exported, manifest_path(exported)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / exported.name


def test_files_of_two_exports_are_refused(pair, exported_table):
    pair.write_bytes(exported_table.read_bytes())
    with pytest.raises(ArtifactError, match="different checksum"):
        load(pair)


def test_a_changed_manifest_is_reported(pair):
    manifest = manifest_path(pair)
    manifest.write_text(manifest.read_text("utf-8").replace('"inputs": [', '"inputs": ["more",', 1), "utf-8")
    with pytest.raises(ArtifactError, match=r"\.onnx\.json is damaged, or was changed .* export the model again"):
        load(pair)


def test_all_errors_of_a_pair_are_reported_at_once(pair):
    def change(content):
        content["onnx"]["sha256"] = "0"
        content["sources"][0]["codec"]["block"] = "image.inptu"
        del content["arrays"]["targets/sold/prior"]

    change_manifest(pair, change)
    with pytest.raises(ArtifactError, match="3 errors") as error:
        load(pair)
    for word in ("different checksum", "'image.inptu'", "head 'sold' is damaged"):
        assert word in str(error.value)


def test_a_graph_that_needs_other_inputs_is_refused(pair):
    def change(content):
        source = next(entry for entry in content["sources"] if entry["name"] == "facts")
        source["array"] = "fax"

    change_manifest(pair, change)
    with pytest.raises(ArtifactError, match="2 errors") as error:
        load(pair)
    assert "no input 'fax'" in str(error.value)
    assert "needs the input 'facts'" in str(error.value)


def test_files_that_are_missing_are_named(pair, model, tmp_path):
    manifest_path(pair).unlink()
    with pytest.raises(ArtifactError, match=r"pets.onnx.json; an exported model is a pair"):
        load(pair)
    with pytest.raises(ArtifactError, match=r"md\.load reads it"):
        load(model.save(tmp_path / "saved"))


def test_a_later_format_is_refused(pair):
    change_manifest(pair, lambda content: content.update(format=99))
    with pytest.raises(ArtifactError, match="format 99"):
        load(pair)


def test_nothing_but_registered_codecs_is_made(pair):
    def change(content):
        content["sources"][3]["codec"]["block"] = "tabular.dense"

    change_manifest(pair, change)
    with pytest.raises(ArtifactError, match=r"'tabular\.dense' has no codec of a source"):
        load(pair)


def test_devices_and_threads_are_checked(pair):
    with pytest.raises(ConfigError, match="threads"):
        load(pair, threads=0)
    with pytest.raises(ConfigError, match="device='tpu'"):
        load(pair, device="tpu")


def test_missing_packages_are_reported_with_the_command(model, pair, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'medley\[export\]'"):
        model.export(tmp_path / "new.onnx")
    with pytest.raises(MissingDependencyError, match=r"medley\[runtime\]"):
        load(pair)
