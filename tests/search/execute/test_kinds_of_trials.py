"""Graphs of all kinds are trained to the same model where they were sent as data."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.errors import MedleyWarning
from medley.search.execute.arrays import ArrayFolder
from medley.search.execute.executor import Executor, TrialOutcome
from medley.search.execute.messages import finished, hear
from medley.search.execute.task import TaskWriter
from medley.search.execute.work import work
from medley.tables.reading import shards

ROWS = 60


class Sent(Executor):
    """Sends trials as JSON and arrays in files, and works on them in this process."""

    encodes = True

    def begin(self, search_spec, folder):
        self.writer, self.folder, self.trials = TaskWriter(search_spec), folder, []

    def submit(self, trial):
        self.trials.append((trial, json.dumps(self.writer.content(trial))))
        ArrayFolder(self.folder / "arrays").write(self.writer.names.arrays)

    def poll(self):
        (trial, content), self.trials = self.trials[0], []
        model = self.folder / f"sent-{trial.number}"

        warnings = []

        class Link:
            def report(self, message):
                if message["kind"] == "warning":  # which would be reported again, as long as the trial runs here
                    warnings.append(message)
                    return None
                return hear(trial, json.loads(json.dumps(message)))

            def is_interrupted(self):
                return False

        arrays = ArrayFolder(self.folder / "arrays")
        result = json.loads(json.dumps(work(json.loads(content), arrays.read, Link(), None, model, None)))
        for message in warnings:
            hear(trial, message)
        return [TrialOutcome(trial.number, finished(trial, result), folder=model if model.exists() else None)]

    def cancel(self, number):
        pass

    def close(self):
        pass


def table(generator):
    kind = generator.choice(["red", "green", "blue"], ROWS)
    words = [f"a {color} thing of {size}" for color, size in zip(kind, generator.integers(9, size=ROWS), strict=True)]
    size = generator.normal(size=ROWS)
    rows = {"kind": kind, "words": words, "size": size, "when": [f"2024-01-{1 + day % 28:02d}" for day in range(ROWS)]}
    return rows, {"price": size * 2 + (kind == "red"), "color": np.where(kind == "red", "warm", "cold")}


def fit_table(folder, executor):
    rows, targets = table(np.random.default_rng(0))
    options = {"max_trials": 2, "epochs": 1, "verbose": 0, "tuner": "random", "seed": 2}
    model = md.fit({**rows, **targets}, list(targets), executor=executor, directory=folder, **options)
    predicted = model.predict(rows)
    return [predicted.price.to_numpy(), predicted.filter(like="probability").to_numpy()], model


def fit_streamed(folder, executor):
    """A table that is read in batches: its encodings are files, which trials read batch by batch."""
    rows, targets = table(np.random.default_rng(0))
    file = folder.parent / "table.parquet"
    pd.DataFrame({**rows, **targets}).to_parquet(file)
    options = {"max_trials": 1, "epochs": 1, "verbose": 0, "memory": "1KB"}
    model = md.fit(file, list(targets), executor=executor, directory=folder, **options)
    return [model.predict(rows).price.to_numpy()], model


def fit_sharded(folder, executor):
    """A table on object storage, of which workers read and encode row groups by themselves."""
    generator = np.random.default_rng(0)
    rows, targets = table(generator)
    file = folder.parent / f"{folder.name}.parquet"
    images = folder.parent / "images"
    images.mkdir(exist_ok=True)
    for number in range(ROWS):
        Image.fromarray(generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(images / f"{number}.png")
    paths = [f"images/{number}.png" for number in range(ROWS)]
    paths[7] = "images/none.png"
    pd.DataFrame({**rows, "photo": paths, **targets}).to_parquet(file, row_group_size=16)
    options = {"max_trials": 1, "epochs": 1, "verbose": 0, "memory": "1KB", "root": folder.parent}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLEY_CACHE", str(folder / "cache"))
        patch.setattr(shards, "SHARD_ROWS", 20)
        with pytest.warns(MedleyWarning, match="row 7"):
            model = md.fit(f"file://{file}", list(targets), executor=executor, directory=folder, **options)
    assert not list(folder.glob("**/arrays/*.rows"))  # encoded rows are in the cache only
    photos = [str(folder.parent / path).replace("none", "8") for path in paths]
    return [model.predict({**rows, "photo": photos}).price.to_numpy()], model


def fit_graph(inputs, heads, x, y, folder, executor, **options):
    auto = md.AutoModel(inputs, heads, "project", 1, folder, seed=2, **options)
    auto.fit(x, y, epochs=1, verbose=0, executor=executor)
    predicted = auto.predict(x)
    return predicted if isinstance(predicted, list) else [predicted], auto.model


def fit_images(folder, executor):
    generator = np.random.default_rng(0)
    images, facts = generator.integers(0, 255, (ROWS, 8, 8, 3), dtype=np.uint8), generator.normal(size=(ROWS, 2))
    facts[::3] = np.nan
    photo, table = md.ImageInput(name="photo"), md.StructuredDataInput(name="facts")
    z = md.Merge()([md.ConvBlock(num_blocks=1, num_layers=1, filters=4)(md.Normalization()(photo)), table])
    heads = [md.ClassificationHead(name="a")(z), md.RegressionHead(name="b")(z)]
    y = [(images.mean((1, 2, 3)) > 127).astype(int), facts[:, 0]]
    return fit_graph([photo, table], heads, [images, facts], y, folder, executor, loss_weights={"a": 0.5})


def fit_texts(folder, executor):
    rows, targets = table(np.random.default_rng(0))
    x, y = np.array(rows["words"]), targets["color"]
    return fit_graph(md.TextInput(), md.ClassificationHead(), x, y, folder, executor, objective="val_accuracy")


def fit_series(folder, executor):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 12, 2))
    y = [[name for name, value in zip("abc", row, strict=True) if value > 0] for row in x[:, 0, :1].repeat(3, 1)]
    return fit_graph(md.TimeseriesInput(), md.ClassificationHead(multi_label=True), x, y, folder, executor)


@pytest.mark.parametrize("fit", [fit_table, fit_images, fit_texts, fit_series, fit_streamed, fit_sharded])
def test_a_sent_trial_gives_the_model_of_this_process(fit, tmp_path):
    expected, model = fit(tmp_path / "here", None)
    predicted, sent = fit(tmp_path / "there", Sent())
    for values, others in zip(predicted, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(values), np.asarray(others))
    assert sent.metadata.keys() == model.metadata.keys()
    for name in ("params", "plan", "loss_weights", "balance", "not_learned", "unreadable_rows"):
        assert sent.metadata[name] == model.metadata[name], name
    assert sent.metadata["scores"] == pytest.approx(model.metadata["scores"], nan_ok=True)
