"""Reasons for single predictions of sets of labels."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.report.evidence import of_rows
from medley.report.reasons_section import reasons_section


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    words = generator.choice(["red", "old", "new", "blue"], (160, 3))
    tags = [
        sorted({*row, str(noise)} & {"red", "old", "new"})
        for row, noise in zip(words, np.roll(words[:, 0], 1), strict=True)
    ]
    return pd.DataFrame({"text": [" ".join(row) for row in words], "tags": tags})


@pytest.fixture(scope="module")
def model(table):
    return md.fit(table[:120], "tags", max_trials=1, epochs=4, seed=0, verbose=0)


def section_of(model, table):
    evidence = of_rows(model, table, None, None)
    return evidence.tasks["tags"].learned(), reasons_section(model, evidence, {"tags": "tags"})


def test_the_label_that_is_wrong_by_most_is_explained(model, table):
    part, section = section_of(model, table[120:])
    items = {item["group"]: item for item in section["items"]}
    assert set(items) == {"tags: surest and right", "tags: surest and wrong"}
    for group, item in items.items():
        place = int(np.flatnonzero(part.rows == item["row"])[0])
        probabilities, truth = part.probabilities[place], part.classes[place]
        off = np.where(part.predicted_labels[place] != truth, np.abs(probabilities - truth), 0)
        expected = np.argmax(off if group.endswith("wrong") else probabilities)
        assert off.any() == group.endswith("wrong")
        assert item["title"] == f"probability of tags = {part.labels[expected]}"
        assert float(item["output"]) == pytest.approx(probabilities[expected], rel=1e-3)
        assert item["truth"] == ", ".join(label for label, has in zip(part.labels, truth, strict=True) if has)
        assert item["texts"][0]["words"]


def test_thresholds_of_labels_count(model, table):
    model.set_threshold("tags", threshold=0.999)
    try:
        part, _ = section_of(model, table[120:])
        predicted = model.predict(table[120:])["tags"]
        assert [sorted(labels) for labels in predicted] == [
            sorted(label for label, has in zip(part.labels, row, strict=True) if has) for row in part.predicted_labels
        ]
        assert not np.array_equal(part.predicted_labels, part.probabilities >= 0.5)
    finally:
        model.reset_threshold("tags")
