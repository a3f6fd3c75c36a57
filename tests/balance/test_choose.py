from importlib.util import find_spec

import numpy as np
import pytest
import torch

from medley.balance import NAMES, FixedWeights, JacobianDescent, Scalarization, UncertaintyWeights, balancer
from medley.errors import ConfigError, MissingDependencyError

NAMES_OF_OUTPUTS = ["digit", "answer"]
QUADPROG, CVXPY = ("qpsolvers", "quadprog"), ("cvxpy", "clarabel", "ecos")
SOLVERS = {"upgrad": QUADPROG, "dualproj": QUADPROG, "cagrad": CVXPY[:2], "nash_mtl": (CVXPY[0], CVXPY[2])}


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        (None, [1.0, 1.0]),
        ([0.5, 0.6], [0.5, 0.6]),
        ((1, 0), [1.0, 0.0]),
        (np.array([0.5, 2.0], dtype=np.float32), [0.5, 2.0]),
        ({"answer": 0.5}, [1.0, 0.5]),
        ({"answer": 0.5, "digit": 2}, [2.0, 0.5]),
        ({}, [1.0, 1.0]),
    ],
)
def test_numbers_become_fixed_weights_in_the_order_of_the_outputs(given, weights):
    chosen = balancer(given, NAMES_OF_OUTPUTS)
    assert isinstance(chosen, FixedWeights)
    assert chosen.describe() == {"name": "fixed", "weights": weights}


def test_one_number_is_enough_for_one_output():
    assert balancer(0.25, ["digit"]).loss_weights == (0.25,)


def test_the_heads_own_weights_multiply():
    assert balancer([0.5, 2.0], NAMES_OF_OUTPUTS, [3.0, 0.5]).loss_weights == (1.5, 1.0)
    assert balancer("mgda", NAMES_OF_OUTPUTS, [3.0, 0.5]).loss_weights == (3.0, 0.5)


@pytest.mark.parametrize(
    ("word", "kind", "name"),
    [
        ("uncertainty", UncertaintyWeights, "uncertainty"),
        ("PCGrad", JacobianDescent, "pcgrad"),
        ("imtl-g", JacobianDescent, "imtl_g"),
        ("geometric mean", Scalarization, "geometric_mean"),
        ("rlw", Scalarization, "random"),
        ("gls", Scalarization, "geometric_mean"),
    ],
)
def test_names_are_read_with_some_tolerance(word, kind, name):
    chosen = balancer(word, NAMES_OF_OUTPUTS)
    assert isinstance(chosen, kind)
    assert chosen.name == name


def test_a_balancer_is_copied_so_that_two_trainings_do_not_share_what_they_learn():
    mine = UncertaintyWeights([1.0, 2.0])
    chosen = balancer(mine, NAMES_OF_OUTPUTS, [1.0, 5.0])
    assert chosen.loss_weights == (1.0, 10.0)
    chosen.backward([torch.tensor(1.0), torch.tensor(2.0)], [])
    assert mine.log_variance.grad is None
    assert mine.loss_weights == (1.0, 2.0)


def test_a_misspelt_method_is_answered_with_the_nearest_and_with_all():
    with pytest.raises(ConfigError) as told:
        balancer("uncertanty", NAMES_OF_OUTPUTS)
    assert "loss_weights='uncertanty'" in str(told.value)
    assert "Did you mean 'uncertainty'?" in str(told.value)
    assert all(repr(name) in str(told.value) for name in NAMES)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([1.0], ["1 weights for 2 outputs", "'digit', 'answer'"]),
        (3.0, ["1 weights for 2 outputs"]),
        ([-1.0, float("nan")], ["2 errors", "'digit'", "-1.0", "'answer'", "nan"]),
        ([float("inf"), True], ["'digit'", "inf", "'answer'", "True"]),
        (["heavy", None], ["'heavy'", "None"]),
        ({"digits": 1, "answer": -2}, ["'digits', which is no output. Did you mean 'digit'?", "got -2"]),
        ([0.0, 0.0], ["weighs zero"]),
        (object(), ["must be numbers, a dict, the name of a method or a Balancer"]),
        (FixedWeights([1.0]), ["1 weights for 2 outputs"]),
    ],
)
def test_every_error_is_told_at_once(given, words):
    with pytest.raises(ConfigError) as told:
        balancer(given, NAMES_OF_OUTPUTS)
    assert all(word in str(told.value) for word in words), str(told.value)


def test_errors_in_the_heads_weights_are_told_beside_those_in_loss_weights():
    with pytest.raises(ConfigError) as told:
        balancer("pcgard", NAMES_OF_OUTPUTS, [1.0, -1.0])
    assert "loss_weight: the weight of 'answer'" in str(told.value)
    assert "Did you mean 'pcgrad'?" in str(told.value)


@pytest.mark.parametrize("method", ["geometric_mean", "famo", "uw", "imtl_l"])
def test_weights_are_not_dropped_in_silence(method):
    with pytest.raises(ConfigError, match=f"has no effect under '{method}'"):
        balancer(method, NAMES_OF_OUTPUTS, [1.0, 2.0])
    assert balancer(method, NAMES_OF_OUTPUTS, [1.0, 1.0]).name == method


@pytest.mark.parametrize("method", NAMES)
def test_every_name_is_known_and_either_built_or_refused_with_the_way_out(method):
    if any(find_spec(solver) is None for solver in SOLVERS.get(method, ())):
        with pytest.raises(MissingDependencyError, match=r'pip install "torchjd\['):
            balancer(method, ["a", "b", "c"])
    else:
        assert balancer(method, ["a", "b", "c"]).name == method
