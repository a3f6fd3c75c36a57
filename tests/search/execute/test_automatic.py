"""A search chooses by itself whether its trials are trained together, and tries and finds the same either way."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.utils._pytree import tree_flatten, tree_unflatten

from medley.auto.automodel import AutoModel
from medley.auto.training_rows import training_parts
from medley.core.space import Float
from medley.errors import SearchError
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.search.budget import Budget
from medley.search.execute import automatic
from medley.search.execute.processes import Processes
from medley.search.execute.serial import Serial
from medley.search.execute.stacked import Stacked
from medley.search.tuners import Local, Tuner
from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.train import compiled, stacked
from medley.train.plan import Training

LONG = 10_000
"""Epochs of a search that is long enough to pay for compiling."""


class Custom(Tuner):
    """A tuner of a user's own, which does not say that it knows about rounds."""

    def sampler(self, seed):
        return Local().sampler(seed)

    def pruner(self, epochs):
        return Local().pruner(epochs)


@pytest.fixture
def eager_alone(monkeypatch):
    """All trainings are long enough; steps of trainings without lanes are eager in this process."""

    def refuse(step, *arguments):
        raise NotImplementedError("not in this test")

    monkeypatch.setattr(automatic, "MIN_STEPS", 0)
    monkeypatch.setattr(compiled, "compile_step", refuse)


@pytest.fixture
def uncompiled(eager_alone, monkeypatch):
    """Steps of lanes are not compiled either."""

    def compile_step(step, *arguments):
        spec = tree_flatten(arguments)[1]
        return lambda *leaves: step(*tree_unflatten(list(leaves), spec))

    monkeypatch.setattr(stacked, "compile_step", compile_step)


def rows():
    values = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    return values, [(values[:, 1] > 0).astype(int), values[:, 0] * 2 + values[:, 3]]


def model(folder, trials=6, tuner="random", units=8, stepper="auto", **options):
    x = Input(name="x")
    node = DenseBlock(num_layers=1, num_units=units, use_batchnorm=False, dropout=0)(x)
    weight = Float(0.1, 1.0, default=1.0)
    heads = [
        ClassificationHead(name="kind", dropout=0, loss_weight=weight)(node),
        RegressionHead(name="size", dropout=0)(node),
    ]
    training = Training(batch_size=16, learning_rate=Float(1e-4, 1e-1, log=True, default=3e-3), stepper=stepper)
    return AutoModel([x], heads, "project", trials, folder, tuner=tuner, seed=1, training=training, **options)


def prepared(folder, epochs=LONG, **options):
    """The study of a search, before it begins, and its width."""
    auto = model(folder, **options)
    x, y = rows()
    parts = training_parts(auto.graph, x, y, None, 0.2, None, 0)
    plan = replace(auto.training, epochs=epochs, batch_size=16)
    budget = Budget.start(auto.time_limit)
    search_spec = auto._search_spec(*parts, plan, None, None, {}, budget)
    study = auto._prepare(search_spec, (), 0, budget, None, {}, None, resume=False)
    study.store.end()
    limits = study.limits
    width = automatic.width_of(study.search_spec, study.default, study.tuner, limits.max_trials, limits.deadline)
    return study, width


def trials_of(auto):
    return {trial.number: trial for trial in auto._trials()}


@pytest.mark.parametrize("tuner", ["random", "local"])
def test_a_search_in_stacks_is_the_serial_search(tuner, tmp_path, uncompiled, monkeypatch, capsys):
    monkeypatch.setattr(automatic.os, "cpu_count", lambda: 1)
    lanes, program = [], stacked.Stack._program

    def counted(stack, structure, members):
        lanes.append(len(members))
        return program(stack, structure, members)

    monkeypatch.setattr(stacked.Stack, "_program", counted)
    searches = {}
    for executor in (None, "serial"):
        auto = model(tmp_path / str(executor), tuner=tuner, stepper="compiled", trials=8)
        auto.fit(*rows(), epochs=4, verbose=1, executor=executor)
        searches[executor] = auto
        output = capsys.readouterr().out
        assert ("trained together" in output and 'executor="serial"' in output) == (executor is None)
    assert max(lanes) == {"random": 4, "local": 2}[tuner]
    together, alone = trials_of(searches[None]), trials_of(searches["serial"])
    assert together.keys() == alone.keys()
    for number, trial in together.items():
        assert trial.params == pytest.approx(alone[number].params, rel=1e-3)
        assert trial.state == alone[number].state
        assert trial.score == pytest.approx(alone[number].score, rel=5e-3)
    np.testing.assert_allclose(
        searches[None].predict(rows()[0])[1], searches["serial"].predict(rows()[0])[1], atol=0.05
    )


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("it is too short", {"epochs": 10}),
        ("networks differ in shape", {"units": None}),
        ("there is one trial", {"trials": 1}),
        ("there is a time limit", {"time_limit": "10m"}),
        ("the tuner is of a user's own", {"tuner": Custom}),
        ("pruning reads trials that run", {"tuner": "hyperband"}),
        ("gradients are combined", {"loss_weights": "pcgrad"}),
        ("steps are to be eager", {"stepper": "eager"}),
    ],
)
def test_trials_run_one_by_one_where(reason, options, tmp_path):
    assert prepared(tmp_path, **options)[1] == 1


def test_the_rule_counts_trials_steps_and_cores(tmp_path, monkeypatch):
    study, width = prepared(tmp_path, trials=20)
    assert width == 10
    for cores, kind, workers in [(1, Stacked, 10), (2, Processes, 10), (64, Processes, 10)]:
        monkeypatch.setattr(automatic.os, "cpu_count", lambda cores=cores: cores)
        executor, message = automatic.automatic_executor(study.search_spec, study.default, width, 20)
        assert (type(executor), executor.workers) == (kind, workers)
        assert 'executor="serial"' in message
        assert "training.learning_rate" in message
    executor, message = automatic.automatic_executor(study.search_spec, study.default, 1, 20)
    assert (type(executor), message) == (Serial, None)
    assert prepared(tmp_path / "local", trials=20, tuner="local")[1] == 5
    assert prepared(tmp_path / "few", trials=3, tuner="local")[1] == 1


def test_a_search_in_stacks_whose_trials_all_fail_says_why(tmp_path, uncompiled, monkeypatch):
    monkeypatch.setattr(automatic.os, "cpu_count", lambda: 1)
    auto = model(tmp_path, stepper="compiled", max_model_size=10)
    with pytest.raises(SearchError, match="Oversized model"):
        auto.fit(*rows(), epochs=2, verbose=0)


@pytest.mark.slow
def test_stacks_in_two_processes_are_the_serial_search(tmp_path, monkeypatch, capsys):
    """Compiled for real, in each of the processes."""
    monkeypatch.setattr(automatic, "MIN_STEPS", 0)
    monkeypatch.setattr(automatic.os, "cpu_count", lambda: 2)
    auto = model(tmp_path / "two", stepper="compiled", trials=8)
    auto.fit(*rows(), epochs=3, verbose=1)
    output = capsys.readouterr().out
    assert "in 2 processes" in output
    assert "not trained together" not in output
    alone = model(tmp_path / "serial", stepper="compiled", trials=8)
    alone.fit(*rows(), epochs=3, verbose=0, executor="serial")
    expected = trials_of(alone)
    for number, trial in trials_of(auto).items():
        assert trial.params == expected[number].params
        assert trial.state == expected[number].state
        assert trial.score == pytest.approx(expected[number].score, rel=5e-3)


DRIVER = """
import sys
sys.path.insert(0, {tests!r})
from test_automatic import model, rows
from medley.search.execute.processes import Processes
auto = model({folder!r}, stepper="compiled", trials=8)
options = {{"executor": Processes(1, lanes=2), "callbacks": [lambda record: print(record.epoch, flush=True)]}}
auto.fit(*rows(), epochs=60, verbose=0, **options)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stacks_that_end_early_are_continued_by_the_next_search(tmp_path, eager_alone, number, capsys):
    """The process notices that the search is gone, and writes the states of its lanes."""
    code = DRIVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    for _ in range(20):  # epochs, of two trials
        assert driver.stdout.readline(), driver.communicate()[1]
    driver.send_signal(number)
    driver.communicate(timeout=60)
    auto = model(tmp_path, stepper="compiled", trials=8)
    auto.fit(*rows(), epochs=60, verbose=1, executor="serial")
    assert "is resumed in epoch" in capsys.readouterr().out
    assert sorted(trials_of(auto)) == list(range(8))
    assert {trial.state for trial in trials_of(auto).values()} <= {"complete", "pruned"}
