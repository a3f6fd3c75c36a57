"""A search as a whole, with trainings that are only said to have happened: what is tried, kept, reported, resumed."""

from dataclasses import dataclass, field
from math import inf, isfinite, nan
from types import SimpleNamespace

import pytest

from medley.core.space import Float, OneOf
from medley.errors import GraphError, SearchError
from medley.model.files import STATES, WEIGHTS, read_description, write_model
from medley.model.records import Record
from medley.search import attempt
from medley.search import study as module
from medley.search.execute import serial
from medley.search.progress import Progress
from medley.search.store import Store
from medley.search.study import Limits, Study
from medley.search.suggest import DefaultSuggest
from medley.search.trial import OversizedError
from medley.search.tuners import resolve_tuner
from medley.trust.trust import Trust

EPOCHS = 4


@dataclass
class Model:
    score: float
    trust: Trust = field(default_factory=Trust)
    metadata: dict = field(default_factory=dict)

    def save(self, path):
        write_model(path, {"score": self.score}, {WEIGHTS: b"1", STATES: b"2"})


class Trainings:
    """Takes the place of `run`: asks for two values, tells a curve, and does what `events` say of a trial."""

    def __init__(self):
        self.events = {}
        self.seen = []
        self.deadlines = []
        self.seconds = 0.0
        self.now = 100.0

    def ask(self, suggest):
        units = suggest("dense.units", OneOf(8, 16, 32, 64), 16)
        rate = suggest("training.learning_rate", Float(1e-4, 1.0, log=True), 1e-2)
        return units, rate

    def default(self):
        suggest = DefaultSuggest()
        self.ask(suggest)
        return suggest

    def __call__(self, search_spec, suggest, hooks, result, default=None, checkpoints=None):
        number = result.number
        self.seen.append(self.ask(suggest))
        self.deadlines.append(hooks.deadline)
        self.now += self.seconds
        event = self.events.get(number)
        result.size = 99 if isinstance(event, OversizedError) else 9
        if isinstance(event, BaseException):
            raise event
        units, rate = self.seen[-1]
        result.score = float(event) if event is not None else abs(rate - 0.03) + units / 640
        for epoch in range(EPOCHS):
            score = result.score + (EPOCHS - 1 - epoch) / 10
            result.records.append(Record(epoch, 0.1, rate, {"loss": score}, {"loss": score}))
            result.best = epoch
            reason = hooks.watch(result.records[-1], score)
            if checkpoints.is_interrupted():
                raise KeyboardInterrupt
            if not isfinite(score) or reason:
                result.reason = reason if isfinite(score) else None
                break
        return Model(result.score)


@pytest.fixture
def trainings(monkeypatch):
    made = Trainings()
    monkeypatch.setattr(serial, "run", made)
    monkeypatch.setattr(module, "ResolvedDefault", lambda search_spec: made.default())
    for timed in (module, attempt):
        monkeypatch.setattr(timed, "monotonic", lambda: made.now)
    monkeypatch.setattr(
        Store,
        "load",
        lambda self, number, device: Model(read_description(self.folder / "trials" / str(number))[0]["score"]),
    )
    return made


@pytest.fixture
def study(tmp_path, trainings):
    stores = []

    def make(max_trials=6, tuner="random", seed=0, callbacks=(), name="project", progress=None, **limits):
        for store in stores:  # of processes that were killed
            store.end()
        store = Store(tmp_path / name)
        store.begin("d", overwrite=False)
        stores.append(store)
        search_spec = SimpleNamespace(
            epochs=EPOCHS,
            max_model_size=50,
            seed=seed,
            score=lambda told: told["val_loss"],
            data=SimpleNamespace(device="cpu"),
            by_task=True,
        )
        return Study(
            search_spec, resolve_tuner(tuner), Limits(max_trials, **limits), store, progress or Progress(0), callbacks
        )

    return make


def saved(study_result):
    return sorted(int(path.name) for path in (study_result.store.folder / "trials").iterdir())


def test_trial_0_is_the_sensible_default(study, trainings):
    study(3).run()
    assert trainings.seen[0] == (16, 1e-2)
    assert len(set(trainings.seen)) == 3


def test_the_best_are_kept_on_disk_and_no_others(study, trainings):
    trainings.events = dict(enumerate([5.0, 3.0, 2.0, 1.0, 9.0, 0.5]))
    search = study(6, keep=3)
    results = search.run()
    assert [result.score for result in results] == [5.0, 3.0, 2.0, 1.0, 9.0, 0.5]
    assert [result.number for result in search.ranked[:3]] == [5, 3, 2]
    assert saved(search) == [2, 3, 5]
    assert search.search_results.best().score == 0.5
    assert [search.search_results.model(number).score for number in (5, 3, 2)] == [0.5, 1.0, 2.0]


def test_of_equal_trials_the_first_is_the_best(study, trainings):
    trainings.events = {0: 1.0, 1: 1.0}
    search = study(2)
    search.run()
    assert search.ranked[0].number == 0


def test_a_failed_trial_does_not_end_the_search(study, trainings):
    trainings.events = {
        1: ValueError("kernel larger than the image"),
        2: nan,
        3: OversizedError("Oversized model: 9 parameters"),
    }
    search = study(5)
    results = search.run()
    assert [two.state for two in results] == ["complete", "failed", "failed", "failed", "complete"]
    assert [two.reason for two in results[1:4]] == [
        "ValueError: kernel larger than the image",
        "the objective is not finite",
        "Oversized model: 9 parameters",
    ]
    assert results[1].params == dict(zip(("dense.units", "training.learning_rate"), trainings.seen[1], strict=True))


def test_a_search_in_which_all_trials_fail_lists_every_reason(study, trainings):
    trainings.events = {0: ValueError("no memory"), 1: OversizedError("too large"), 2: inf, 3: ValueError("again")}
    with pytest.raises(
        SearchError,
        match=r"(?s)All 4 trials failed:.*trial 0: ValueError: no memory.*trial 1: too large.*trial 2: the objective",
    ):
        study(50).run()
    assert len(trainings.seen) == 4  # three failures and nothing to show: it gives up


def test_networks_that_are_too_large_do_not_end_the_search(study, trainings):
    trainings.events = dict.fromkeys(range(5), OversizedError("too large"))
    search = study(7)
    search.run()
    assert [two.number for two in search.ranked] in ([5, 6], [6, 5])


def test_an_error_in_the_default_is_raised_at_once(study, trainings, monkeypatch):
    def wrong(search_spec):
        raise GraphError("conv_block_1: it reads maps.")

    monkeypatch.setattr(module, "ResolvedDefault", wrong)
    with pytest.raises(GraphError, match="conv_block_1"):
        study(5).run()
    assert trainings.seen == []


def test_hopeless_trials_are_pruned_and_never_the_best(study, trainings):
    trainings.events = {0: 1.0, 1: 99.0, 2: 0.5}
    search = study(3)
    results = search.run()
    assert [two.state for two in results] == ["complete", "pruned", "complete"]
    assert len(results[1].records) < EPOCHS
    assert [two.number for two in search.ranked] == [2, 0]
    assert saved(search) == [0, 2]


def test_callbacks_hear_every_epoch_and_may_end_a_trial(study):
    heard = []
    search = study(2, callbacks=[lambda record: heard.append(record.epoch) or record.epoch == 1])
    results = search.run()
    assert heard == [0, 1, 0, 1]
    assert [two.reason for two in results] == ["a callback asked for it"] * 2
    assert [two.state for two in results] == ["complete"] * 2


def test_ctrl_c_keeps_what_there_is(study, trainings):
    trainings.events = {0: 1.2, 1: 1.0, 2: KeyboardInterrupt()}
    search = study(9)
    results = search.run()
    assert [two.state for two in results] == ["complete", "complete", "interrupted"]
    assert search.search_results.best().score == min(two.score for two in search.ranked)


def test_ctrl_c_in_the_first_trial_is_passed_on(study, trainings):
    trainings.events = {0: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        study(9).run()


@pytest.mark.parametrize("tuner", ["random", "tpe", "greedy", "hyperband"])
def test_the_same_seed_searches_alike_and_another_does_not(study, trainings, tuner):
    scores = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        trainings.seen = []
        study(8, tuner, seed, name=name).run()
        scores.append(trainings.seen)
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize("tuner", ["random", "tpe", "greedy", "hyperband"])
@pytest.mark.parametrize("torn", [False, True])
def test_a_killed_search_goes_on_and_ends_as_if_it_had_not_been(study, trainings, tuner, torn):
    whole = study(9, tuner, name="whole").run()
    trainings.events = {5: SystemExit()}
    with pytest.raises(SystemExit):
        study(9, tuner, name="killed").run()
    trainings.events = {}
    lines = study(9, tuner, name="killed").store.folder / "trials.jsonl"
    if torn:
        lines.write_bytes(lines.read_bytes()[:-30])
    again = study(9, tuner, name="killed")
    assert len(again.results) == 5 - torn
    results = again.run()
    assert [(result.number, result.params, result.score, result.state) for result in results] == [
        (result.number, result.params, result.score, result.state) for result in whole
    ]
    assert again.search_results.best().score == min(result.score for result in whole if result.state == "complete")


def test_a_search_that_is_killed_while_it_writes_a_trial_down_keeps_its_best(study, trainings, monkeypatch):
    trainings.events = {0: 2.0, 1: 1.0}
    search = study(5, keep=1)
    add = search.store.add

    def killed(result, trial):
        if result.number == 1:
            raise SystemExit
        add(result, trial)

    monkeypatch.setattr(search.store, "add", killed)
    with pytest.raises(SystemExit):
        search.run()
    again = study(2, keep=1)
    assert [two.number for two in again.results] == [0]
    assert again.search_results.best().score == 2.0
    again.run()
    assert again.search_results.best().score == 1.0
    assert saved(again) == [1]


def test_a_finished_search_runs_nothing_and_has_its_models(study, trainings):
    first = study(4)
    first.run()
    trainings.seen = []
    again = study(4)
    assert again.run() == first.results
    assert trainings.seen == []
    assert again.search_results.best().score == first.search_results.best().score


def test_more_trials_may_be_asked_for_later(study):
    study(3).run()
    assert [trial.number for trial in study(5).run()] == [0, 1, 2, 3, 4]


def test_the_first_trial_gets_all_the_time_it_can_use_and_others_begin_where_they_can_finish(study, trainings):
    trainings.seconds = 4.5
    study(9, deadline=120.0).run()
    assert set(trainings.deadlines) == {120.0}
    assert len(trainings.seen) == 4  # 2 s are left, which is no time for another one


def test_a_single_trial_gets_all_the_time(study, trainings):
    study(1, deadline=120.0).run()
    assert trainings.deadlines == [120.0]


def test_time_that_ran_out_before_it_began_still_gives_a_model(study, trainings):
    search = study(5, deadline=90.0)
    search.run()
    assert len(trainings.seen) == 1
    assert trainings.deadlines[0] > trainings.now - 1


def test_what_is_shown(study, trainings, capsys):
    trainings.events = {0: 2.0, 1: ValueError("odd"), 2: 1.0}
    study(3, progress=Progress(1)).run()
    first, second, third = capsys.readouterr().out.splitlines()
    assert "1/3" in first
    assert "complete  score 2.0000  4 epochs" in first
    assert "failed" in second
    assert "ValueError: odd" in second
    assert third.endswith("best so far: trial 2 at 1.0000")
    study(3, progress=Progress(0), name="other").run()
    assert capsys.readouterr().out == ""


def test_a_patient_search_ends_where_nothing_gets_better(study, trainings, capsys):
    trainings.events = dict.fromkeys(range(99), 1.0) | {4: 0.5}
    search = study(99, patience=3, progress=Progress(1))
    assert len(search.run()) == 4  # nothing better in three trials after the first
    assert search.ended == "patience"
    assert "the last 3 trials did not improve the score" in capsys.readouterr().out
    two = study(99, patience=4, name="other")
    assert len(two.run()) == 10  # trial 4 was found in time; it took five trials to find it, so five more are borne
    assert study(12, name="third").run()[-1].number == 11  # without patience all of them run


def test_gains_by_chance_are_none(study, trainings):
    trainings.events = {number: 1.0 - number * 1e-5 for number in range(99)}
    assert len(study(99, patience=5).run()) == 6


def test_ctrl_c_between_two_trials_keeps_what_there_is(study, trainings, monkeypatch):
    trainings.events = {0: 1.2, 1: 1.0}
    search, begin = study(9), Progress.begin

    def interrupted(self, number):
        if number == 2:
            raise KeyboardInterrupt
        begin(self, number)

    monkeypatch.setattr(Progress, "begin", interrupted)
    assert len(search.run()) == 2
    assert search.ended == "interrupted"
    assert search.search_results.best().score == min(two.score for two in search.ranked)


def test_ctrl_c_that_python_lost_ends_the_search_at_the_next_epoch(study, trainings):
    trainings.events = {0: 1.2, 1: 1.0}
    search = study(9, callbacks=[lambda record: setattr(search.interrupts, "is_requested", len(search.results) == 1)])
    results = search.run()
    assert [two.reason for two in results] == [None, "interrupted"]
    assert search.ended == "interrupted"
