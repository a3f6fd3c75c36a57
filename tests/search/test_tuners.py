"""Tuners: their names, the quality of their values, reproducibility, and logging."""

import logging
import subprocess
import sys
import threading

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from medley.core.space import Float, Int, OneOf
from medley.errors import ConfigError
from medley.search.suggest import PLANNED, DefaultSuggest, TrialSuggest
from medley.search.tuners import (
    TPE,
    TUNERS,
    BayesianOptimization,
    Greedy,
    Hyperband,
    Local,
    RandomSearch,
    quiet,
    resolve_tuner,
)

EPOCHS = 10


def suggest_all(suggest):
    """A conditional space of two blocks: their parameters depend on the kind."""
    values = {"kind": suggest("body.kind", OneOf("conv", "dense", "none"), "none")}
    if values["kind"] != "none":
        values["layers"] = suggest(f"body.{values['kind']}.layers", Int(1, 4), 1)
    values["rate"] = suggest("training.rate", Float(1e-4, 1.0, log=True), 1.0)
    values["units"] = suggest("head.units", OneOf(16, 32, 64, 128), 16)
    return values


def loss_of(values):
    distance = abs(values["layers"] - 3) / 4 if values["kind"] != "none" else 2.0
    return distance + (values["kind"] == "dense") * 0.5 + abs(values["rate"] - 0.01) + values["units"] / 256


def search(tuner, trials=20, seed=0, epochs=EPOCHS):
    """Runs a search as the study does; curves fall towards the loss."""
    chosen = resolve_tuner(tuner)
    with quiet():
        study = optuna.create_study(
            sampler=chosen.sampler(seed), pruner=chosen.pruner(epochs), study_name=f"test {seed}"
        )
        default = DefaultSuggest()
        suggest_all(default)
        study.enqueue_trial(default.params)
        for _ in range(trials):
            run_trial(study, epochs)
    return study


def run_trial(study, epochs):
    trial = study.ask()
    loss = loss_of(suggest_all(TrialSuggest(trial)))
    for epoch in range(epochs):
        trial.report(loss + 0.5**epoch, epoch)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, loss)


def params(study):
    return [trial.params for trial in study.trials]


# ---- names


@pytest.mark.parametrize(
    ("tuner", "expected"),
    [
        (None, Local),
        ("tpe", TPE),
        ("random", RandomSearch),
        ("greedy", Greedy),
        ("bayesian", BayesianOptimization),
        ("hyperband", Hyperband),
        (Greedy, Greedy),
        (Hyperband(), Hyperband),
    ],
)
def test_a_tuner_is_a_name_a_class_or_an_object(tuner, expected):
    assert type(resolve_tuner(tuner)) is expected


@pytest.mark.parametrize("tuner", ["unknown", 3, RandomSearch.sampler, dict])
def test_an_unknown_tuner_is_an_error_that_lists_all_names(tuner):
    with pytest.raises(
        ConfigError, match=r"Expected the tuner argument to be one of local, greedy, random, .* but got"
    ):
        resolve_tuner(tuner)


def test_importing_tuners_imports_neither_torch_nor_optuna():
    code = "import medley.search.tuners, sys; print({'torch', 'optuna'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"


# ---- searching


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_search_begins_with_the_default_and_improves_on_it(tuner):
    study = search(tuner, 14)
    first = study.trials[0]
    assert first.params == {"body.kind": "none", "training.rate": 1.0, "head.units": 16}
    assert first.state == TrialState.COMPLETE
    assert study.best_value < first.value / 2
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_same_seed_repeats_a_search(tuner):
    first, second, other_seed = search(tuner, 9), search(tuner, 9), search(tuner, 9, seed=1)
    assert params(first) == params(second)
    assert params(first)[1:] != params(other_seed)[1:]


@pytest.mark.parametrize("tuner", ["local", "tpe", "greedy", "random"])
def test_a_resumed_search_samples_the_same_values(tuner):
    def search_from(study, start, stop):
        with quiet():
            for number in range(start, stop):
                study.sampler = resolve_tuner(tuner).sampler(number)
                run_trial(study, EPOCHS)

    whole, part = optuna.create_study(), optuna.create_study()
    search_from(whole, 0, 12)
    search_from(part, 0, 7)
    resumed = optuna.create_study()
    resumed.add_trials(part.trials)
    search_from(resumed, 7, 12)
    assert params(resumed) == params(whole)


@pytest.mark.parametrize("tuner", TUNERS)
def test_failed_and_infinite_trials_are_handled(tuner):
    study = search(tuner, 6)
    with quiet():
        study.tell(study.ask(), float("inf"))
        study.tell(study.ask(), state=TrialState.FAIL)
        failed = study.ask()
        suggest_all(TrialSuggest(failed))
        study.tell(failed, float("inf"))
        for _ in range(3):
            run_trial(study, EPOCHS)
    assert len(study.trials) == 12


def test_the_gaussian_process_requires_scipy(monkeypatch):
    assert isinstance(BayesianOptimization().sampler(0), optuna.samplers.GPSampler)
    monkeypatch.setattr("medley.search.tuners.find_spec", lambda name: None)
    assert isinstance(BayesianOptimization().sampler(0), optuna.samplers.TPESampler)


# ---- greedy


def flat(suggest):
    return {f"{b}.{i}": suggest(f"{b}.{i}", OneOf(*range(5)), 0) for b in "abc" for i in range(3)}


def greedy_study(trials, space, value):
    with quiet():
        study = optuna.create_study(sampler=Greedy().sampler(0))
        for _ in range(trials):
            trial = study.ask()
            study.tell(trial, value(space(TrialSuggest(trial)), trial.number))
    return study


def test_greedy_varies_one_block_of_the_best_trial():
    study = greedy_study(25, flat, lambda values, number: sum(values.values()))
    for trial in study.trials[1:]:
        best = min(study.trials[: trial.number], key=lambda trial: trial.value).params
        changed = {name.partition(".")[0] for name in best if best[name] != trial.params[name]}
        assert len(changed) == 1


def test_greedy_tries_every_block():
    study = greedy_study(25, flat, lambda values, number: number)  # the first stays best
    best = study.trials[0].params
    changed = [{n[0] for n in best if best[n] != t.params[n]} for t in study.trials[1:]]
    assert set().union(*changed) == {"a", "b", "c"}


def test_greedy_repeats_no_trial_until_the_space_is_exhausted():
    def small(suggest):
        kind = suggest("a.kind", OneOf("x", "y", "z"), "x")
        return kind, suggest("b.on", OneOf(False, True), False), kind == "z" and suggest("z.n", Int(1, 2), 1)

    study = greedy_study(30, small, lambda values, number: number)
    trials = [frozenset(trial.params.items()) for trial in study.trials]
    assert len(set(trials[:8])) == 8  # x and y with on and off, z with two values more


def test_greedy_samples_parameters_that_the_best_trial_does_not_have():
    study = greedy_study(1, lambda suggest: suggest("a.n", Int(1, 3), 1), lambda value, number: 0.0)
    with quiet():
        suggest = TrialSuggest(study.ask())
    assert suggest("new.n", Int(7, 9), 7) in (7, 8, 9)


# ---- local moves


def local_study(trials, ask, loss):
    with quiet():
        study = optuna.create_study()
        default = DefaultSuggest()
        ask(default)
        study.enqueue_trial(default.params)
        for number in range(trials):
            study.sampler = Local().sampler(number)
            trial = study.ask()
            study.tell(trial, loss(ask(TrialSuggest(trial))))
    return study


def wide(suggest):
    return {
        "a.units": suggest("a.units", OneOf(16, 32, 64, 128, 256, default=64), 64),
        "a.layers": suggest("a.layers", Int(1, 9), 5),
        "a.step": suggest("a.step", Int(2, 64, log=True), 8),
        "a.type": suggest("a.type", OneOf("x", "y", "z"), "x"),
        "training.rate": suggest("training.rate", Float(1e-4, 1.0, log=True), 0.01),
        "training.drop": suggest("training.drop", Float(0.0, 1.0), 0.5),
    }


def test_local_moves_begin_near_the_default_and_widen():
    study = local_study(40, wide, lambda values: 1.0 if values == wide(DefaultSuggest()) else 2.0)
    default = study.trials[0].params

    def moved(trial):
        return [name for name, value in trial.params.items() if value != default[name]]

    first, last = study.trials[1:5], study.trials[-10:]
    assert all(len(moved(trial)) == 1 for trial in first)
    assert max(len(moved(trial)) for trial in last) >= 4
    for trial in first:
        assert trial.params["a.units"] in (32, 64, 128)
        assert abs(trial.params["a.layers"] - 5) <= 3
        assert 0.001 < trial.params["training.rate"] < 0.1
    assert {trial.params["a.type"] for trial in last} == {"x", "y", "z"}


def test_local_moves_begin_near_the_default_while_it_still_runs():
    with quiet():
        study = optuna.create_study()
        default = DefaultSuggest()
        wide(default)
        study.enqueue_trial(default.params)
        for number in range(5):
            study.sampler = Local().sampler(number)
            wide(TrialSuggest(study.ask()))
    first, *others = (trial.params for trial in study.trials)
    assert first == default.params
    assert all(sum(value != first[name] for name, value in params.items()) == 1 for params in others)
    assert len({tuple(params.values()) for params in others}) == 4


def test_local_moves_go_on_from_the_best_trial():
    study = local_study(60, wide, lambda values: abs(values["training.drop"] - 0.9) + abs(values["a.layers"] - 8))
    assert study.best_params["a.layers"] == 8
    assert abs(study.best_params["training.drop"] - 0.9) < 0.1


def test_local_moves_repeat_nothing_until_the_space_is_used_up():
    def small(suggest):
        return {"a": suggest("a.on", OneOf(True, False), True), "b": suggest("b.n", Int(1, 3), 2)}

    study = local_study(6, small, lambda values: 0.0)
    assert len({frozenset(trial.params.items()) for trial in study.trials}) == 6


# ---- pruning


def pruned_after(finished, values, epochs=EPOCHS, tuner="tpe"):
    """The epoch after which a trial with these values is pruned, or None."""
    with quiet():
        study = optuna.create_study(pruner=resolve_tuner(tuner).pruner(epochs))
        for curve in finished:
            study.add_trial(create_trial(value=min(curve), intermediate_values=dict(enumerate(curve))))
        trial = study.ask()
        for epoch, value in enumerate(values):
            trial.report(value, epoch)
            if trial.should_prune():
                return epoch
    return None


GOOD = [1.0, 0.8, 0.7, 0.6, 0.55, 0.52, 0.5, 0.49, 0.48, 0.47]
HOPELESS = [1.0] * 10


def test_the_first_trial_is_never_pruned():
    assert pruned_after([], HOPELESS) is None


def test_a_clearly_worse_trial_is_pruned_after_its_warm_up():
    assert pruned_after([GOOD], HOPELESS) == 3


def test_noise_prunes_nothing():
    noisy = [value + 0.03 * (-1) ** i for i, value in enumerate(GOOD)]
    assert pruned_after([GOOD, noisy], [value + 0.015 for value in noisy]) is None
    assert pruned_after([noisy], GOOD) is None


def test_a_better_trial_is_not_pruned():
    assert pruned_after([GOOD, GOOD], [value - 0.1 for value in GOOD]) is None


def test_a_trial_that_diverges_late_is_compared_by_its_best_value():
    assert pruned_after([GOOD], [*GOOD[:7], float("inf")]) is None


def test_a_trial_that_diverges_at_once_is_pruned():
    assert pruned_after([GOOD], [float("nan")] * 10) == 3
    assert pruned_after([[1.0, float("inf"), 0.9, 0.8, 0.7, 0.6]], [1e30] * 10) == 2


def test_what_a_trial_can_still_gain_by_the_end_of_its_own_schedule_decides():
    def pruned(planned):
        with quiet():
            study = optuna.create_study(pruner=resolve_tuner("local").pruner(EPOCHS))
            study.add_trial(create_trial(value=min(GOOD), intermediate_values=dict(enumerate(GOOD))))
            trial = study.ask()
            trial.set_user_attr(PLANNED, planned)
            for epoch, value in enumerate([1.0, 0.9, 0.85, 0.8, 0.75]):
                trial.report(value, epoch)
            return trial.should_prune()

    assert pruned(EPOCHS)  # after half of its schedule, where the other had 0.55, and gained 0.08 afterwards
    assert not pruned(16)  # after less than a third


def test_better_than_the_worst_of_many_is_not_enough():
    assert pruned_after([GOOD, GOOD, HOPELESS], [value + 0.3 for value in GOOD]) is not None


def test_trials_that_stopped_early_shorten_the_warm_up():
    assert pruned_after([GOOD], HOPELESS, epochs=1000) == 3
    assert pruned_after([GOOD[:5]], [*HOPELESS[:2], *GOOD[:3], *([0.9] * 5)]) is not None


def test_hyperband_stops_most_trials_early():
    study = search("hyperband", trials=30, epochs=9)
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert len(pruned) > 10
    assert all(trial.last_step < 8 for trial in pruned)


@pytest.mark.parametrize("epochs", [1, 2])
def test_hyperband_works_with_hardly_any_epochs(epochs):
    assert search("hyperband", trials=4, epochs=epochs).best_value < 10


# ---- quiet


def test_a_search_is_quiet_and_other_studies_still_log(capfd):
    threads = []
    handler = logging.Handler()
    handler.emit = lambda record: threads.append(record.thread)
    optuna.logging.enable_propagation()
    logging.getLogger("optuna").addHandler(handler)
    try:
        search("tpe", 7)
        assert threads == []
        with quiet():
            thread = threading.Thread(target=optuna.create_study)
            thread.start()
            thread.join()
        assert threads == [thread.ident]
        optuna.create_study()
        assert threads[-1] == threading.get_ident()
    finally:
        logging.getLogger("optuna").removeHandler(handler)
        optuna.logging.disable_propagation()
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
