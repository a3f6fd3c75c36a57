"""A user's program: pyright and mypy check it, and nothing runs it."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pandas as pd
import polars as pl

import medley as md
from medley.sklearn import MedleyClassifier, MedleyMultiTask, MedleyRegressor


def program() -> tuple[md.AutoModel, np.ndarray, np.ndarray]:
    frame = pd.DataFrame({"age": [1, 2], "price": [3.0, 4.0]})
    model = md.fit(
        frame,
        ["price", "breed"],
        column_kinds={"age": "number", "breed": "my.kind"},
        on_bad_file="drop",
        tuner="hyperband",
        objective=["val_loss", md.Objective("val_price_mse", "min")],
        training=md.Training(epochs=3),
    )
    assert_type(model, md.Model)
    assert_type(model.predict(frame), pd.DataFrame)
    assert_type(model.predict(frame, proba=True), pd.DataFrame)
    assert_type(model.predict(pl.from_pandas(frame)), pl.DataFrame)
    assert_type(model.predict_proba(pl.from_pandas(frame), batch_size=8), pl.DataFrame)
    assert_type(model.predict({"age": [1, 2]}), Any)
    assert_type(model.predict("new.csv"), Any)
    assert_type(model.predict(np.zeros((2, 3))), Any)
    assert_type(model.save("pets-model", pretrained="reference"), Path)
    assert_type(md.load("pets-model").evaluate(frame), dict[str, float])

    photo, facts = md.ImageInput(), md.StructuredDataInput()
    x = md.Merge(merge_type="gated")([md.ImageBlock()(photo), md.DenseBlock()(facts)])
    heads = [
        md.ClassificationHead(loss="focal", metrics=["accuracy", "auc", len])(x),
        md.RegressionHead(loss="huber", metrics="rmse")(x),
        md.OrderedHead(metrics="qwk")(x),
        md.RegressionHead(loss="my.loss")(x),
    ]
    auto = md.AutoModel([photo, facts], heads, tuner=md.Greedy, objective="val_loss")

    classifier = MedleyClassifier(class_weight="balanced", on_bad_file="raise").fit(frame, ["a", "b"])
    assert_type(classifier, MedleyClassifier)
    labels: np.ndarray = classifier.predict(frame)
    numbers: np.ndarray = MedleyRegressor(epochs=2).fit(frame, [1.0, 2.0]).predict(frame)
    assert_type(MedleyMultiTask(heads={"stars": md.OrderedHead()}).fit(frame, frame).model_, md.Model)

    # Each of these is an error: an unused comment is one, too.
    md.fit(frame, "price", on_bad_file="ignore")  # type: ignore[arg-type]
    md.fit(frame, "price", tuner="hyper")  # type: ignore[arg-type]
    md.fit(frame, "price", epocs=3)  # type: ignore[call-arg]
    md.Merge(merge_type="gate")  # type: ignore[arg-type]
    md.RegressionHead(loss=3)  # type: ignore[arg-type]
    model.save("pets-model", pretrained="link")  # type: ignore[arg-type]
    return auto, labels, numbers
