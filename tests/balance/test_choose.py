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
    ("loss_weights", "weights"),
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
def test_numbers_become_fixed_weights_in_the_order_of_the_outputs(loss_weights, weights):
    result = balancer(loss_weights, NAMES_OF_OUTPUTS)
    assert isinstance(result, FixedWeights)
    assert result.describe() == {"name": "fixed", "weights": weights}


def test_one_number_is_enough_for_one_output():
    assert balancer(0.25, ["digit"]).loss_weights == (0.25,)


def test_head_weights_are_multiplied():
    assert balancer([0.5, 2.0], NAMES_OF_OUTPUTS, [3.0, 0.5]).loss_weights == (1.5, 1.0)
    assert balancer("mgda", NAMES_OF_OUTPUTS, [3.0, 0.5]).loss_weights == (3.0, 0.5)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("uncertainty", UncertaintyWeights, "uncertainty"),
        ("PCGrad", JacobianDescent, "pcgrad"),
        ("imtl-g", JacobianDescent, "imtl_g"),
        ("geometric mean", Scalarization, "geometric_mean"),
        ("rlw", Scalarization, "random"),
        ("gls", Scalarization, "geometric_mean"),
    ],
)
def test_spellings_and_aliases_of_names_are_accepted(text, kind, name):
    result = balancer(text, NAMES_OF_OUTPUTS)
    assert isinstance(result, kind)
    assert result.name == name


def test_a_balancer_is_copied_so_that_trainings_share_no_state():
    original = UncertaintyWeights([1.0, 2.0])
    result = balancer(original, NAMES_OF_OUTPUTS, [1.0, 5.0])
    assert result.loss_weights == (1.0, 10.0)
    result.backward([torch.tensor(1.0), torch.tensor(2.0)], [])
    assert original.log_variance.grad is None
    assert original.loss_weights == (1.0, 2.0)


def test_the_error_for_an_unknown_method_lists_similar_and_all_names():
    with pytest.raises(ConfigError) as error:
        balancer("uncertanty", NAMES_OF_OUTPUTS)
    assert "loss_weights='uncertanty'" in str(error.value)
    assert "Did you mean 'uncertainty'?" in str(error.value)
    assert all(repr(name) in str(error.value) for name in NAMES)


@pytest.mark.parametrize(
    ("loss_weights", "messages"),
    [
        ([1.0], ["1 weights for 2 outputs", "'digit', 'answer'"]),
        (3.0, ["1 weights for 2 outputs"]),
        ([-1.0, float("nan")], ["2 errors", "'digit'", "-1.0", "'answer'", "nan"]),
        ([float("inf"), True], ["'digit'", "inf", "'answer'", "True"]),
        (["heavy", None], ["'heavy'", "None"]),
        ({"digits": 1, "answer": -2}, ["'digits', which is not an output. Did you mean 'digit'?", "got -2"]),
        ([0.0, 0.0], ["has weight zero"]),
        (object(), ["must be numbers, a dict, the name of a method or a Balancer"]),
        (FixedWeights([1.0]), ["1 weights for 2 outputs"]),
    ],
)
def test_all_errors_are_reported_at_once(loss_weights, messages):
    with pytest.raises(ConfigError) as error:
        balancer(loss_weights, NAMES_OF_OUTPUTS)
    assert all(message in str(error.value) for message in messages), str(error.value)


def test_errors_in_head_weights_and_loss_weights_are_reported_together():
    with pytest.raises(ConfigError) as error:
        balancer("pcgard", NAMES_OF_OUTPUTS, [1.0, -1.0])
    assert "loss_weight: the weight of 'answer'" in str(error.value)
    assert "Did you mean 'pcgrad'?" in str(error.value)


@pytest.mark.parametrize("method", ["geometric_mean", "famo", "uw", "imtl_l"])
def test_weights_without_effect_are_an_error(method):
    with pytest.raises(ConfigError, match=f"has no effect with '{method}'"):
        balancer(method, NAMES_OF_OUTPUTS, [1.0, 2.0])
    assert balancer(method, NAMES_OF_OUTPUTS, [1.0, 1.0]).name == method


@pytest.mark.parametrize("method", NAMES)
def test_every_name_is_built_or_says_what_to_install(method):
    if any(find_spec(solver) is None for solver in SOLVERS.get(method, ())):
        with pytest.raises(MissingDependencyError, match=r'pip install "torchjd\['):
            balancer(method, ["a", "b", "c"])
    else:
        assert balancer(method, ["a", "b", "c"]).name == method
