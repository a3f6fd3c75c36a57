"""How the trials of a search run where the caller names no executor: this rule is the only place that decides it.

It counts, as `train.steppers` does, and never measures: the trials and their results do not depend on the load of the
machine, nor on its number of cores.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import torch

from medley.balance.balancer import ScalarBalancer
from medley.balance.choose import balancer
from medley.core import registry
from medley.core.space import Float, Int, OneOf, Space
from medley.errors import MedleyError
from medley.graph.graph import Graph
from medley.model.tasks import tasks_of
from medley.search.execute.executor import Executor
from medley.search.execute.processes import Processes
from medley.search.execute.serial import Serial
from medley.search.execute.stacked import Stacked
from medley.search.execute.task import TaskWriter
from medley.search.search_spec import ResolvedDefault, SearchSpec, resolved
from medley.search.stages import find_first_stage
from medley.search.trial import new_network
from medley.search.tuners import Tuner
from medley.train.eager import EagerStepper
from medley.train.plan import Training
from medley.train.steppers import Work
from medley.train.structure import LANE_NUMBERS, structure_of
from medley.train.threads import count_forward

WIDTH = 10
"""Maximum number of trials at a time: more lanes of a program save little."""

LIKELY_TRIALS = 20
"""Number of trials to count on where a search may end before its maximum."""

MIN_STEPS = 20_000
"""Steps of all trials below which nothing is counted: no network is small enough to pay for compiling."""

SEARCHED_NUMBERS = (*LANE_NUMBERS, "learning_rate", "weight_decay")
"""Last parts of the names of parameters in which trials that are trained together may differ."""


def width_of(
    search_spec: SearchSpec, default: ResolvedDefault, tuner: Tuner, max_trials: int, deadline: float | None
) -> int:
    """The number of trials whose values are chosen without the results of each other; 1: one after the other.

    Several, where all of this holds: there is no time limit; the tuner allows it (`Tuner.rounds`); the networks of all
    trials have the same structure, so that trials differ in numbers only; and compiling a step for all of them saves
    more time than it takes.

    Args:
        search_spec: the search specification.
        default: the resolved default.
        tuner: of the search.
        max_trials: maximum number of trials.
        deadline: of the search, or None.
    """
    trials = min(max_trials, LIKELY_TRIALS)
    width = min(WIDTH, -(-trials // tuner.rounds)) if tuner.rounds else 1
    names = [name.rpartition(".")[2] for name in default.params]
    if width == 1 or deadline is not None or not names or not set(names) <= set(SEARCHED_NUMBERS):
        return 1
    if trials * search_spec.steps < MIN_STEPS or search_spec.data.device.type != "cpu":
        return 1
    if default.plan.stepper == "eager" or find_first_stage(default.graph) is not None:
        return 1
    with torch.random.fork_rng(devices=[]):
        structure = _structure(search_spec, default.graph, default.plan)
        if structure is None:
            return 1
        try:
            others = [_structure(search_spec, *resolved(search_spec, _Extreme(place))) for place in (0, -1)]
        except MedleyError:  # values that make no network, which their trial reports
            return 1
        work = _work(search_spec, default)
    pays = default.plan.stepper == "compiled" or work.compile_pays(trials)
    return width if pays and all(other == structure for other in others) else 1


def automatic_executor(
    search_spec: SearchSpec, default: ResolvedDefault, width: int, max_trials: int
) -> tuple[Executor, str | None]:
    """The executor for a number of trials at a time, as returned by `width_of`, and what to log about it."""
    if width == 1:
        return Serial(), None
    trials = min(max_trials, LIKELY_TRIALS)
    processes = min(os.cpu_count() or 1, width // 2)
    numbers = ", ".join(default.params)
    text = f"trials differ in numbers only ({numbers}), so {width} at a time are trained together"
    overrule = 'executor="serial" trains them one by one, with the same results up to rounding and masks of dropout'
    if processes > 1 and _can_be_sent(search_spec, default):
        executor = Processes(processes, -(-width // processes), trials)
        return executor, f"{text}, in {processes} processes; {overrule}"
    return Stacked(width, trials), f"{text}; {overrule}"


class _Extreme:
    """Chooses the first (0) or the last (-1) value of each space."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        match space:
            case Int() | Float():
                return (space.low, space.high)[self._place]
            case OneOf():
                return space.choices[self._place]
        return default


def _structure(search_spec: SearchSpec, graph: Graph, plan: Training) -> Hashable:
    """The structure of a trial's training (`structure_of`); None if it cannot be trained with others."""
    eager = _eager(search_spec, graph, plan)
    is_traceable = isinstance(eager.balancer, ScalarBalancer) and eager.balancer.is_traceable
    is_trained = all(parameter.requires_grad for parameter in eager.network.parameters())
    return structure_of(eager) if is_traceable and is_trained else None


def _eager(search_spec: SearchSpec, graph: Graph, plan: Training) -> EagerStepper:
    """The stepper of a trial with new weights."""
    data = search_spec.data
    network = new_network(search_spec, graph, {source.name: source.codec.spec for source in data.sources(graph)})
    tasks = tasks_of(graph, data.targets)
    weights = [task.head.weight for task in tasks]
    task_balancer = balancer(search_spec.loss_weights, [task.name for task in tasks], head_weights=weights)
    return EagerStepper(network, tasks, task_balancer, plan, None)


def _work(search_spec: SearchSpec, default: ResolvedDefault) -> Work:
    """What a trial computes."""
    eager, rows = _eager(search_spec, default.graph, default.plan), search_spec.data.rows(default.graph)[0]
    forward = count_forward(eager.network, rows.slice(0, search_spec.batch_size))
    is_complete = all(mask is None for mask in rows.present.values())
    return Work(search_spec.batch_size, search_spec.steps, forward, len(eager.parameters), is_complete)


def _can_be_sent(search_spec: SearchSpec, default: ResolvedDefault) -> bool:
    """Whether other processes can train the trials of a search."""
    try:
        TaskWriter(search_spec)
        default.graph.to_json()
    except MedleyError:
        return False
    parts = registry.registered_elsewhere().values()
    return all(getattr(part, "__module__", "__main__") != "__main__" for part in parts)
