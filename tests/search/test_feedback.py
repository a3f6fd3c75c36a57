"""What a tuner knows of other trials does not depend on the order in which they end."""

import optuna
import pytest

from medley.search.feedback import Feedback


class Seen(optuna.pruners.BasePruner):
    def __init__(self):
        self.complete = []

    def prune(self, study, trial):
        states = (optuna.trial.TrialState.COMPLETE,)
        self.complete.append([other.number for other in study.get_trials(deepcopy=False, states=states)])
        return len(self.complete) > 1


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(pruner=Seen())


def complete(study):
    states = (optuna.trial.TrialState.COMPLETE,)
    return [trial.number for trial in study.get_trials(states=states)]


def test_each_trial_knows_those_that_are_a_width_before_it(study):
    feedback = Feedback(study, 3)
    trials = [feedback.ask(number) for number in range(3)]
    assert not feedback.may_begin(3, [0, 1, 2])
    assert not feedback.may_begin(3, [0, 2])
    for number in (1, 0):  # they end in another order
        feedback.tell(number, trials[number], 1.0, optuna.trial.TrialState.COMPLETE)
    assert complete(study) == []
    assert feedback.may_begin(3, [2])
    trials.append(feedback.ask(3))
    assert complete(study) == [0]
    assert feedback.knows(3, 0)
    assert not feedback.knows(3, 1)
    # Trial 2, which began before, is pruned as if nothing were known of trial 0.
    assert not feedback.should_prune(2, trials[2])
    assert feedback.should_prune(3, trials[3])
    assert study.pruner.complete == [[], [0]]


def test_without_a_width_results_are_known_at_once(study):
    feedback = Feedback(study, None)
    first, second = feedback.ask(0), feedback.ask(1)
    feedback.tell(1, second, 1.0, optuna.trial.TrialState.COMPLETE)
    assert complete(study) == [1]
    assert feedback.may_begin(9, [0])
    assert not feedback.should_prune(0, first)
    assert study.pruner.complete == [[1]]
