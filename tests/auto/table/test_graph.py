"""What a table's inputs and heads become, and how that is trained."""

from dataclasses import replace

import pytest

import medley as md
from medley.auto.table.graph import LINEAR_PATH, has_folds, table_graph, table_training
from medley.core.block import DataSummary
from medley.heads import ClassificationHead, RegressionHead

TABLE, NOTE, PHOTO = (
    md.StructuredDataInput(name="table"),
    md.TextInput(name="note"),
    md.ImageInput(name="photo"),
)
ALBUM = md.ImageSetInput(name="album")
SUMMARY = DataSummary(rows=5_000, inputs=2)
HEADS = [RegressionHead(name="price"), ClassificationHead(name="kind")]


def kinds(node):
    """Names of the classes of all blocks that a head depends on."""
    names, stack = set(), list(node.inputs)
    while stack:
        parent = stack.pop()
        names.add(type(parent.block).__name__)
        stack += parent.inputs
    return names


def test_plain_columns_are_read_by_an_ensemble_of_which_half_reads_no_linear_path():
    price, kind = table_graph([TABLE], HEADS, SUMMARY)
    trunk, path = price.inputs
    assert trunk is kind.inputs[0]
    assert trunk.block.blind
    assert trunk.block.members.default == 10
    assert path.block.name == LINEAR_PATH
    assert [node.block for node in path.inputs] == [TABLE]


def test_texts_are_read_through_the_linear_path_alone():
    (price,) = table_graph([TABLE, NOTE], HEADS[:1], SUMMARY)
    trunk, path = price.inputs
    assert [type(node.block).__name__ for node in trunk.inputs] == ["LinearPath", "StructuredDataInput"]
    assert [node.block for node in path.inputs] == [TABLE, NOTE]
    assert not trunk.block.blind


def test_images_come_in_a_second_stage():
    (price,) = table_graph([TABLE, PHOTO], HEADS[:1], SUMMARY)
    second, stage = price.inputs
    assert type(stage.block).__name__ == "FirstStage"
    assert "ImageInput" not in kinds(stage)
    assert "ImageInput" in kinds(second)


@pytest.mark.parametrize(
    ("inputs", "rows", "folds"),
    [
        ([TABLE, ALBUM], 999, True),
        ([TABLE, ALBUM], 1000, False),
        ([ALBUM], 999, False),
        ([TABLE, replace(ALBUM, pretrained="x")], 999, False),
    ],
)
def test_few_sets_of_images_beside_other_inputs_are_read_as_visual_words_in_folds(inputs, rows, folds):
    summary = DataSummary(rows, len(inputs))
    assert has_folds(inputs, summary) is folds
    (price,) = table_graph(inputs, HEADS[:1], summary)
    assert ("VisualWords" in kinds(price)) is folds
    assert ("ImageSetBlock" in kinds(price)) is not folds


def test_images_alone_have_one_stage():
    (price,) = table_graph([PHOTO], HEADS[:1], SUMMARY)
    assert len(price.inputs) == 1
    assert {"LinearPath", "FirstStage"}.isdisjoint(kinds(price))


def test_a_column_may_have_the_linear_paths_name():
    table = md.StructuredDataInput(name=LINEAR_PATH)
    (price,) = table_graph([table], HEADS[:1], SUMMARY)
    assert price.inputs[1].block.name == f"{LINEAR_PATH}_"


@pytest.mark.parametrize(
    ("inputs", "folds"),
    [
        ([TABLE], True),
        ([TABLE, NOTE], True),
        ([TABLE, PHOTO], False),
        ([md.TextInput(name="t", pretrained="x")], True),  # frozen
        ([md.ImageInput(name="p", pretrained="x")], False),
    ],
)
def test_members_leave_out_folds_where_they_share_no_encoder(inputs, folds):
    assert has_folds(inputs, SUMMARY) is folds


def test_the_callers_epochs_and_batch_size_are_kept():
    for inputs in ([TABLE], [NOTE], [PHOTO]):
        training = table_training(inputs, SUMMARY, 5_000, 7, 99)
        assert (training.epochs, training.batch_size) == (7, 99)


def test_a_plan_repeats_its_epochs():
    training = table_training([TABLE, PHOTO], SUMMARY, 5_000, None, None, {"epochs": 4, "first_epochs": 9})
    assert (training.epochs, training.first_epochs) == (4, 9)


def test_recordings_are_trained_for_few_epochs():
    assert table_training([md.AudioInput(name="sound")], SUMMARY, 500, None, None).epochs == 20
