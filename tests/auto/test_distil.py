"""A student: one small network that predicts what its teacher predicts."""

import numpy as np
import pandas as pd
import pytest
import torch

import medley as md
from medley.auto.distil_loss import distilled_task, join_targets
from medley.cli.main import main
from medley.core.codec import Encoded
from medley.errors import ConfigError
from medley.model.tasks import tasks_of
from medley.runtime import load as load_exported

TARGETS = ["price", "label", "kind", "tags", "visits", "grade"]


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    size, kind = rng.normal(size=count), rng.choice(["a", "b", "c"], count)
    letters = np.where(rng.random(count) < 0.1, "c", kind)
    return pd.DataFrame(
        {
            "size": size,
            "note": [f"{'red' if value > 0 else 'blue'} {letter}" for value, letter in zip(size, letters, strict=True)],
            "price": 3 * size + (kind == "a") + 0.1 * rng.normal(size=count),
            "label": np.where(size + 0.3 * rng.normal(size=count) > 0, "big", "small"),
            "kind": kind,
            "tags": [["warm", letter] if value > 0 else [letter] for value, letter in zip(size, kind, strict=True)],
            "visits": rng.poisson(np.exp(size / 2)),
            "grade": 1 + (size > -0.5) + (size > 0.5),
        }
    )


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    kinds = {"visits": "count", "grade": "ordered", "tags": "set", "note": "text"}
    options = {"max_trials": 1, "epochs": 4, "verbose": 0, "directory": tmp_path_factory.mktemp("t")}
    return md.fit(rows(300), TARGETS, inputs=["size", "note"], column_kinds=kinds, time_limit=None, **options)


@pytest.fixture(scope="module")
def student(teacher):
    return teacher.distil(rows(300), size="small", epochs=15)


def price_of(model):
    return {line["measure"]: (line["teacher"], line["student"]) for line in model.metadata["distilled"]["price"]}


def test_a_student_predicts_all_kinds_of_targets_nearly_as_well_and_is_smaller(student):
    price = price_of(student)
    for metric in ("label_accuracy", "kind_accuracy", "grade_accuracy"):
        assert price[metric][1] >= price[metric][0] - 0.1, metric
    assert price["price_mean_squared_error"][1] < 1  # of a variance of 9
    assert price["visits_deviance"][1] < 1.3 * price["visits_deviance"][0]
    assert price["parameters"][1] < price["parameters"][0] / 10
    assert price["bytes on disk"][1] < price["bytes on disk"][0] / 10
    assert "linear_path" not in [source.name for source in student.sources]


def test_a_student_is_an_ordinary_model(teacher, student, tmp_path):
    new = rows(40, 1)
    expected = student.predict(new)
    assert list(expected.columns) == list(teacher.predict(new).columns)
    loaded = md.load(student.save(tmp_path / "student"))
    assert loaded.predict(new).equals(expected)
    assert loaded.metadata["distilled"]["teacher"].startswith("Model(2 columns -> price")
    assert "distilled" in loaded.describe()
    assert set(loaded.validation.tasks) == set(TARGETS)
    exported = load_exported(student.export(tmp_path / "student.onnx"))
    np.testing.assert_allclose(exported.predict(new)["price"], expected["price"], rtol=1e-3, atol=1e-3)
    assert loaded.fit_more(new, epochs=1).metadata["fit_more"]


def test_outputs_of_the_teacher_are_out_of_fold_on_its_training_table_only(teacher, student):
    distilled = student.metadata["distilled"]
    assert distilled["out_of_fold"] == 300
    assert distilled["rows"]["held_out"] == int((teacher.validation.folds == teacher.validation.folds.max()).sum())
    other = teacher.distil(rows(100, 2), size="small", epochs=1)
    assert other.metadata["distilled"]["out_of_fold"] == 0
    assert other.metadata["distilled"]["rows"] == {"train": 80, "held_out": 20}


def test_rows_without_labels_teach_too(teacher):
    new = rows(400, 3)
    student = teacher.distil(new[["size", "note"]], size="small", epochs=15)
    assert student.metadata["distilled"]["unlabelled"] == 320
    assert student.validation is None
    unseen = rows(100, 4)
    theirs, ours = teacher.predict(unseen), student.predict(unseen)
    assert np.corrcoef(theirs["price"], ours["price"])[0, 1] > 0.95
    assert (theirs["label"] == ours["label"]).mean() > 0.9
    partly = new.assign(price=new["price"].where(np.arange(400) % 2 == 0))
    with pytest.warns(UserWarning, match="no column 'visits'"):
        mixed = teacher.distil(partly.drop(columns="visits"), size="small", epochs=1)
    assert mixed.metadata["distilled"]["unlabelled"] == 0


def test_the_loss_against_the_teacher_is_least_at_its_outputs(teacher):
    torch.manual_seed(0)
    new = rows(20, 5)
    _, labels = teacher.labelled(new)
    for task in tasks_of(teacher.graph, teacher.targets):
        outputs = torch.randn(20, len(task.codec.prior))
        encoded = labels.losses[task.name]
        unlabelled = Encoded(encoded.array, np.zeros(20, bool))
        packed = torch.from_numpy(join_targets(unlabelled, outputs.numpy()).array)
        loss = distilled_task(task, encoded.array, 0.5).loss
        raw = outputs.clone().requires_grad_()
        loss(raw, packed).sum().backward()
        assert raw.grad.abs().max() < 1e-5, task.name
        assert (loss(outputs + 0.3, packed) > loss(outputs, packed)).float().mean() > 0.9 or "kind" in task.name
        # With labels alone, it is the loss of the head.
        hard = distilled_task(task, encoded.array, 1.0).loss
        target = torch.from_numpy(join_targets(encoded, outputs.numpy()).array)
        expected = task.loss(outputs, torch.from_numpy(encoded.array))
        torch.testing.assert_close(hard(outputs, target), expected)


def test_a_drawn_network_of_images_and_vectors_is_distilled(tmp_path):
    rng = np.random.default_rng(0)
    photos, facts = rng.integers(0, 255, (60, 8, 8, 3)).astype("uint8"), rng.normal(size=(60, 3)).astype("float32")
    labels = np.where(facts[:, 0] > 0, "yes", "no")
    photo, fact = md.ImageInput(name="photo"), md.StructuredDataInput(name="facts")
    joined = md.Merge()([md.ConvBlock()(photo), md.DenseBlock()(fact)])
    auto = md.AutoModel([photo, fact], [md.ClassificationHead(name="answer")(joined)], "p", 1, tmp_path)
    auto.fit([photos, facts], [labels], epochs=1, verbose=0)
    student = auto.export_model().distil([photos, facts], [labels], size="small", epochs=2)
    assert student.predict([photos, facts]).shape == (60,)
    unlabelled = auto.export_model().distil([photos, facts], size="small", epochs=1)
    assert unlabelled.metadata["distilled"]["unlabelled"] == unlabelled.metadata["distilled"]["rows"]["train"]


def test_the_same_seed_gives_the_same_student(teacher, student):
    again = teacher.distil(rows(300), size="small", epochs=15)
    assert again.predict(rows(20, 6)).equals(student.predict(rows(20, 6)))


def test_all_errors_in_arguments_are_reported_together(teacher):
    with pytest.raises(ConfigError) as error:
        teacher.distil(rows(30), size="tiny", label_weight=2, epochs=0, validation_split=1.5)
    for word in ("size", "label_weight", "epochs", "validation_split"):
        assert word in str(error.value)


def test_the_command_saves_a_student_and_prints_its_price(teacher, tmp_path, capsys):
    teacher.save(tmp_path / "model")
    rows(80, 7)[["size", "note"]].to_csv(tmp_path / "t.csv", index=False)
    command = ["distil", str(tmp_path / "model"), str(tmp_path / "t.csv"), "--epochs", "1", "--size", "small"]
    assert main([*command, "-o", str(tmp_path / "student")]) == 0
    output = capsys.readouterr().out
    assert "64 training rows, 16 validation rows" in output
    assert "rows per second" in output
    assert "distilled" in md.load(tmp_path / "student").metadata
    assert main([*command, "-o", str(tmp_path / "model")]) == 2
    assert "choose another folder" in capsys.readouterr().err
