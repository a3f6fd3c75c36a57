"""Drift and unusual rows: what has changed is found, what has not is left alone; tests against SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

import medley as md
from medley import runtime
from medley.cli.main import main
from medley.errors import ArtifactError, ConfigError
from medley.trust.histograms import Histogram, holm
from medley.trust.reference import Reference
from medley.trust.unusual import UsualRows

WORDS = ["red", "blue", "small", "big", "house", "dog", "near", "sea", "old", "new"]


def rows(seed, size=300, shift=0.0, words=WORDS, kinds="abc"):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=size) + shift
    return pd.DataFrame(
        {
            "x": np.where(rng.random(size) < 0.1, np.nan, x),
            "kind": rng.choice(list(kinds), size),
            "secret": rng.choice(["p", "q"], size),
            "note": [" ".join(rng.choice(words, rng.integers(3, 9))) for _ in range(size)],
            "born": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, size), unit="D"),
            "price": x + rng.normal(0, 0.3, size),
        }
    )


@pytest.fixture(scope="module")
def model():
    return md.fit(rows(0), "price", private=["secret"], max_trials=1, epochs=1, verbose=0)


def drifted(frame):
    return set(frame.name[frame.drifted])


def test_rows_that_are_drawn_alike_have_not_drifted(model):
    for seed in range(1, 6):
        frame = model.drift(rows(seed))
        assert not drifted(frame)
    assert {"x", "kind", "note: length", "note: words", "born", "embedding 1", "embedding distance"} <= set(frame.name)
    assert not any("secret" in name for name in frame.name)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"shift": 1.0}, {"x", "embedding 1"}),
        ({"kinds": "aab"}, {"kind"}),
        ({"kinds": "zzz"}, {"kind"}),
        ({"words": ["green", "cat", *WORDS[:3]]}, {"note: words"}),
    ],
)
def test_what_has_changed_is_found(model, changed, names):
    frame = model.drift(rows(1, **changed))
    assert names <= drifted(frame)
    assert frame.name[0] in drifted(frame)
    untouched = {"born", "kind", "x"} - names
    assert not untouched & drifted(frame)


def test_missing_cells_are_drift(model):
    new = rows(1)
    new.loc[::2, "kind"] = None
    new.loc[::2, "note"] = None
    frame = model.drift(new).set_index("name")
    assert frame.drifted[["kind", "note: length"]].all()
    assert frame.missing["kind"] == pytest.approx(0.5, abs=0.01)


def test_it_is_saved_without_examples_and_too_few_rows_are_an_error(model, tmp_path):
    loaded = md.load(model.save(tmp_path / "model", examples=False))
    pd.testing.assert_frame_equal(loaded.drift(rows(1, shift=1)), model.drift(rows(1, shift=1)))
    saved = (tmp_path / "model" / "codecs.safetensors").stat().st_size
    assert saved < 60_000
    with pytest.raises(ConfigError, match="Drift needs 20 rows at least, got 5"):
        model.drift(rows(1, 5))
    untrained = md.load(model.save(tmp_path / "model"))
    untrained.trust = type(untrained.trust)()
    with pytest.raises(ConfigError, match="no histograms"):
        untrained.drift(rows(1))
    assert untrained.predict(rows(1, 3), explain=True).unusual.isna().all()


def test_rows_are_explained(model, tmp_path):
    new = rows(2, 400)
    plain = model.predict(new, explain=True)
    assert list(plain.columns) == ["price", "unusual", "missing"]
    assert plain.unusual.mean() == pytest.approx(0.5, abs=0.1)  # fractions of rows that are drawn alike
    assert plain.missing.tolist() == [["x"] if np.isnan(value) else [] for value in new.x]
    strange = new.head(4).copy()
    strange.loc[0, "x"] = 50.0
    strange.loc[1, ["x", "kind", "note"]] = None
    strange.loc[2, "kind"] = "unknown"
    frame = model.predict(strange, explain=True, interval=0.9)
    assert list(frame.columns) == ["price", "price_low", "price_high", "unusual", "missing"]
    assert frame.unusual[0] == 1.0
    assert set(frame.missing[1]) == {"x", "kind", "note"}
    assert "kind" in frame.missing[2]
    assert model.predict(new.head(0), explain=True).columns.tolist() == plain.columns.tolist()
    exported = runtime.load(model.export(tmp_path / "model.onnx"))
    with pytest.raises(ConfigError, match="explain needs the saved model"):
        exported.predict(new, explain=True)


def test_arrays_are_explained_and_compared():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(60, 8, 8, 1)).astype("uint8")
    auto = md.AutoModel(md.ImageInput(name="photo"), md.RegressionHead(), max_trials=1)
    auto.fit(x, x.mean(axis=(1, 2, 3)) + rng.normal(0, 9, 60), epochs=1, verbose=0, validation_split=0.5)
    predictions, notes = auto.model.predict(x[:4], explain=True)
    assert predictions.shape == notes.unusual.shape == (4,)
    assert notes.missing == [[], [], [], []]
    assert auto.model.predict([None, x[0]], explain=True)[1].missing == [["photo"], []]
    assert "photo: mean" in drifted(auto.model.drift(x // 4))


def test_the_command(model, tmp_path, capsys):
    path = str(model.save(tmp_path / "model"))
    rows(1).to_csv(tmp_path / "same.csv", index=False)
    rows(1, shift=2).to_csv(tmp_path / "other.csv", index=False)
    assert main(["drift", path, str(tmp_path / "same.csv")]) == 0
    assert "no drift" in capsys.readouterr().out
    assert main(["drift", path, str(tmp_path / "other.csv"), "-o", str(tmp_path / "drift.csv")]) == 3
    assert pd.read_csv(tmp_path / "drift.csv").set_index("name").drifted["x"]
    assert main(["drift", path, str(tmp_path / "none.csv")]) == 2
    capsys.readouterr()
    assert main(["predict", path, str(tmp_path / "same.csv"), "--explain", "--interval", "0.8"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "price,price_low,price_high,unusual,missing"


@pytest.mark.parametrize("is_code", [False, True])
def test_the_test_is_scipys(is_code):
    rng = np.random.default_rng(0)
    old, new = (rng.integers(1, 6, 400).astype(float), rng.integers(1, 5, 300).astype(float))
    histogram = Histogram.of(old, is_code=is_code)
    counts = np.stack([histogram.counts, histogram.count(new)])
    assert counts.sum(axis=1).tolist() == [400, 300]
    p_value, shift, missing = histogram.compare(new)
    assert p_value == pytest.approx(chi2_contingency(counts[:, counts.sum(0) > 0], correction=False).pvalue)
    assert shift > 0.1
    assert missing == 0
    assert histogram.compare(np.full(300, 0.0 if is_code else np.nan))[2] == 1


def test_p_values_are_corrected_as_by_hand():
    # Sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2 (not below the one before), 0.9 * 1.
    assert holm(np.array([0.9, 0.02, 0.01, 0.03])).tolist() == pytest.approx([0.9, 0.06, 0.04, 0.06])


@pytest.mark.parametrize("width", [3, 200])
def test_distances_tell_rows_of_another_direction(width):
    rng = np.random.default_rng(0)
    scale = np.r_[10.0, 1.0, np.full(width - 2, 0.1)]
    usual = UsualRows.of(rng.normal(size=(400, width)) * scale)
    new = rng.normal(size=(1000, width)) * scale
    assert usual.unusualness(new).mean() == pytest.approx(0.5, abs=0.08)
    # Ten along the first axis is usual, three along one of little variance is not.
    assert usual.unusualness(np.eye(width)[[0]] * 10) < 0.9
    assert usual.unusualness(np.eye(width)[[width - 1]] * 3) > 0.9


def test_hostile_states_are_refused():
    rng = np.random.default_rng(0)
    features = {"x": (rng.normal(size=100), False), "kind": (rng.integers(0, 3, 100), True)}
    reference = Reference.of(features, rng.normal(size=(100, 4)))
    state = reference.state()
    assert Reference.restore(state).histograms.keys() == reference.histograms.keys()
    for name in state:
        for value in ("lion", np.array([[1.0, -np.inf]]), -3, [1]):
            with pytest.raises(ArtifactError):
                Reference.restore({**state, name: value})
    with pytest.raises(ArtifactError):
        Reference.restore({**state, "1/counts": np.arange(3)})
