"""Writes the golden models: small saved models of every kind, by which later versions prove that they still load them.

    python tests/golden/create.py FOLDER [NAME ...]

From the first release on, a folder that is in here is never written again: a new format gets a folder of its own, and
the old ones must go on loading and predicting the same. Before it, saved models may change; then the folder of the
present format is created anew.
"""

import json
import sys
import tempfile
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import medley as md
from medley.core.resolve import take_default
from medley.core.serialization import array_to_json
from medley.data.sources import encode_inputs
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.model.growing import add_classes
from medley.model.model import Model
from medley.model.row_features import row_features
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.search_spec import SearchSpec, resolved
from medley.tables.columns.infer import infer
from medley.tables.reading.read import read
from medley.tables.view import InputFeed, TableView
from medley.text.bag import NgramBag
from medley.train.plan import Training
from medley.trust.calibration import Calibration
from medley.trust.decision import Decision
from medley.trust.fitting import fit_trust
from medley.trust.reference import Reference
from medley.trust.validation import TaskPredictions, ValidationPredictions

SIZE = 40
WORDS = [
    "a",
    "red",
    "house",
    "by",
    "the",
    "old",
    "sea",
    "with",
    "blue",
    "doors",
    "and",
    "green",
    "hills",
    "where",
    "dogs",
    "sleep",
]


def model(inputs, outputs, x, y, table=None, **metadata):
    """A model with fitted codecs and random weights."""
    graph = build_graph(inputs, outputs)
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    data = Encodings(LabelledRows(x, y, None, SIZE), None, codecs, torch.device("cpu"))
    settled, _ = resolved(SearchSpec(graph, data, Training(), None, lambda values: 0.0, 0), take_default)
    sources = data.sources(settled)
    torch.manual_seed(0)
    network = Network(settled, {source.name: source.codec.spec for source in sources}, data.targets)
    network.adapt(data.rows(settled)[0].slice(0, SIZE))
    for parameter in network.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)
    return Model(settled, sources, data.targets, network, metadata, table=table)


def text(rng, words=6):
    return " ".join(rng.choice(WORDS, rng.integers(1, words)))


def with_gaps(values, every=7):
    return [None if row % every == 3 else value for row, value in enumerate(values)]


def table():
    """A table with columns of all plain kinds, a linear path, and every head that the table API has."""
    rng = np.random.default_rng(0)
    size = rng.normal(3, 1, SIZE).round(2)
    columns = {
        "size": with_gaps(size.tolist()),
        "weight": [f"{value:.1f} kg" for value in rng.normal(60, 9, SIZE)],
        "colour": with_gaps(rng.choice(["red", "green", "blue"], SIZE).tolist()),
        "is_new": rng.choice(["yes", "no"], SIZE).tolist(),
        "built": [f"20{row % 24:02d}-0{row % 9 + 1}-1{row % 9}" for row in range(SIZE)],
        "note": with_gaps([text(rng) for _ in range(SIZE)]),
        "tags": [";".join(rng.choice(["big", "old", "dear"], row % 3 + 1, replace=False)) for row in range(SIZE)],
    }
    targets = {
        "price": np.exp(size + rng.normal(0, 0.1, SIZE)).round(2).tolist(),
        "sold": rng.choice(["yes", "no"], SIZE).tolist(),
        "kind": rng.choice(["cat", "dog", "cow"], SIZE).tolist(),
        "stars": rng.integers(1, 6, SIZE).tolist(),
        "visits": rng.poisson(3, SIZE).tolist(),
    }
    kinds = {"size": "number", "weight": "number", "colour": "category", "is_new": "boolean", "built": "time"}
    kinds |= {"note": "text", "tags": "set", "sold": "category", "kind": "category", "visits": "number"}
    kinds |= {"price": "number", "stars": "category"}
    loaded = read({**columns, **targets})
    schema = infer(loaded, overrides=kinds)
    facts = md.StructuredDataInput(name="facts")
    note, tags = md.TextInput(name="note"), md.LabelSetInput(name="tags")
    plain = ("size", "weight", "colour", "is_new", "built")
    feeds = [InputFeed("facts", plain, "tabular.input"), InputFeed("note", ("note",), "text.input")]
    feeds.append(InputFeed("tags", ("tags",), "text.label_set_input"))
    view = TableView(schema, feeds, {name: name for name in targets})
    linear = md.LinearPath(iterations=12, alone=True)(facts, note, tags)
    parts = [
        md.DenseBlock(num_units=8, num_layers=1)(md.NumericEmbedding()(facts)),
        NgramBag(width=8, num_layers=0)(tags),
    ]
    joined = md.Merge("concatenate")(
        [*parts, NgramBag(width=8, num_layers=0)(md.TextToNgramVector(max_tokens=200)(note))]
    )
    heads = [
        md.RegressionHead(scale="log", name="price")([joined, linear]),
        md.ClassificationHead(name="sold")([joined, linear]),
        md.ClassificationHead(name="kind")([joined, linear]),
        md.OrderedHead(order=[1, 2, 3, 4, 5], name="stars")(joined),
        md.CountHead(name="visits")([joined, linear]),
    ]
    scores = {"loss": 1.0, "val_loss": 1.5}
    built = model([facts, note, tags], heads, view.x(loaded), view.y(loaded), view, scores=scores, seed=0)
    return built, columns


def ensemble():
    """An ensemble of dense networks, batch ensembles, and targets of several columns."""
    rng = np.random.default_rng(1)
    x = {"facts": [[float(row % 7), ["u", "v"][row % 2]] for row in range(SIZE)], "wave": rng.normal(size=(SIZE, 3))}
    y = {"place": rng.normal(size=(SIZE, 2)), "tags": [[["a"], [], ["a", "b"], None][row % 4] for row in range(SIZE)]}
    facts, wave = md.StructuredDataInput(name="facts"), md.Input(name="wave")
    members = md.TabMBlock(members=4)(md.NumericEmbedding()(facts))
    heads = [
        md.RegressionHead(name="place")(members),
        md.ClassificationHead(multi_label=True, name="tags")(md.DenseBlock(num_units=6)(wave)),
    ]
    return model([facts, wave], heads, x, y), {name: values[:5] for name, values in x.items()}


def texts():
    """Tokens with a transformer and a recurrent network, and bags of n-grams."""
    rng = np.random.default_rng(2)
    x = {"note": with_gaps([text(rng, 9) for _ in range(SIZE)])}
    note = md.TextInput(name="note")
    parts = [
        md.TextBlock(block_type="transformer")(note),
        md.Embedding(max_features=100, embedding_dim=8)(note),
        NgramBag(width=8, num_layers=0)(md.TextToNgramVector(max_tokens=300)(note)),
    ]
    parts[1] = md.RNNBlock(layer_type="gru", num_layers=1, bidirectional=False, units=4)(parts[1])
    head = md.ClassificationHead(name="kind")(md.Merge("gated")(parts))
    return model([note], [head], x, {"kind": [["x", "y", "z"][row % 3] for row in range(SIZE)]}), {
        "note": x["note"][:6]
    }


def images():
    """Images, and sets of images by a network and by visual words."""
    rng = np.random.default_rng(3)
    pictures = with_gaps(list(rng.integers(0, 256, (SIZE, 12, 12, 3), np.uint8)))
    albums = [[image for image in pictures[row : row + row % 3] if image is not None] for row in range(SIZE)]
    x = {"photo": pictures, "album": albums}
    photo, album = md.ImageInput(size=12, name="photo"), md.ImageSetInput(size=8, name="album")
    seen = md.ConvBlock(kernel_size=3, num_blocks=1, num_layers=1, filters=4)(md.Normalization()(photo))
    head = md.RegressionHead(name="price")(md.Merge("concatenate")([seen, md.VisualWords()(album)]))
    small = {name: values[:5] for name, values in x.items()}
    return model([photo, album], [head], x, {"price": rng.normal(size=SIZE)}), small


def series():
    """Windows of a series, sequences of any length, and maps."""
    rng = np.random.default_rng(4)
    x = {
        "past": [[float(row), ["low", "high"][row % 2]] for row in range(SIZE)],
        "pulse": with_gaps([rng.normal(size=row % 5 + 1).round(3).tolist() for row in range(SIZE)]),
        "grid": rng.normal(size=(SIZE, 5, 5, 2)).astype(np.float32),
    }
    past, pulse = md.TimeseriesInput(lookback=3, name="past"), md.SequenceInput(name="pulse")
    grid = md.Input(name="grid")
    parts = [
        md.RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=4)(past),
        md.RNNBlock(layer_type="gru", num_layers=1, bidirectional=False, units=4)(pulse),
        md.ConvBlock(kernel_size=3, num_blocks=1, num_layers=1, filters=3)(grid),
    ]
    head = md.RegressionHead(name="next")(md.Merge("add")(parts))
    return model([past, pulse, grid], [head], x, {"next": rng.normal(size=SIZE)}), {
        name: values[:5] for name, values in x.items()
    }


def audio():
    """Recordings."""
    rng = np.random.default_rng(5)
    x = {"sound": with_gaps([(rng.normal(size=2000).astype(np.float32), 8000) for _ in range(SIZE)])}
    sound = md.AudioInput(mel_bins=8, name="sound")
    head = md.ClassificationHead(name="who")(md.SpectrogramConv(filters=16, num_stages=2, num_units=64)(sound))
    return model([sound], [head], x, {"who": [["me", "you"][row % 2] for row in range(SIZE)]}), {
        "sound": x["sound"][:4]
    }


def pretrained():
    """A pretrained encoder of texts and one of images, frozen and fine-tuned."""
    from medley.testing.tiny_models import tiny_model

    rng = np.random.default_rng(6)
    x = {
        "note": with_gaps([text(rng) for _ in range(SIZE)]),
        "photo": with_gaps(list(rng.integers(0, 256, (SIZE, 16, 16, 3), np.uint8))),
    }
    note, photo = md.TextInput(name="note"), md.ImageInput(size=16, name="photo")
    parts = [
        md.PretrainedTextBlock(tiny_model("bert", "bert"), trainable="lora")(note),
        md.PretrainedImageBlock(tiny_model("vit", "vit"))(photo),
    ]
    head = md.RegressionHead(name="price")(md.Merge("attention")(parts))
    small = {name: values[:4] for name, values in x.items()}
    return model([note, photo], [head], x, {"price": rng.normal(size=SIZE)}), small


def trusted():
    """A model with validation predictions, calibrations, intervals, sets of classes, a threshold and histograms."""
    rng = np.random.default_rng(7)
    x = {"facts": [[float(row % 7), ["u", "v"][row % 2]] for row in range(SIZE)]}
    kinds = [["cat", "dog", "cow"][row % 3] for row in range(SIZE)]
    y = {"price": rng.normal(size=SIZE), "kind": kinds, "sold": [["no", "yes"][row % 2] for row in range(SIZE)]}
    y["visits"] = rng.normal(size=SIZE)
    facts = md.StructuredDataInput(name="facts")
    dense = md.DenseBlock(num_units=6)(facts)
    heads = [
        md.RegressionHead(name="price")(dense),
        md.ClassificationHead(name="kind")(dense),
        md.ClassificationHead(name="sold")(dense),
        md.RegressionHead(name="visits", quantiles=[0.1, 0.5, 0.9])(dense),
    ]
    built = model([facts], heads, x, y)
    raw = built.predict_raw(x)
    tasks = {
        name: TaskPredictions(codec, codec.encode(y[name]), raw[name], np.ones(SIZE, np.float32))
        for name, codec in built.targets.items()
    }
    groups = np.arange(SIZE) // 2
    validation = ValidationPredictions(np.arange(SIZE), tasks, SIZE, folds=np.arange(SIZE) % 5, groups=groups)
    trust, _ = fit_trust(validation)
    calibrations = {"kind": Calibration(np.full(3, 0.8), np.array([0.1, -0.1, 0.0]))}
    decisions = {"sold": Decision(np.array([0.3]), rule={"kind": "fixed", "threshold": 0.3, "positive": "yes"})}
    decisions["kind"] = Decision(costs=1 - np.eye(3), rule={"kind": "costs"})
    encoded = encode_inputs(built.sources, x)
    reference = Reference.of(row_features(built.sources, encoded, x, None), built.embed(x))
    built.trust = replace(trust, calibrations=calibrations, decisions=decisions, reference=reference)
    return built, {name: values[:5] for name, values in x.items()}


def grown():
    """Heads that have learned further classes, with a linear path and an ensemble."""
    rng = np.random.default_rng(8)
    x = {"x": rng.normal(size=(SIZE, 3)).astype("float32")}

    def labels(count):
        codes = np.arange(SIZE) % count
        return {
            "kind": [["b", "c", "a"][code] for code in codes],
            "grade": [[3, 1, 2][code] for code in codes],
            "tags": [[["u", "w", "v"][code]] for code in codes],
        }

    node = md.Input(name="x")
    dense = md.DenseEnsembleBlock(members=5, num_layers=1, num_units=4)(node)
    nodes = [dense, md.LinearPath()(node)]
    heads = [
        md.ClassificationHead(name="kind")(nodes),
        md.OrderedHead(name="grade")(nodes),
        md.ClassificationHead(name="tags", multi_label=True)(dense),
    ]
    built, _ = add_classes(model([node], heads, x, labels(2)), x, labels(3))
    torch.manual_seed(8)
    with torch.no_grad():
        for parameter in built.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return built, {"x": x["x"][:5]}


def packed(value):
    """Rows as JSON."""
    if isinstance(value, np.ndarray):
        return array_to_json(value)
    if isinstance(value, tuple):
        return {"tuple": [packed(item) for item in value]}
    if isinstance(value, dict):
        return {name: packed(item) for name, item in value.items()}
    return [packed(item) for item in value] if isinstance(value, list) else value


def write(folder, name, built, rows, *, export=False):
    """Saves a model with some rows and what it predicts for them."""
    path = built.save(folder / name)
    expected = {head: array_to_json(raw) for head, raw in built.predict_raw(rows).items()}
    (path / "expected.json").write_text(json.dumps({"rows": packed(rows), "raw": expected}))
    if export:
        built.export(path / "model.onnx")


def main(folder, *names):
    """Writes all of them, or those with these names."""
    kinds = [
        kind
        for kind in (ensemble, texts, images, series, audio, table, trusted, grown)
        if kind.__name__ in names or not names
    ]
    for kind in kinds:
        built, rows = kind()
        if kind is table:
            rows = {name: values[:6] for name, values in rows.items()}
        write(folder, kind.__name__, built, rows, export=kind in (table, ensemble, trusted, grown))
    if "pretrained" in names or not names:
        with tempfile.TemporaryDirectory() as temporary, chdir(temporary):  # no path of this machine is saved
            write(folder, "pretrained", *pretrained())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), *sys.argv[2:])
