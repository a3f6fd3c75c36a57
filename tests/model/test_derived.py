"""Inputs whose rows are derived from other inputs' rows: in graphs, searches, saved models."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

import medley as md
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.input import DerivedInput, InputBlock
from medley.errors import DataError, GraphError
from medley.model.derived import InputRows
from medley.testing import check_block
from medley.text.block import TextBlock
from medley.text.tokens import TokenCodec

CALLS: list[int] = []


class Spoken(DerivedInput, register="test_derived.spoken"):
    """Numbers as words; a text replaces them where it is present."""

    kinds: ClassVar[tuple[str, ...]] = ("text",)
    ten: str = "ten"

    def codec(self) -> Codec:
        return TokenCodec()

    def default_block(self) -> Block:
        return TextBlock()

    def adapter(self) -> Block | None:
        return md.Embedding()

    def for_inputs(self, inputs: Sequence[InputBlock]) -> "Spoken":
        if len(inputs) > 2:
            raise GraphError("Spoken makes words of one input and a text at most.")
        return self

    def derive(self, inputs: Sequence[InputBlock], columns: Sequence[Any]) -> Any:
        numbers, *texts = columns
        CALLS.append(len(numbers))
        words: Iterable[Any] = texts[0] if texts and texts[0] is not None else [None] * len(numbers)
        return [text or self._word(number) for text, number in zip(words, numbers, strict=True)]

    def _word(self, number: Any) -> str | None:
        if number is None:
            return None
        if np.ravel(number)[0] == 99:
            raise DataError("99 has no word.")
        return self.ten if np.ravel(number)[0] >= 10 else "few"


@pytest.fixture
def numbers():
    CALLS.clear()
    return [[float(number)] for number in np.random.default_rng(0).integers(0, 20, 60)]


@pytest.fixture
def labels(numbers):
    return ["many" if row[0] >= 10 else "some" for row in numbers]


def searched(folder, outputs, inputs, **options):
    return md.AutoModel(inputs, outputs, directory=folder, overwrite=True, **{"max_trials": 1, **options})


def test_a_network_reads_what_was_made_of_another_input(tmp_path, numbers, labels):
    numeric = md.Input(name="numeric")
    words = Spoken()(numeric)
    auto = searched(tmp_path, md.ClassificationHead()(md.TextBlock(block_type="ngram")(words)), numeric)
    auto.fit(numbers, labels, epochs=8, verbose=0)
    assert auto.evaluate(numbers, labels, return_dict=True)["accuracy"] == 1.0
    model = auto.export_model()
    assert [source.input_name for source in model.sources] == ["spoken_1"]
    assert model.input_names == ["numeric"]
    CALLS.clear()
    model.save(tmp_path / "model")
    again = md.load(tmp_path / "model")
    np.testing.assert_array_equal(
        again.predict_raw(numbers)["classification_head_1"], model.predict_raw(numbers)["classification_head_1"]
    )
    assert CALLS == [60, 60]
    assert "Spoken" in again.summary()
    assert list(again.predict([[3.0], None, [12.0]]))[::2] == ["some", "many"]


def test_rows_are_made_once_per_search_however_many_encodings_read_them(tmp_path, numbers, labels):
    numeric = md.Input(name="numeric")
    words = Spoken()(numeric)
    joined = md.Merge()([md.TextBlock(block_type="ngram")(words), md.TextBlock(block_type="vanilla")(words)])
    auto = searched(tmp_path, md.ClassificationHead()(joined), numeric, max_trials=2)
    auto.fit(numbers, labels, epochs=1, verbose=0)
    assert sum(CALLS) == 60  # training and validation rows
    assert len(CALLS) == 2


def test_two_inputs_become_one_and_either_may_be_absent(tmp_path, numbers, labels):
    numeric, note = md.Input(name="numeric"), md.TextInput(name="note")
    notes = ["ten" if label == "many" else None for label in labels]
    hidden = [None if text else number for text, number in zip(notes, numbers, strict=True)]
    auto = searched(
        tmp_path, md.ClassificationHead()(md.TextBlock(block_type="ngram")(Spoken()(numeric, note))), [numeric, note]
    )
    auto.fit([hidden, notes], labels, epochs=8, verbose=0)
    assert auto.evaluate([hidden, notes], labels, return_dict=True)["accuracy"] == 1.0
    assert list(auto.predict([[[1.0], [11.0]], None])) == ["some", "many"]


def test_one_declaration_may_be_called_on_several_inputs(tmp_path, numbers, labels):
    first, second = md.Input(name="one"), md.Input(name="two")
    spoken = Spoken()
    outputs = md.ClassificationHead()(md.Merge()([md.TextBlock()(spoken(first)), md.TextBlock()(spoken(second))]))
    auto = searched(tmp_path, outputs, [first, second])
    auto.fit([numbers, numbers], labels, epochs=1, verbose=0)
    assert {source.input_name for source in auto.export_model().sources} == {"spoken_1", "spoken_2"}


def test_a_choice_between_derivations_gives_each_trial_its_own(tmp_path, numbers, labels):
    numeric = md.Input(name="numeric")
    words = md.Choice([Spoken("ten"), Spoken("dozen")])(numeric)
    auto = searched(
        tmp_path,
        md.ClassificationHead()(md.TextBlock(block_type="vanilla")(words)),
        numeric,
        max_trials=2,
        tuner="random",
        seed=3,
    )
    auto.fit(numbers, labels, epochs=1, verbose=0)
    model = auto.export_model()
    chosen = next(node.block for node in model.graph.nodes() if isinstance(node.block, Spoken))
    assert f'"{chosen.ten}"' in model.sources[0].codec.state()["tokenizer"]
    model.save(tmp_path / "model")
    assert len(md.load(tmp_path / "model").predict(numbers)) == 60


def test_rows_that_cannot_be_derived_are_reported_with_the_inputs_name(tmp_path, numbers, labels):
    numeric = md.Input(name="numeric")
    auto = searched(tmp_path, md.ClassificationHead()(md.TextBlock()(Spoken(name="words")(numeric))), numeric)
    auto.fit(numbers, labels, epochs=1, verbose=0)
    with pytest.raises(DataError, match=r"words: 99 has no word"):
        auto.predict([[99.0]])


def test_it_is_called_on_inputs_only():
    numeric = md.Input()
    with pytest.raises(GraphError, match="derives its rows from inputs, got DenseBlock"):
        Spoken()(md.DenseBlock()(numeric))
    with pytest.raises(GraphError, match="call it on an input first"):
        md.TextBlock()(Spoken())
    with pytest.raises(GraphError, match="one input and a text at most"):
        Spoken()(numeric, md.Input(), md.Input())


def test_rows_are_derived_when_they_are_read():
    columns = InputRows({"numeric": [[1.0], [12.0]]})
    words = Spoken(name="words")(md.Input(name="numeric"))
    assert not columns.add(words)
    assert list(columns) == ["numeric"]
    assert columns["words"] == ["few", "ten"]
    assert not columns.add(words)
    assert columns.add(Spoken("dozen", name="words")(md.Input(name="numeric")))
    assert columns["words"] == ["few", "dozen"]


def test_it_keeps_what_blocks_promise():
    check_block(Spoken, rows=[[float(number)] if number % 5 else None for number in range(12)])
