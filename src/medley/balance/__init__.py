"""Balancing of task losses: fixed weights, learned weights, or Jacobian descent."""

from medley.balance.balancer import Balancer, ScalarBalancer
from medley.balance.choose import NAMES, balancer
from medley.balance.dwa import DynamicWeightAverage
from medley.balance.famo import FastAdaptiveMultitask
from medley.balance.fixed import FixedWeights
from medley.balance.jacobian import JacobianDescent
from medley.balance.scalarize import Scalarization
from medley.balance.uncertainty import UncertaintyWeights

__all__ = [
    "NAMES",
    "Balancer",
    "DynamicWeightAverage",
    "FastAdaptiveMultitask",
    "FixedWeights",
    "JacobianDescent",
    "ScalarBalancer",
    "Scalarization",
    "UncertaintyWeights",
    "balancer",
]
