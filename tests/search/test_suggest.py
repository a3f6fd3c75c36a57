"""Values for unset fields, from a trial or from the defaults."""

import json

import numpy as np
import optuna
import pytest

from medley.core.block import DataSummary
from medley.core.choice import Choice, Identity
from medley.core.input import InputBlock
from medley.core.resolve import resolve, take_default
from medley.core.space import Float, Int, OneOf, Space
from medley.core.spec import vector
from medley.search.suggest import DefaultSuggest, TrialSuggest, labels
from medley.search.tuners import resolve_tuner

SPACES = {
    "layers": Int(1, 4),
    "steps": Int(16, 60, step=16),
    "logged": Int(1, 1000, log=True, default=10),
    "grid": Int(16, 512, step=16, log=True),
    "rate": Float(1e-4, 1e-1, log=True, default=1e-3),
    "dropout": OneOf(0.0, 0.25, 0.5, default=0.25),
    "batchnorm": OneOf(False, True),
    "kind": OneOf("lstm", "gru", default="gru"),
    "mixed": OneOf(False, 0, "0", default=0),
    "window": OneOf((2, 2), (3, 3), default=(3, 3)),
    "scalar": OneOf(np.int64(3), np.int64(5)),
    "one": OneOf("only"),
    "block": OneOf("none", Choice([Identity()]), Choice([Identity()]), Identity(name="skip")),
}


def new_study(tuner="random", **settings):
    return optuna.create_study(sampler=resolve_tuner(tuner).sampler(0), **settings)


def ask_all(suggest, spaces=SPACES):
    return {name: suggest(name, space, space.default) for name, space in spaces.items()}


@pytest.fixture(autouse=True)
def _silence():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


def test_every_suggestion_is_a_member_of_its_space():
    study = new_study()
    for _ in range(40):
        trial = study.ask()
        for name, value in ask_all(TrialSuggest(trial)).items():
            assert value in SPACES[name], name
        study.tell(trial, 1.0)


def test_all_choices_are_reached():
    study = new_study()
    choices = set()
    for _ in range(40):
        trial = study.ask()
        values = ask_all(TrialSuggest(trial))
        choices |= {(name, type(values[name]), str(values[name]), id(values[name])) for name in ("mixed", "block")}
        study.tell(trial, 1.0)
    assert len([choice for choice in choices if choice[0] == "mixed"]) == 3
    assert len([choice for choice in choices if choice[0] == "block"]) == 4


def test_the_same_name_gets_the_same_value():
    study = new_study()
    for _ in range(5):
        suggest = TrialSuggest(study.ask())
        assert ask_all(suggest) == ask_all(suggest)


def test_labels_of_blocks_are_the_same_in_every_process():
    assert labels(SPACES["block"]) == ["none", "Choice", "Choice#2", "skip"]
    assert labels(SPACES["mixed"]) == ["False", "0", "0#2"]
    assert labels(OneOf(len, dict, object())) == ["len", "dict", "object"]
    assert json.loads(json.dumps(labels(SPACES["scalar"]))) == ["3", "5"]


def test_params_are_the_chosen_values_as_json():
    study = new_study()
    for _ in range(10):
        suggest = TrialSuggest(study.ask())
        values = ask_all(suggest)
        assert json.loads(json.dumps(suggest.params)) == suggest.params
        assert {n: v for n, v in suggest.params.items() if n in ("grid", "rate", "kind", "batchnorm")} == {
            n: values[n] for n in ("grid", "rate", "kind", "batchnorm")
        }


def test_enqueued_defaults_are_suggested():
    defaults = DefaultSuggest()
    expected = ask_all(defaults)
    assert expected == {name: space.default for name, space in SPACES.items()}
    study = new_study("tpe")
    study.enqueue_trial(defaults.params)
    suggest = TrialSuggest(study.ask())
    assert ask_all(suggest) == expected
    assert suggest.params == defaults.params


def test_the_first_default_of_a_name_is_returned_again():
    suggest = DefaultSuggest()
    assert suggest("units", Int(1, 64), 32) == 32
    assert suggest("units", Int(1, 64), 8) == 32


def test_a_fixed_trial_is_supported():
    suggest = TrialSuggest(optuna.trial.FixedTrial({"layers": 3, "kind": "gru"}))
    assert suggest("layers", SPACES["layers"], 1) == 3
    assert suggest("kind", SPACES["kind"], "lstm") == "gru"


class Rows(InputBlock):
    def codec(self):
        raise NotImplementedError

    def default_block(self):
        raise NotImplementedError


def settle(suggest):
    rows = Rows()
    choice = Choice([Identity(), Choice([Identity(), Choice([Identity()])])])
    output = choice(rows)
    resolve([output], {id(choice): "top", id(rows): "rows"}, lambda node: vector(3), suggest, DataSummary(rows=10))
    return suggest.params


def test_a_resolved_graph_with_blocks_to_choose_repeats_its_defaults():
    defaults = settle(DefaultSuggest())
    assert defaults == {"top.options": "Identity"}
    study = new_study("tpe")
    study.enqueue_trial(defaults)
    assert settle(TrialSuggest(study.ask())) == defaults
    graphs = set()
    for _ in range(12):
        trial = study.ask()
        graphs.add(frozenset(settle(TrialSuggest(trial)).items()))
        study.tell(trial, 1.0)
    assert len(graphs) == 3


def changing(number: int) -> dict[str, Space]:
    """Ranges, choices, kinds and names that depend on the trial."""
    return {
        "width": Int(1 + number % 3, 4 + 5 * (number % 4)),
        "units": OneOf(*range(2 + number % 4)),
        "rate": Float(0.1, 1.0, log=number % 2 == 0),
        "kind": OneOf("a", "b") if number % 3 else Int(3, 9),
        **({"extra": OneOf("x", "y", f"z{number}")} if number % 5 else {}),
    }


@pytest.mark.parametrize("tuner", ["random", "greedy", "tpe", "hyperband", "bayesian"])
def test_a_graph_that_changes_between_trials_is_searched_without_a_crash(tuner):
    study = new_study(tuner, pruner=resolve_tuner(tuner).pruner(4))
    first = DefaultSuggest()
    ask_all(first, changing(1))  # enqueued for a graph that will have changed
    study.enqueue_trial(first.params)
    for number in range(14):
        trial = study.ask()
        spaces = changing(number)
        values = ask_all(TrialSuggest(trial), spaces)
        assert all(values[name] in space for name, space in spaces.items())
        trial.report(number % 4, 0)
        trial.should_prune()
        study.tell(trial, number % 4)


def test_take_default_and_default_suggest_agree():
    assert ask_all(DefaultSuggest()) == ask_all(take_default)
