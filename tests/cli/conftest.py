"""A small table and a model of it, for the verbs that need one."""

import numpy as np
import pandas as pd
import pytest

import medley as md


def pets(rows=60):
    rng = np.random.default_rng(0)
    age, kind = rng.normal(8, 3, rows), rng.choice(["cat", "dog"], rows)
    breed = np.where(age + rng.normal(size=rows) > 8, "old", "young")
    return pd.DataFrame({"age": age, "kind": kind, "breed": breed, "price": 100 * age + rng.normal(0, 50, rows)})


@pytest.fixture(scope="session")
def pets_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pets")
    model = md.fit(
        pets(), ["breed", "price"], max_trials=1, epochs=2, directory=folder, project_name="search", verbose=0
    )
    return model.save(folder / "model")


@pytest.fixture
def pets_csv(tmp_path):
    pets().to_csv(tmp_path / "pets.csv", index=False)
    return tmp_path / "pets.csv"
