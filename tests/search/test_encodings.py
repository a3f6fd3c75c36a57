"""The encoded data set: fitted to training rows only, computed once, shared by all trials."""

from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
import torch

from medley.core.codec import Codec, Encoded
from medley.core.input import InputBlock, Preprocessing
from medley.core.spec import vector
from medley.errors import DataError, MedleyWarning
from medley.graph.graph import build_graph
from medley.heads import ClassificationHead, RegressionHead
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.tabular import StructuredDataInput

CPU = torch.device("cpu")


class Counted(Codec):
    """Divides numbers by the largest training value; counts calls."""

    calls: ClassVar[Counter] = Counter()

    def __init__(self, power=1):
        self.power = power
        self.largest = 0.0

    @property
    def spec(self):
        return vector(1)

    def fit(self, values):
        Counted.calls[f"fit {self.power}"] += 1
        self.largest = max(values)
        return self

    def encode(self, values):
        Counted.calls[f"encode {self.power}"] += 1
        array = np.array([[(value / self.largest) ** self.power] for value in values], np.float32)
        return Encoded(array, np.ones(len(values), bool))

    def state(self):
        return {"largest": self.largest}

    def restore(self, state):
        self.largest = state["largest"]
        return self


class Numbers(InputBlock):
    def codec(self):
        return Counted()

    def default_block(self):
        raise AssertionError


class Squared(Preprocessing):
    power: int = 2

    def codec(self):
        return Counted(self.power)


@pytest.fixture(autouse=True)
def _counts():
    Counted.calls.clear()


def part(x, y, **weights):
    return LabelledRows({"x": x}, {"y": y}, weights.get("weight"), len(y))


def encodings(val=None, **targets):
    head = targets.pop("head", RegressionHead())
    return Encodings(part([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], **targets), val, {"y": head.codec()}, CPU)


def graph_of(*nodes):
    x = Numbers(name="x")
    return build_graph(x, [RegressionHead(name="y")(node(x) if node else x) for node in nodes])


def test_statistics_are_those_of_training_rows_alone():
    val = part([400.0, 8.0], [1e6, -1e6])
    data, without_validation = encodings(val), encodings()
    graph = graph_of(None)
    train, test = data.rows(graph)
    assert train.inputs["x"].flatten().tolist() == [0.25, 0.5, 1.0]
    assert test.inputs["x"].flatten().tolist() == [100.0, 2.0]
    assert data.targets["y"].state()["mean"] == without_validation.targets["y"].state()["mean"] == 2.0
    assert torch.equal(without_validation.rows(graph)[0].targets["y"], train.targets["y"])


def test_extreme_validation_rows_do_not_change_the_statistics_of_a_table():
    def table(rows):
        return [[float(row), "ab"[row % 2]] for row in rows]

    wild = [[1e9, "never seen"], [-1e9, "b"]]
    states = []
    for val in (None, part(wild, ["p", "q"])):
        head = ClassificationHead()
        data = Encodings(part(table(range(9)), list("pqp" * 3)), val, {"y": head.codec()}, CPU)
        x = StructuredDataInput(name="x")
        data.spec(x.node)
        graph = build_graph(x, head(x))
        states.append((repr(data.sources(graph)[0].codec.state()), repr(data.targets["y"].state())))
    assert states[0] == states[1]


def test_every_encoding_is_fitted_and_computed_once():
    data = encodings(part([1.0], [0.5]))
    for _ in range(3):
        data.spec(Numbers(name="x").node)
        data.rows(graph_of(None))
        data.sources(graph_of(None))
    assert Counted.calls == {"fit 1": 1, "encode 1": 2}  # training and validation rows
    for name in ("one", "two"):  # trials name their preprocessings as they like
        data.rows(graph_of(Squared(name=name)))
    assert Counted.calls == {"fit 1": 1, "encode 1": 2, "fit 2": 1, "encode 2": 2}
    data.rows(graph_of(Squared(power=3, name="one")))
    assert Counted.calls["fit 3"] == 1


def test_sources_have_the_names_of_the_graph():
    data = encodings()
    x = Numbers(name="x")
    both = build_graph(x, [RegressionHead(name="y")(Squared(name="sq")(x)), RegressionHead(name="z")(x)])
    assert {source.name: source.input_name for source in data.sources(both)} == {"sq": "x", "x": "x"}
    rows = data.rows(graph_of(Squared(name="sq")))[0]
    assert list(rows.inputs) == ["sq"]
    assert rows.inputs["sq"].flatten().tolist() == [0.0625, 0.25, 1.0]


def test_an_input_that_is_wholly_absent_in_validation_is_so_there():
    data = encodings(part(None, [1.0, 2.0]))
    _, val = data.rows(graph_of(None))
    assert val.present["x"].tolist() == [False, False]


def test_an_input_that_is_wholly_absent_in_training_cannot_be_learnt_from():
    data = Encodings(part(None, [1.0, 2.0]), None, {"y": RegressionHead().codec()}, CPU)
    with pytest.raises(DataError, match="the input is None in the training rows"):
        data.spec(Numbers(name="x").node)


def test_errors_in_labels_name_the_head():
    with pytest.raises(DataError, match="y: Expect the target data to have at least 2 classes"):
        Encodings(part([1.0, 2.0], ["a", "a"]), None, {"y": ClassificationHead().codec()}, CPU)


def test_errors_in_rows_under_a_preprocessing_name_the_input():
    class Picky(Counted):
        def fit(self, values):
            raise DataError("these are no numbers.")

    class Other(Preprocessing):
        def codec(self):
            return Picky()

    with pytest.raises(DataError, match="x: these are no numbers"):
        encodings().spec(Other(name="other")(Numbers(name="x")))


def test_the_digest_depends_on_data_labels_weights_and_settings():
    def digest(x=(1.0, 2.0), y=(1.0, 2.0), val=(3.0,), settings=("a",), weight=None):
        data = Encodings(
            part(list(x), list(y), weight=weight), part(list(val), [1.0]), {"y": RegressionHead().codec()}, CPU
        )
        data.spec(Numbers(name="x").node)
        return data.digest(list(settings))

    digest_of_original = digest()
    assert digest() == digest_of_original
    digests_of_changes = [
        digest(x=(1.0, 2.5)),
        digest(x=(10.0, 20.0)),  # encoded as (1, 2) is, but not to be predicted by the same model
        digest(y=(10.0, 20.0)),
        digest(y=(2.0, 1.0)),
        digest(val=(4.0,)),
        digest(settings=("b",)),
        digest(weight=np.array([1.0, 2.0], np.float32)),
        digest(weight=np.array([2.0, 1.0], np.float32)),
    ]
    assert len({digest_of_original, *digests_of_changes}) == 9


def test_rows_in_errors_are_the_callers():
    labels = {"kind": ["a", "b", "a"]}
    train = LabelledRows({"x": [1, 2, 3]}, labels, None, 3, np.array([5, 6, 7]))
    val = LabelledRows({"x": [1, 2]}, {"kind": ["b", "c"]}, None, 2, np.array([3, 40]), where="held out")
    with pytest.warns(MedleyWarning, match=r"held out: kind: 1 class has no training rows \('c'\): its row counts"):
        data = Encodings(train, val, {"kind": ClassificationHead().codec()}, CPU)
    assert data.targets["kind"].labels == ["a", "b", "c"]
    assert data.labels[1]["kind"].present.tolist() == [True, True]
    assert data.loss_labels[1]["kind"].present.tolist() == [True, False]
    val = LabelledRows({"x": [1, 2]}, {"kind": ["b", 2j]}, None, 2, np.array([3, 40]), where="held out")
    with pytest.raises(DataError, match="held out: kind: Labels must be whole numbers"):
        Encodings(train, val, {"kind": ClassificationHead().codec()}, CPU)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_an_input_that_is_missing_in_all_training_rows_is_an_error(nothing):
    y = {"y": [1.0, 2.0, 3.0]}
    train, val = (LabelledRows({"facts": [[cell]] * 3}, y, None, 3) for cell in (nothing, 1.0))
    graph = build_graph(StructuredDataInput(name="facts"), RegressionHead(name="y"))
    data = Encodings(train, val, {name: head.codec() for name, head in graph.heads.items()}, CPU)
    with pytest.raises(DataError, match="none of the 3 training rows has it"):
        data.spec(graph.nodes()[0])
    assert Encodings(val, train, data.targets, CPU).spec(graph.nodes()[0]).width == 1
