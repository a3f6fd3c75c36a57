"""Frozen parts run once per row, and caching their results changes nothing else."""

from time import monotonic

import numpy as np
import pytest
import torch
from torch import nn

import medley as md
from medley.core.codec import Encoded
from medley.core.layer import Layer
from medley.core.spec import Spec, vector
from medley.nn.backbone_inputs import ImageEncoder
from medley.search import frozen
from medley.search.frozen_runner import RowRunner, index_present_rows
from medley.testing.tiny_models import tiny_model

RUNS: list[int] = []


class Counted(nn.Module):
    """A frozen network that records the number of rows of each run."""

    def __init__(self, width, scale):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, width * 4).reshape(width, 4) * scale)

    def forward(self, x):
        RUNS.append(len(x))
        # Row by row, so that the result does not depend on the batch: kernels of matrices round by size.
        return torch.stack([(row[:, None] * self.weight).sum(0).tanh() for row in x.flatten(1)])


class FrozenPart(Layer, register="test.frozen_part"):
    scale: float = 1.0
    still: bool = True

    @property
    def frozen(self):
        return self.still

    def build(self, *specs):
        return Counted(specs[0].size, self.scale)

    def out(self, *specs):
        return vector(4)


class Unnamed(FrozenPart):
    """Has no registered name, so it cannot be saved."""


class Early(Layer, register="test.frozen_early"):
    def build(self, *specs):
        return nn.Linear(specs[0].width, specs[0].width)

    def out(self, *specs):
        return specs[0]


@pytest.fixture(autouse=True)
def _counting():
    RUNS.clear()


def data(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)).astype("f4")
    x[rows // 2 :] = x[: rows - rows // 2]  # each row twice
    return x, (x[:, 0] > 0).astype(int)


def search(tmp_path, node, *, trials=3, epochs=4, x=None, y=None, **options):
    given_x, given_y = data()
    auto = md.AutoModel(
        md.Input(name="x") if node is None else node[0],
        md.ClassificationHead(name="y")(md.DenseBlock(num_layers=1, num_units=8, dropout=0.0)(node[1])),
        max_trials=trials,
        directory=tmp_path,
        seed=0,
        device="cpu",
        overwrite=True,
        training=md.Training(threads=1),
        **options,
    )
    auto.fit(given_x if x is None else x, given_y if y is None else y, epochs=epochs, verbose=0, batch_size=16)
    return auto


def graph_of_one_part(block=None, before=None):
    x = md.Input(name="x")
    return x, (block or FrozenPart())(x if before is None else before(x))


def weights(auto):
    return auto.model.network.state_dict()


def test_each_distinct_row_runs_once_for_all_epochs_and_trials(tmp_path):
    search(tmp_path, graph_of_one_part())
    assert sum(RUNS) == 30  # 60 rows, each twice; 3 trials of 4 epochs, training and validation


def test_caching_changes_neither_scores_nor_weights(tmp_path, monkeypatch):
    once = search(tmp_path / "once", graph_of_one_part())
    runs = sum(RUNS)
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    always = search(tmp_path / "always", graph_of_one_part())
    assert sum(RUNS) > 10 * runs
    assert once.history.drop(columns="seconds").equals(always.history.drop(columns="seconds"))
    for name, tensor in weights(once).items():
        assert torch.equal(tensor, weights(always)[name])
    x = data(seed=1)[0]
    assert np.array_equal(once.predict_proba(x), always.predict_proba(x))


def test_a_model_predicts_cached_rows_without_running_frozen_parts(tmp_path):
    auto = search(tmp_path / "once", graph_of_one_part(), trials=1)
    new = data(140, seed=1)[0]
    RUNS.clear()
    first = auto.predict_proba(new)
    assert sum(RUNS) == 70
    assert np.array_equal(auto.predict_proba(new), first)
    auto.evaluate(new, np.arange(140) % 2)
    assert sum(RUNS) == 70
    again = md.load(auto.export_model().save(tmp_path / "saved"), device="cpu")
    RUNS.clear()  # loading tries one row
    assert np.array_equal(again.predict_proba(new), first)
    assert sum(RUNS) == 3 + 140  # 3 to count the bytes of intermediate results, from which the size of batches follows
    assert np.array_equal(auto.predict_proba(new[:5]), first[:5])  # few rows simply run
    assert sum(RUNS) == 3 + 140 + 5


def test_a_later_run_reuses_cached_results(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "kept"))
    search(tmp_path / "a", graph_of_one_part(), trials=1)
    RUNS.clear()
    x, y = data()
    search(tmp_path / "b", graph_of_one_part(), trials=1, y=1 - y)  # another task
    assert sum(RUNS) <= 4  # a few are run again, to see whether what is kept is still true
    more = np.concatenate([x, data(20, seed=1)[0]])
    RUNS.clear()
    search(tmp_path / "c", graph_of_one_part(), trials=1, x=more, y=(more[:, 0] > 0).astype(int))
    assert 10 <= sum(RUNS) <= 14
    RUNS.clear()
    search(tmp_path / "d", graph_of_one_part(FrozenPart(2.0)), trials=1)
    assert sum(RUNS) == 30  # another encoder
    declaration = next((tmp_path / "kept" / "frozen").glob("*/about.json")).read_text()
    assert "test.frozen_part" in declaration


def test_results_of_changed_code_are_computed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "kept"))
    search(tmp_path / "a", graph_of_one_part(), trials=1)
    old = Counted.forward
    monkeypatch.setattr(Counted, "forward", lambda self, x: old(self, x) + 1)
    RUNS.clear()
    auto = search(tmp_path / "b", graph_of_one_part(), trials=1)
    assert 30 < sum(RUNS) <= 34
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    always = search(tmp_path / "c", graph_of_one_part(), trials=1)
    assert auto.history["score"].equals(always.history["score"])


def test_results_of_an_unregistered_part_are_cached_in_memory_only(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "kept"))
    with pytest.warns(md.MedleyWarning, match="registered"):
        search(tmp_path / "a", graph_of_one_part(Unnamed()))
    assert sum(RUNS) == 30
    assert not list((tmp_path / "kept").rglob("*.rows"))


@pytest.mark.parametrize("before", [Early(), FrozenPart(still=False)])
def test_a_trained_part_before_a_frozen_one_prevents_caching_with_a_message(tmp_path, capsys, before):
    x = md.Input(name="x")
    auto = md.AutoModel(
        x,
        md.ClassificationHead(name="y")(FrozenPart(0.5)(before(x))),
        max_trials=2,
        directory=tmp_path,
    )
    auto.fit(*data(), epochs=2, verbose=1)
    output = capsys.readouterr().out
    assert output.count("is frozen, but") == 1
    assert "frozen_part_" in output


def test_a_chain_of_frozen_parts_is_cached_as_a_whole(tmp_path):
    x = md.Input(name="x")
    search(tmp_path, (x, FrozenPart(3.0)(FrozenPart(2.0)(x))))
    assert sum(RUNS) == 60


def test_one_part_on_two_inputs_with_gaps(tmp_path, monkeypatch):
    rows, y = data()
    both = [list(rows), list(rows[::-1] * 2)]
    for offset, rows in enumerate(both):
        for row in range(offset, 60, 5):
            rows[row] = None

    def fit(folder):
        a, b = md.Input(name="a"), md.Input(name="b")
        part = FrozenPart()
        head = md.ClassificationHead(name="y")(md.Merge(merge_type="gated")([part(a), part(b)]))
        auto = md.AutoModel([a, b], head, max_trials=1, directory=folder, training=md.Training(threads=1))
        auto.fit(both, y, epochs=3, verbose=0)
        return auto

    once = fit(tmp_path / "once")
    assert sum(RUNS) <= 96
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    always = fit(tmp_path / "always")
    for name, tensor in weights(once).items():
        assert torch.equal(tensor, weights(always)[name])


def test_other_readers_of_the_input_still_get_its_rows(tmp_path, monkeypatch):
    def fit(folder):
        x = md.Input(name="x")
        node = md.Merge(merge_type="concatenate")([FrozenPart()(x), md.DenseBlock(num_layers=1, num_units=4)(x)])
        return search(folder, (x, node), trials=1)

    once = fit(tmp_path / "once")
    assert sum(RUNS) == 30
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    assert once.history["score"].equals(fit(tmp_path / "always").history["score"])


def test_large_results_are_stored_in_a_file(tmp_path, monkeypatch):
    inside = search(tmp_path / "memory", graph_of_one_part())
    monkeypatch.setattr(frozen, "MAX_MEMORY", 100)
    monkeypatch.setattr(frozen, "MAX_UNSAVED_BYTES", 100)
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "kept"))
    outside = search(tmp_path / "file", graph_of_one_part())
    assert inside.history.drop(columns="seconds").equals(outside.history.drop(columns="seconds"))


def test_without_enough_time_it_runs_batch_by_batch_and_finished_results_are_stored(tmp_path, monkeypatch):
    class Slow:
        """A clock that advances 10 s per call."""

        now = monotonic()

        def __call__(self):
            self.now += 10
            return self.now

    monkeypatch.setattr(frozen, "monotonic", Slow())
    monkeypatch.setattr("medley.search.frozen_runner.MAX_BATCH", 3)
    x = md.Input(name="x")
    auto = md.AutoModel(
        x, md.ClassificationHead(name="y")(FrozenPart()(x)), max_trials=1, directory=tmp_path, time_limit=60
    )
    auto.fit(*data(), epochs=2, verbose=0)
    assert len(auto.history) == 1
    assert sum(RUNS) > 60


@pytest.mark.parametrize(("pooling", "positions"), [("mean", False), ("attention", True)])
def test_sets_of_images_run_once(tmp_path, monkeypatch, pooling, positions):
    folder = tiny_model("vit", tmp_path / "vit")
    rng = np.random.default_rng(0)
    rows = [[rng.integers(0, 255, (8, 8, 3), "u1") for _ in range(rng.integers(0, 3))] for _ in range(20)]
    batch_sizes = []
    run = ImageEncoder.forward
    monkeypatch.setattr(ImageEncoder, "forward", lambda self, x: batch_sizes.append(len(x)) or run(self, x))

    def fit(name):
        photos = md.ImageSetInput(name="photos", positions=positions)
        encoder = md.PretrainedImageBlock(folder, pooling="mean", trainable=False)
        head = md.ClassificationHead(name="y")(md.ImageSetBlock(encoder, pooling=pooling)(photos))
        auto = md.AutoModel(photos, head, max_trials=1, directory=tmp_path / name, training=md.Training(threads=1))
        auto.fit(rows, np.arange(20) % 2, epochs=2, verbose=0)
        return auto

    once = fit("once")
    assert sum(batch_sizes) == sum(map(len, rows))
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    always = fit("always")
    for name, tensor in weights(once).items():
        torch.testing.assert_close(tensor, weights(always)[name], rtol=1e-4, atol=1e-5)


def tokens(rows):
    return Spec((rows.shape[1],), "T", "int64", 50)


def codes():
    rng = np.random.default_rng(0)
    rows = np.zeros((40, 12), "i4")
    for row, length in enumerate(rng.integers(0, 13, 40)):
        rows[row, :length] = rng.integers(1, 50, length)
    return rows


@pytest.mark.parametrize("ignores_padding", [True, False])
def test_padding_is_cut_off_only_for_parts_that_ignore_it(ignores_padding):
    rows, widths = codes(), []

    def run(x):
        widths.append(x.shape[1])
        is_counted = (x != 0) if ignores_padding else torch.ones_like(x, dtype=torch.bool)
        return (x * is_counted).sum(1, keepdim=True) / is_counted.sum(1, keepdim=True).clamp(min=1)

    runner = RowRunner(run, tokens(rows), torch.device("cpu"), ignores_padding=ignores_padding)
    is_present = np.arange(15) % 3 > 0
    indexed = index_present_rows([Encoded(rows[:25], np.ones(25, bool)), Encoded(rows[25:], is_present)])
    results = np.full((len(indexed.keys), 1), np.nan, "f4")
    batches = list(runner.run_all(indexed, np.arange(len(indexed.keys))))
    for batch in batches:
        results[batch.rows] = batch.results
    assert np.allclose(
        results, run(torch.from_numpy(np.concatenate([rows[:25], rows[25:][is_present]]))).numpy(), atol=1e-6
    )
    assert batches[-1].fraction == 1
    assert [len(batch.rows) for batch in batches] == [10] * 3 + [5]
    assert (min(widths) < 12) == ignores_padding


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    monkeypatch.setattr("medley.search.frozen_runner.MAX_BATCH", 10)
