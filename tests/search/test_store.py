"""The folder of a project: finished trials are never lost."""

import json

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from medley.errors import ArtifactError
from medley.model.records import Record
from medley.search.store import Store
from medley.search.trial import TrialResult


class Model:
    """A fake model, which is saved as a single file."""

    def __init__(self, content="", error=None):
        self.content, self.error = content, error

    def save(self, path):
        if self.error:
            raise self.error
        path.mkdir(parents=True, exist_ok=True)
        (path / "model.json").write_text(self.content)


def trial(**values):
    kinds = {
        "units": IntDistribution(1, 64),
        "rate": FloatDistribution(1e-4, 1, log=True),
        "kind": CategoricalDistribution(["a", "b"]),
    }
    return optuna.trial.FrozenTrial(
        number=0, state=optuna.trial.TrialState.RUNNING, value=None, datetime_start=None, datetime_complete=None,
        params=values, distributions={name: kinds[name] for name in values}, user_attrs={}, system_attrs={},
        intermediate_values={}, trial_id=0,
    )  # fmt: skip


def result(number, score=1.0, state="complete", **fields):
    records = [Record(0, 0.5, 0.1, {"loss": 1.0}, {"loss": score}), Record(1, 0.5, 0.1, {"loss": 1.0}, {"loss": 2.0})]
    return TrialResult(number, state, score, {"units": 3}, records, 0, seconds=1.5, size=99, **fields)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "project")


def fill(store, scores=(3.0, 1.0, 2.0), digest="d"):
    store.begin(digest, overwrite=False)
    for number, score in enumerate(scores):
        store.save(number, Model(str(number)))
        store.add(result(number, score), trial(units=3 + number))
    return store


def test_results_can_be_read_again(store):
    fill(store, [1.0])
    store.add(
        result(1, float("nan"), "failed", reason="the objective is not finite"), trial(units=4, rate=0.1, kind="b")
    )
    first, second = Store(store.folder).results()
    assert first == result(0, 1.0)
    assert (second.state, second.reason) == ("failed", "the objective is not finite")


def test_a_project_is_resumed_with_a_message(store):
    assert store.begin("d", overwrite=False) is None
    fill(store)
    assert "holds 3 trials of this project; the search resumes" in Store(store.folder).begin("d", overwrite=False)
    assert len(Store(store.folder).results()) == 3


def test_an_incomplete_line_of_a_killed_run_is_removed(store):
    fill(store)
    path = store.folder / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    again = Store(store.folder)
    assert [trial_result.number for trial_result in again.results()] == [0, 1]
    again.begin("d", overwrite=False)
    again.add(result(2, 0.5), trial(units=9))
    again.add(result(3, 0.7), trial(units=9))
    assert [trial_result.number for trial_result in Store(store.folder).results()] == [0, 1, 2, 3]


def test_a_project_with_other_data_is_moved_aside(store):
    fill(store)
    fields = Store(store.folder).begin("other", overwrite=False)
    aside = store.folder.with_name("project-before-1")
    assert str(aside) in fields
    assert len(Store(aside).results()) == 3
    assert Store(aside).best() == 1
    assert Store(store.folder).results() == []
    fill(Store(store.folder), digest="other")
    Store(store.folder).begin("third", overwrite=False)
    assert store.folder.with_name("project-before-2").is_dir()


def test_overwriting_deletes_the_project_and_nothing_else(store):
    fill(store)
    (store.folder / "notes.txt").write_text("mine")
    assert store.begin("other", overwrite=True) is None
    assert store.results() == []
    assert store.best() is None
    assert sorted(path.name for path in store.folder.iterdir()) == ["notes.txt", "project.json"]
    assert not store.folder.with_name("project-before-1").exists()


def test_a_folder_without_a_project_is_not_changed(tmp_path):
    (tmp_path / "photo.png").write_text("mine")
    store = Store(tmp_path)
    assert not store.exists
    assert store.begin("d", overwrite=True) is None
    assert (tmp_path / "photo.png").read_text() == "mine"


def test_a_search_in_which_all_trials_failed_starts_again(store):
    """The cause of the failures may have been fixed."""
    store.begin("d", overwrite=False)
    for number in range(3):
        store.add(result(number, float("inf"), "failed", reason="no memory"), trial(units=3))
    assert Store(store.folder).begin("d", overwrite=False) is None
    assert store.results() == []


def test_a_search_without_its_best_model_starts_again_with_a_message(store):
    fill(store)
    (store.folder / "trials" / "1" / "model.json").unlink()
    assert "the model of its best trial" in Store(store.folder).begin("d", overwrite=False)
    assert store.results() == []


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"digest"'])
def test_a_damaged_description_is_another_project(store, content):
    fill(store)
    (store.folder / "project.json").write_text(content)
    assert "moved to" in Store(store.folder).begin("d", overwrite=False)


def test_only_the_best_models_are_kept(store):
    fill(store)
    store.retain([1, 2])
    assert sorted(path.name for path in (store.folder / "trials").iterdir()) == ["1", "2"]
    assert store.best() == 1
    store.retain([2])
    assert store.best() == 2


def test_the_best_is_a_complete_one(store):
    fill(store, [2.0])
    store.save(1, Model())
    store.add(result(1, 0.1, "pruned"), trial(units=1))
    assert store.best() == 0


def test_all_recorded_trials_are_added_to_a_study(store):
    store.begin("d", overwrite=False)
    store.add(result(0, 0.5), trial(units=3, kind="b"))
    store.add(result(1, float("inf"), "failed"), trial(units=5))
    store.add(result(2, 0.9, "pruned"), trial(units=7, rate=0.01))
    study = optuna.create_study()
    Store(store.folder).replay(study)
    assert [trial.params for trial in study.trials] == [
        {"units": 3, "kind": "b"},
        {"units": 5},
        {"units": 7, "rate": 0.01},
    ]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "PRUNED"]
    assert study.best_value == 0.5


def test_curves_are_restored_for_pruning(store):
    store.begin("d", overwrite=False)
    running = trial(units=3)
    running.intermediate_values = {0: 0.9, 1: 0.5}
    store.add(result(0, 0.5), running)
    study = optuna.create_study()
    Store(store.folder).replay(study)
    assert study.trials[0].intermediate_values == {0: 0.9, 1: 0.5}


def test_a_model_that_cannot_be_saved_stays_in_memory_with_a_warning(store):
    store.begin("d", overwrite=False)
    with pytest.warns(UserWarning, match="trial 4 is kept in memory only, so a new process cannot open it: no name"):
        store.save(4, Model(error=ArtifactError("no name")))


def test_every_line_is_json(store):
    fill(store)
    for line in (store.folder / "trials.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line)["params"] == {"units": 3}
