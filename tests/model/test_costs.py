"""What the parts of a model cost."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.model import costs as model_costs


def part_costs(model):
    return model_costs.part_costs(model.sources, model.network, model.metadata, model.device)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    north, east = rng.uniform(size=(2, 600))
    return pd.DataFrame({"north": north, "east": east, "rent": np.sin(9 * north) * np.cos(7 * east)})


def fit(table, **options):
    return md.fit(table, "rent", max_trials=1, epochs=1, verbose=0, time_limit=None, seed=0, **options)


@pytest.fixture(scope="module")
def model(table):
    return fit(table)


def test_sizes_add_up_to_the_network_and_its_files(model, tmp_path):
    costs = part_costs(model)
    assert sum(cost.parameters or 0 for cost in costs) == sum(p.numel() for p in model.network.parameters())
    model.save(tmp_path)
    weights = (tmp_path / "weights.safetensors").stat().st_size
    assert sum(cost.bytes for cost in costs if cost.parameters is not None) == pytest.approx(weights, rel=0.05)


def test_every_part_is_timed_and_codecs_are_timed_on_training_rows(model, tmp_path):
    costs = {cost.part: cost for cost in part_costs(model)}
    assert all(cost.milliseconds > 0 for cost in costs.values())
    restored = {cost.part: cost for cost in part_costs(md.load(model.save(tmp_path)))}
    assert restored["linear_path (codec)"].milliseconds == costs["linear_path (codec)"].milliseconds


def test_stored_training_rows_are_reported_and_can_be_avoided(model, table):
    assert "contains two columns and the targets of 600 training rows" in model.describe()
    lean = fit(table, local_means=False)
    assert not any(cost.stored_rows for cost in part_costs(lean))
    assert "training rows, for local means" not in lean.describe()
    size = {name: sum(cost.bytes for cost in part_costs(each)) for name, each in (("with", model), ("without", lean))}
    assert size["with"] > size["without"] + 600 * 2 * 4


def test_a_table_that_is_absent_in_all_rows_is_predicted_although_there_are_local_means(model):
    empty = pd.DataFrame({"north": [None, None], "east": [None, None]}, dtype=float)
    assert np.isfinite(model.predict(empty)["rent"]).all()
