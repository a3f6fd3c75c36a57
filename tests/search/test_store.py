"""A project on disk: what was finished is never lost, whatever happened next."""

import json
import os
import subprocess
import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from medley.errors import ArtifactError, ConfigError
from medley.model.files import STATES, WEIGHTS, write_model
from medley.model.records import Record
from medley.search.store import Store
from medley.search.trial import TrialResult


class Model:
    """Stands for a saved model: files where they are expected."""

    def __init__(self, word="", error=None):
        self.word, self.error = word, error

    def save(self, path):
        if self.error:
            raise self.error
        write_model(path, {"word": self.word}, {WEIGHTS: b"1", STATES: b"2"})


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


def result(number, score=1.0, state="complete", **scores):
    records = [Record(0, 0.5, 0.1, {"loss": 1.0}, {"loss": score}), Record(1, 0.5, 0.1, {"loss": 1.0}, {"loss": 2.0})]
    return TrialResult(number, state, score, {"units": 3}, records, 0, seconds=1.5, size=99, **scores)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "project")


def filled(store, scores=(3.0, 1.0, 2.0), digest="d"):
    store.begin(digest, overwrite=False)
    for number, score in enumerate(scores):
        store.save(number, Model(str(number)))
        store.add(result(number, score), trial(units=3 + number))
    store.end()
    return store


def test_outcomes_come_back_as_they_were(store):
    filled(store, [1.0])
    store.add(
        result(1, float("nan"), "failed", reason="the objective is not finite"), trial(units=4, rate=0.1, kind="b")
    )
    first, second = Store(store.folder).results()
    assert first == result(0, 1.0)
    assert (second.state, second.reason) == ("failed", "the objective is not finite")


def test_the_same_project_is_resumed_with_a_message(store):
    assert store.begin("d", overwrite=False) is None
    filled(store)
    assert "holds 3 trials of this project; the search resumes" in Store(store.folder).begin("d", overwrite=False)
    assert len(Store(store.folder).results()) == 3


def test_a_line_that_a_killed_run_was_writing_is_left_out_and_not_glued_to_the_next(store):
    filled(store)
    path = store.folder / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    again = Store(store.folder)
    assert [entry.number for entry in again.results()] == [0, 1]
    again.begin("d", overwrite=False)
    again.add(result(2, 0.5), trial(units=9))
    again.add(result(3, 0.7), trial(units=9))
    assert [entry.number for entry in Store(store.folder).results()] == [0, 1, 2, 3]


def test_other_data_moves_the_old_project_aside_whole(store):
    filled(store)
    message = Store(store.folder).begin("other", overwrite=False)
    aside = store.folder.with_name("project-before-1")
    assert str(aside) in message
    assert len(Store(aside).results()) == 3
    assert Store(aside).best() == 1
    assert Store(store.folder).results() == []
    filled(Store(store.folder), digest="other")
    Store(store.folder).begin("third", overwrite=False)
    assert store.folder.with_name("project-before-2").is_dir()


def test_overwriting_deletes_the_project_and_nothing_else(store):
    filled(store)
    (store.folder / "notes.txt").write_text("mine")
    assert store.begin("other", overwrite=True) is None
    assert store.results() == []
    assert store.best() is None
    assert sorted(path.name for path in store.folder.iterdir()) == [".lock", "notes.txt", "project.json"]
    assert not store.folder.with_name("project-before-1").exists()


def test_a_folder_of_other_things_is_no_project_and_stays(tmp_path):
    (tmp_path / "photo.png").write_text("mine")
    store = Store(tmp_path)
    assert not store.exists
    assert store.begin("d", overwrite=True) is None
    assert (tmp_path / "photo.png").read_text() == "mine"


def test_a_search_in_which_all_failed_starts_anew(store):
    """What made the trials fail may be mended by now, and no line of the file would tell."""
    store.begin("d", overwrite=False)
    for number in range(3):
        store.add(result(number, float("inf"), "failed", reason="no memory"), trial(units=3))
    store.end()
    assert Store(store.folder).begin("d", overwrite=False) is None
    assert Store(store.folder).results() == []


def test_a_best_trial_whose_model_is_missing_is_run_again(store):
    filled(store)
    (store.folder / "trials" / "1" / "model.json").unlink()
    again = Store(store.folder)
    assert "lacks the model of its best trial, 1, so it is run again" in again.begin("d", overwrite=False)
    assert [result.number for result in again.results()] == [0, 2]
    assert again.repeats == {1: {"units": 4}}


@pytest.mark.parametrize("content", [b"", b"other"])
def test_a_damaged_model_is_set_aside_and_its_trial_run_again(store, content):
    filled(store)
    (store.folder / "trials" / "1" / WEIGHTS).write_bytes(content)
    with pytest.warns(UserWarning, match=r"model of trial 1 is left out: .*is damaged"):
        assert store.best() == 2  # until then, the next best serves
    again = Store(store.folder)
    message = again.begin("d", overwrite=False)
    assert "The model of trial 1 was moved to" in message
    assert "weights.safetensors is damaged" in message
    assert list((store.folder / "damaged").iterdir())
    assert again.repeats == {1: {"units": 4}}


def test_an_interrupted_trial_is_continued_and_serves_until_then(store):
    filled(store, [2.0])
    store.begin("d", overwrite=False)
    store.save(1, Model())
    store.add(result(1, 1.0, "interrupted"), trial(units=7))
    store.end()
    assert Store(store.folder).best() == 1
    again = Store(store.folder)
    assert "holds 1 trials" in again.begin("d", overwrite=False)
    assert [entry.number for entry in again.results()] == [0]
    assert again.repeats == {1: {"units": 7}}


def test_only_a_search_that_exists_is_resumed(store):
    with pytest.raises(ConfigError, match="resume needs a search to continue, but there is none in"):
        store.begin("d", overwrite=False, resume=True)
    assert not store.folder.exists()
    filled(store)
    with pytest.raises(ConfigError, match="resume needs the data, columns and settings of the search in"):
        store.begin("other", overwrite=False, resume=True)
    assert "resumes from there" in store.begin("d", overwrite=False, resume=True)


def test_a_second_writer_gets_an_error_and_moves_nothing_away(store):
    store.begin("d", overwrite=False)
    for digest, overwrite in [("d", False), ("other", False), ("d", True)]:
        with pytest.raises(ConfigError, match="Another search is running in"):
            Store(store.folder).begin(digest, overwrite=overwrite)
    assert sorted(path.name for path in store.folder.parent.iterdir()) == ["project"]
    store.end()
    Store(store.folder).begin("d", overwrite=False)


def test_the_lock_ends_with_its_process(store):
    program = "import os, sys; from medley.search.store import Store\n"
    program += "store = Store(sys.argv[1]); store.begin('d', overwrite=False); print('ready', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    with pytest.raises(ConfigError, match="Another search is running"):
        store.begin("d", overwrite=False)
    process.kill()
    process.communicate()
    store.begin("d", overwrite=False)


def test_a_disk_that_is_full_does_not_end_a_search(store, monkeypatch):
    store.begin("d", overwrite=False)
    store.add(result(0), trial(units=3))
    sync = os.fsync

    def full(number):
        os.write(number, b'{"half')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="the search continues in memory"):
        store.add(result(1), trial(units=3))
    store.add(result(2), trial(units=3))  # reported once
    assert [entry.number for entry in store.results()] == [0, 1, 2]
    monkeypatch.setattr(os, "fsync", sync)
    store.add(result(3), trial(units=3))  # there is room again
    assert [entry.number for entry in Store(store.folder).results()] == [0, 1, 2, 3]


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"digest"'])
def test_a_damaged_description_is_another_project(store, content):
    filled(store)
    (store.folder / "project.json").write_text(content)
    assert "moved to" in Store(store.folder).begin("d", overwrite=False)


def test_only_the_best_models_are_kept(store):
    filled(store)
    store.retain([1, 2])
    assert sorted(path.name for path in (store.folder / "trials").iterdir()) == ["1", "2"]
    assert store.best() == 1
    store.retain([2])
    assert store.best() == 2


def test_the_best_is_a_complete_one(store):
    filled(store, [2.0])
    store.save(1, Model())
    store.add(result(1, 0.1, "pruned"), trial(units=1))
    assert store.best() == 0


def test_a_sampler_learns_of_all_trials_that_were_written_down(store):
    store.begin("d", overwrite=False)
    store.add(result(0, 0.5), trial(units=3, kind="b"))
    store.add(result(1, float("inf"), "failed"), trial(units=5))
    store.add(result(2, 0.9, "pruned"), trial(units=7, rate=0.01))
    study = optuna.create_study()
    Store(store.folder).replay(study)
    assert [frozen.params for frozen in study.trials] == [
        {"units": 3, "kind": "b"},
        {"units": 5},
        {"units": 7, "rate": 0.01},
    ]
    assert [frozen.state.name for frozen in study.trials] == ["COMPLETE", "FAIL", "PRUNED"]
    assert study.best_value == 0.5


def test_curves_are_replayed_so_that_pruning_goes_on_as_before(store):
    store.begin("d", overwrite=False)
    running = trial(units=3)
    running.intermediate_values = {0: 0.9, 1: 0.5}
    store.add(result(0, 0.5), running)
    study = optuna.create_study()
    Store(store.folder).replay(study)
    assert study.trials[0].intermediate_values == {0: 0.9, 1: 0.5}


def test_a_model_that_no_file_can_hold_stays_in_memory_with_a_warning(store):
    store.begin("d", overwrite=False)
    with pytest.warns(UserWarning, match="trial 4 is kept in memory only, so a new process cannot open it: no name"):
        store.save(4, Model(error=ArtifactError("no name")))


def test_every_line_is_json(store):
    filled(store)
    for line in (store.folder / "trials.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line)["params"] == {"units": 3}
