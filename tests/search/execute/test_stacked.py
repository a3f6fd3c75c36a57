"""Trials that are trained together: the search tries the same values and gets the same scores."""

import numpy as np
import pytest

from medley.auto.automodel import AutoModel
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.train import stacked as train_stacked
from medley.train.plan import Training


def searched(folder, stepper="eager", **options):
    x = Input(name="x")
    node = DenseBlock(num_layers=1, num_units=8, use_batchnorm=False, dropout=0)(x)
    heads = [ClassificationHead(name="kind", dropout=0)(node), RegressionHead(name="size", dropout=0)(node)]
    training = Training(stepper=stepper, schedule="constant", batch_size=16)
    auto = AutoModel([x], heads, "project", 4, folder, tuner="random", seed=1, training=training)
    values = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    y = [(values[:, 1] > 0).astype(int), values[:, 0] * 2 + values[:, 3]]
    auto.fit(values, y, epochs=3, verbose=0, **options)
    return auto, values


@pytest.mark.slow
def test_a_stacked_search_is_the_serial_one(tmp_path, monkeypatch):
    programs = []

    class Program(train_stacked._StackedProgram):
        def step(self, members):
            programs.append(len(members))
            super().step(members)

    monkeypatch.setattr(train_stacked, "_StackedProgram", Program)
    together, x = searched(tmp_path / "stacked", "compiled", executor="stacked", workers=3)
    alone, _ = searched(tmp_path / "serial")
    assert max(programs) == 3
    for one, other in zip(together._trials(), alone._trials(), strict=True):
        assert one.params == other.params
    trials = {trial.number: trial for trial in alone._trials()}
    for trial in together._trials():
        if trial.state == trials[trial.number].state == "complete":
            assert trial.score == pytest.approx(trials[trial.number].score, rel=2e-3)
    np.testing.assert_allclose(together.predict(x)[1], alone.predict(x)[1], rtol=0.02, atol=0.02)
