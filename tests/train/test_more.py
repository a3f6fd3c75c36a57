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


# classes that are added

GRADES = ["low", "mid", "high"]


def labelled_rows(size, seed, classes):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 3)).astype("float32")
    codes = np.clip(((x[:, 0] + 1.5) / 3 * len(classes)).astype(int), 0, len(classes) - 1)
    labels = np.array(classes, dtype=object)[codes]
    tags = [[label for label, value in zip(classes, row, strict=False) if value > 0] for row in x]
    return {"x": x}, {"kind": labels.tolist(), "grade": (codes * 2).tolist(), "tags": tags, "size": x[:, 0] * 2}


def learner(classes, make_model, block=None, linear=True):
    """A model of every kind of target with classes, and of a number."""
    node = x = md.Input(name="x")
    if block is not None:
        node = block(x)
    inputs = [node, md.LinearPath()(x)] if linear else node
    heads = [
        md.ClassificationHead(name="kind", dropout=0.0),
        md.OrderedHead(name="grade", dropout=0.0),
        md.ClassificationHead(name="tags", multi_label=True, dropout=0.0),
        md.RegressionHead(name="size", dropout=0.0),
    ]
    return make_model(x, [head(inputs) for head in heads], *labelled_rows(120, 0, classes))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("linear", [True, False])
def test_added_classes_are_learned_and_the_others_stay(make_model, tmp_path, count, linear):
    model = learner(GRADES[:count], make_model, linear=linear)
    x, y = labelled_rows(300, 1, [*GRADES[:count], "top"])
    with pytest.raises(DataError, match=r"'top' in row .* new_classes=\"add\""):
        model.fit_more(x, y)
    trained = model.fit_more(x, y, new_classes="add", epochs=15, learning_rate=3e-2)
    added = {"kind": ["top"], "grade": [count * 2], "tags": ["top"][: count < 3]}
    assert trained.metadata["fit_more"][-1]["new_classes"] == {name: labels for name, labels in added.items() if labels}
    assert trained.labels("grade") == [*range(0, count * 2, 2), count * 2]
    assert trained.evaluate(x, y)["kind_accuracy"] > 0.6
    frequency = np.mean([label == "top" for label in y["kind"]])
    assert trained.predict_proba(x)["kind"][:, -1].mean() == pytest.approx(frequency, abs=0.1)
    again = md.load(trained.save(tmp_path / "m"))
    for name, raw in trained.predict_raw(x).items():
        np.testing.assert_array_equal(again.predict_raw(x)[name], raw)


def test_before_training_a_grown_model_predicts_as_it_did_among_its_classes(make_model):
    from medley.model.growing import add_classes

    model = learner(GRADES, make_model)
    model.metadata["rows"] = {"train": 300, "held_out": 0}
    x, y = labelled_rows(100, 1, GRADES)
    y = {"kind": ["a"] * 100, "grade": [7] * 50 + [4] * 50, "tags": [["low", "a"]] * 100, "size": y["size"]}
    grown, added = add_classes(model, x, y)
    assert added == {"kind": ["a"], "grade": [7], "tags": ["a"]}
    before, after = model.predict_proba(x), grown.predict_proba(x)
    np.testing.assert_allclose(after["size"], before["size"], rtol=1e-5)
    kept = after["kind"][:, 1:]
    np.testing.assert_allclose(kept / kept.sum(1, keepdims=True), before["kind"], atol=1e-6)
    np.testing.assert_allclose(after["kind"][:, 0].mean(), 100 / 400, atol=0.02)
    np.testing.assert_allclose(after["tags"][:, 1:], before["tags"], atol=1e-6)
    np.testing.assert_allclose(after["tags"][:, 0], 100 / 400, atol=1e-6)
    np.testing.assert_allclose(after["grade"][:, :2], before["grade"][:, :2], atol=1e-6)
    np.testing.assert_allclose(after["grade"][:, 2:].sum(1), before["grade"][:, 2], atol=1e-6)
    prior = grown.targets["kind"].probabilities(grown.targets["kind"].prior[None])[0]
    np.testing.assert_allclose(prior[0], 100 / 400, atol=1e-6)
    np.testing.assert_allclose(prior.sum(), 1, atol=1e-6)


def test_a_grown_model_grows_again(make_model, tmp_path):
    model = learner(GRADES[:2], make_model)
    x, y = labelled_rows(200, 1, GRADES)
    once = md.load(model.fit_more(x, y, new_classes="add", epochs=2).save(tmp_path / "once"))
    later = {**y, "kind": ["a", *y["kind"][1:]], "grade": [1, *y["grade"][1:]], "tags": [["a"], *y["tags"][1:]]}
    twice = once.fit_more(x, later, new_classes="add", epochs=1, learning_rate=1e-9)
    assert twice.labels("kind") == ["a", "high", "low", "mid"]
    assert twice.labels("grade") == [0, 1, 2, 4]
    columns = [twice.labels("tags").index(label) for label in once.labels("tags")]
    np.testing.assert_allclose(twice.predict_proba(x)["tags"][:, columns], once.predict_proba(x)["tags"], atol=1e-4)
    kept = twice.predict_proba(x)["kind"][:, 1:]
    np.testing.assert_allclose(kept / kept.sum(1, keepdims=True), once.predict_proba(x)["kind"], atol=1e-4)
    again = md.load(twice.save(tmp_path / "twice"))
    np.testing.assert_array_equal(again.predict_raw(x)["grade"], twice.predict_raw(x)["grade"])
    assert once.fit_more(x, y, new_classes="add", epochs=1).metadata["fit_more"][-1].get("new_classes") is None


def test_an_ensemble_learns_added_classes(make_model, tmp_path):
    model = learner(GRADES[:2], make_model, md.DenseEnsembleBlock(members=5, num_layers=1, num_units=8))
    x, y = labelled_rows(200, 1, GRADES)
    trained = model.fit_more(x, y, new_classes="add", epochs=8, learning_rate=3e-2)
    assert trained.evaluate(x, y)["kind_accuracy"] > 0.6
    again = md.load(trained.save(tmp_path / "m"))
    np.testing.assert_array_equal(again.predict_raw(x)["kind"], trained.predict_raw(x)["kind"])


def test_classes_of_columns_cannot_be_added(make_model):
    x = md.Input(name="x")
    model = make_model(x, md.ClassificationHead(name="y")(x), {"x": np.eye(6)}, {"y": np.eye(3)[[0, 1, 2, 0, 1, 2]]})
    with pytest.raises(DataError, match=r"shape \(B, 3\)"):
        model.fit_more(np.eye(6), np.eye(6), new_classes="add")
    with pytest.raises(ConfigError, match="new_classes"):
        model.fit_more(np.eye(6), np.eye(3)[[0, 1, 2, 0, 1, 2]], new_classes="ignore")
