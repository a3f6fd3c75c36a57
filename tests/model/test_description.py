"""Descriptions of models as text."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.model.description import Section


def test_columns_are_aligned_and_gaps_are_empty():
    text = str(Section("ages", ("name", "years"), [("Ann", 7), ("Bartholomew", None)], right=("years",), lines=("!",)))
    assert text.splitlines() == ["ages", "name         years", "Ann              7", "Bartholomew", "!"]


def test_a_model_of_a_table_describes_columns_tasks_leaks_and_scores(tmp_path):
    rng = np.random.default_rng(0)
    size = rng.normal(5, 2, 80).round(3)
    kind = np.where(size > 5, "large", "small")
    table = pd.DataFrame({"size": size, "code": np.where(size > 5, "L", "S"), "kind": kind})
    with pytest.warns(UserWarning, match="determines the target 'kind'"):
        model = md.fit(table, "kind", max_trials=1, epochs=1, verbose=0, device="cpu", directory=tmp_path)
    text = model.describe()
    assert model.summary() in text
    assert "warning: column 'code' determines the target 'kind'" in text
    for word in ("size", "binary", "2 classes: 'large', 'small'", "accuracy", "learning rate"):
        assert word in text


def test_a_model_of_the_graph_api_describes_inputs_and_outputs(tmp_path):
    auto = md.AutoModel(md.Input(name="x"), md.RegressionHead(name="y"), max_trials=1, seed=0, directory=tmp_path)
    x = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    auto.fit(x, x[:, 0], epochs=1, verbose=0)
    text = auto.export_model().describe()
    assert "outputs\noutput  head            predicts\ny       RegressionHead  a number" in text
    assert "columns" not in text
