"""What is learned once for the models that a search keeps: calibrations, intervals, and what drift is compared with."""

import copy

import numpy as np
import pytest

import medley as md
from medley.search import results
from medley.trust import fitting

ROWS = 400


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 3))
    return x, np.where(x[:, 0] + generator.normal(size=ROWS) > 0, "a", "b")


def search(folder, callbacks=()):
    head = md.ClassificationHead(name="kind")
    auto = md.AutoModel(md.StructuredDataInput(), head, max_trials=5, keep=2, directory=folder, seed=0)
    return auto, {"epochs": 1, "verbose": 0, "callbacks": callbacks}


@pytest.fixture
def fits(monkeypatch):
    calls, fit = [], fitting.fit_trust
    monkeypatch.setattr(fitting, "fit_trust", lambda validation: calls.append(validation) or fit(validation))
    return calls


def test_only_the_models_that_are_kept_are_completed_and_they_are_saved(tmp_path, rows, fits):
    auto, options = search(tmp_path)
    auto.fit(*rows, **options)
    assert len(auto.history) == 5
    assert len(fits) == 2
    for number, model in zip(auto._results().best_numbers, auto.best_models(), strict=True):
        loaded = md.load(auto.folder / "trials" / str(number))
        assert loaded.metadata["calibration"] == model.metadata["calibration"]
        assert loaded.predict_proba(rows[0]) == pytest.approx(model.predict_proba(rows[0]))
        assert len(loaded.drift(rows[0])) == len(model.drift(rows[0])) > 3
    assert len(fits) == 2


def test_a_model_is_completed_by_what_it_predicted_for_validation_rows(tmp_path, rows):
    auto, options = search(tmp_path)
    auto.fit(*rows, **options)
    model = auto.model
    trust, checks = fitting.fit_trust(model.validation)
    assert checks == model.metadata["calibration"]
    assert set(trust.conformal) == set(model.trust.conformal) == {"kind"}


class Killed(BaseException):
    """Ends the process in the middle of a search, as far as the files of a project show."""


def test_models_of_a_killed_search_are_completed_when_they_are_opened(tmp_path, rows, fits, monkeypatch):
    def kill(record):
        if len(auto._trials()) == 3:
            raise Killed

    auto, options = search(tmp_path, [kill])
    with pytest.raises(Killed):
        auto.fit(*rows, **options)
    assert fits == []
    best = auto._search_results.best_numbers[0]
    loaded = md.load(auto.folder / "trials" / str(best))
    assert len(fits) == 1
    assert "kind" in loaded.trust.conformal
    assert "calibration" in copy.deepcopy(auto.model).metadata  # and those that are in memory
    again, options = search(tmp_path)
    again.fit(*rows, **options)
    assert all(model.trust.reference is not None for model in again.best_models())


def test_a_damaged_model_of_an_earlier_run_does_not_end_the_search(tmp_path, rows):
    auto, options = search(tmp_path)
    auto.fit(*rows, **options)
    second = auto._results().best_numbers[1]
    (auto.folder / "trials" / str(second) / "model.json").write_text("{")
    store = auto._search_results.store
    opened = results.SearchResults(store.results(), 2, store, "cpu")
    assert opened.best().metadata["calibration"] == auto.model.metadata["calibration"]
    again, options = search(tmp_path)
    again.max_trials = 6
    again.fit(*rows, **options)
    assert again.model.trust.reference is not None
