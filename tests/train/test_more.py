"""A saved model is trained further, on new rows."""

import numpy as np
import pytest
import torch

import medley as md
from medley.errors import ConfigError, DataError


def rows(size, seed, slope=3.0):
    rng = np.random.default_rng(seed)
    size_, kind = rng.normal(size=size), rng.choice(["a", "b"], size)
    label = np.where(size_ + rng.normal(scale=0.3, size=size) > 0, "big", "small")
    return {"size": size_, "kind": kind, "price": slope * size_ + (kind == "a"), "label": label}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    options = {
        "max_trials": 1,
        "epochs": 2,
        "verbose": 0,
        "directory": tmp_path_factory.mktemp("p"),
        "time_limit": None,
    }
    return md.fit(rows(200, 0), ["price", "label"], **options)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def test_it_learns_what_is_new_and_the_model_before_stays(fitted, tmp_path):
    before, new = weights(fitted), rows(300, 1, slope=-3.0)
    again = md.load(fitted.save(tmp_path / "m"))
    trained = again.fit_more(new, epochs=20, learning_rate=3e-2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(again).items())
    old, later = again.evaluate(new), trained.evaluate(new)
    assert later["price_loss"] < 0.5 * old["price_loss"]
    entry = trained.metadata["fit_more"][0]
    assert entry["rows"] == 300
    assert entry["loss_after"] < entry["loss_before"]
    loaded = md.load(trained.save(tmp_path / "n"))
    assert loaded.predict(new).equals(trained.predict(new))
    assert len(loaded.fit_more(new, epochs=1).metadata["fit_more"]) == 2


def test_it_is_never_worse_on_the_validation_rows_and_reproducible(fitted):
    new = rows(80, 2)
    first, second = (fitted.fit_more(new, epochs=2, learning_rate=5.0) for _ in range(2))
    assert first.metadata["fit_more"][0]["loss_after"] <= first.metadata["fit_more"][0]["loss_before"]
    assert all(torch.equal(tensor, weights(second)[name]) for name, tensor in weights(first).items())


def test_a_target_without_a_column_keeps_its_head(fitted):
    new = {name: values for name, values in rows(80, 3).items() if name != "label"}
    with pytest.warns(UserWarning, match="no column 'label'"):
        trained = fitted.fit_more(new, epochs=1)
    assert trained.metadata["fit_more"][0]["epochs"] == 1


def test_a_new_category_counts_as_unseen_and_a_new_label_is_refused(fitted):
    new = rows(80, 4)
    new["kind"] = np.where(new["kind"] == "a", "c", "b")
    assert fitted.fit_more(new, epochs=1).metadata["fit_more"]
    new["label"] = np.where(new["label"] == "big", "huge", "small")
    with pytest.raises(DataError, match=r"'huge' in row .* was not among the training labels"):
        fitted.fit_more(new, epochs=1)


def test_arguments_are_checked_together(fitted):
    with pytest.raises(ConfigError) as error:
        fitted.fit_more(rows(20, 5), epochs=0, validation_split=2.0, learning_rate=-1.0)
    assert all(word in str(error.value) for word in ("epochs", "validation_split", "learning_rate"))
