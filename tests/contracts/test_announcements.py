"""Slices announce themselves: kinds, inputs and heads that are registered are recognised, fed, saved and loaded."""

from typing import ClassVar

import numpy as np
import pytest

import medley as md
from medley.core import registry
from medley.core.codec import Encoded
from medley.core.head import TargetKind
from medley.core.input import InputBlock, InputColumns
from medley.core.spec import vector
from medley.extend import Codec, ColumnKind
from medley.heads import RegressionHead
from medley.tables.columns.cells import read_cells
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import SET_BY_CALLER, cannot_parse, column_kinds
from medley.tables.columns.parsing import parse_distinct
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.targets import infer_target, target_heads
from medley.tables.reading.read import read
from medley.tables.view import TableView

BASES = "ACGT"


class DnaKind(ColumnKind):
    """Strings of bases."""

    name = "dna"
    rank = 5.0

    def recognize(self, profile):
        if not profile.is_plain or not all(string and set(string) <= set(BASES) for string in profile.strings):
            return None
        return KindGuess(self.name, "its strings are bases", 0.9)

    def override(self, profile):
        if not profile.is_plain:
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0)

    def parse(self, profile, form):
        return parse_distinct(profile, lambda value: str(value) if set(str(value)) <= set(BASES) else None)

    def describe(self, form, distinct):
        return "frequencies of bases"

    def reads_as_text(self, form):
        return True


class BaseCounts(Codec):
    """Strings of bases -> the frequency of each base."""

    @property
    def spec(self):
        return vector(len(BASES))

    def fit(self, values):
        return self

    def encode(self, values):
        present = np.array([value is not None for value in values], bool)
        rows = [[str(value or "").count(base) / max(len(value or ""), 1) for base in BASES] for value in values]
        return Encoded(np.array(rows, np.float32).reshape(len(rows), len(BASES)), present)

    def state(self):
        return {}

    def restore(self, state):
        return self


class DnaInput(InputBlock):
    """Strings of bases, all columns as inputs of their own."""

    kinds: ClassVar[tuple[str, ...]] = ("dna",)
    claim_rank: ClassVar[float | None] = 5.0

    @classmethod
    def from_columns(cls, columns, options):
        return [InputColumns(cls(name=column.name), (column.name,)) for column in columns]

    def codec(self):
        return BaseCounts()

    def default_block(self):
        return md.DenseBlock(num_layers=1, num_units=8)


class PercentHead(RegressionHead):
    """Numbers between 0 and 100 in a column that is named so."""

    task_kinds: ClassVar[tuple[str, ...]] = ("percent",)
    task_rank: ClassVar[float] = 1.0
    target_kinds: ClassVar[dict[str, TargetKind]] = {"percent": TargetKind("percent", "number", ("percent",))}

    @classmethod
    def infer_task(cls, target):
        if not target.is_numeric or "percent" not in target.name:
            return None
        return target.task("percent", "its name says so", 0.9, cells="number")


@pytest.fixture
def plug_ins():
    """Parts of another package, registered for one test."""
    parts = {"test.dna_kind": DnaKind, "test.dna_input": DnaInput, "test.base_counts": BaseCounts}
    parts["test.percent"] = PercentHead
    for name, part in parts.items():
        registry.register(name)(part)
    yield
    for name, part in parts.items():
        del registry._objects[name], registry._names[id(part)]


def test_a_kind_an_input_and_a_head_of_another_package_work_in_the_table_api(plug_ins, tmp_path):
    rng = np.random.default_rng(0)
    strands = ["".join(rng.choice(list(BASES), 12)) for _ in range(60)]
    table = {"strand": [*strands[:-1], None], "size": rng.normal(size=60)}
    table["percent_gc"] = [100 * sum(base in "GC" for base in strand) / 12 for strand in strands]
    assert infer(table)["strand"].kind == "dna"
    model = md.fit(table, "percent_gc", max_trials=1, epochs=2, directory=tmp_path, verbose=0)
    assert {feed.name: feed.input for feed in model.table.feeds} == {
        "strand": "test.dna_input",
        "table": "tabular.input",
    }
    assert isinstance(model.graph.heads["percent_gc"], PercentHead)
    assert model.metadata["tasks"]["percent_gc"]["kind"] == "percent"
    again = md.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(table)["percent_gc"], model.predict(table)["percent_gc"])


def test_a_head_can_be_asked_for_by_the_kind_that_it_announces(plug_ins, tmp_path):
    table = {"size": np.arange(40.0), "share": np.random.default_rng(0).uniform(0, 100, 40)}
    model = md.fit(
        table, "share", column_kinds={"share": "percent"}, max_trials=1, epochs=1, directory=tmp_path, verbose=0
    )
    assert isinstance(model.graph.heads["share"], PercentHead)


CELLS = {
    "strings": ["a b", "c", None],
    "digits": ["1", "2", "x"],
    "numbers": [1.5, None, 3.0],
    "lists": [[1, 2], [3.5], None],
    "labels": [["a"], [], ["b", "a"]],
    "bytes": [b"abc", b"", None],
    "mixed": [1, "a", [2]],
}


@pytest.mark.parametrize("kind", column_kinds(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("cells", CELLS.values(), ids=list(CELLS))
def test_every_kind_keeps_to_its_interface_whatever_the_cells(kind, cells, tmp_path):
    import pandas as pd

    profile = ColumnProfile("x", pd.Series(cells), tmp_path)
    guess = kind.recognize(profile)
    assert guess is None or (guess.reason and 0 <= guess.confidence <= 1)
    refused, form = "", ""
    try:
        form = kind.override(profile).form
    except md.MedleyError as error:
        refused = str(error)
    assert not refused or "'x' cannot be parsed as" in refused
    if not refused:
        values, parsed = kind.parse(profile, form)
        assert len(values) == len(cells)
        assert parsed.shape == (len(cells),)
        assert isinstance(kind.describe(form, 3), str)
        assert isinstance(kind.reads_as_text(form), bool)


def test_kinds_have_names_and_ranks_of_their_own():
    kinds = column_kinds()
    assert len({kind.name for kind in kinds}) == len(kinds)
    ranks = [kind.rank for kind in kinds if kind.is_used]
    assert len(set(ranks)) == len(ranks), "which of two kinds is asked first must not depend on their names"


def test_every_task_has_one_head():
    tasks = [task for head in target_heads() for task in head.task_kinds]
    assert len(set(tasks)) == len(tasks)


def test_a_column_is_profiled_and_parsed_once_per_call(monkeypatch, tmp_path):
    profiles, parses = [], []
    make = ColumnProfile._distinct.func
    monkeypatch.setattr(ColumnProfile._distinct, "func", lambda self: (profiles.append(self.name), make(self))[1])
    for kind in {type(kind) for kind in column_kinds()}:
        parse = kind.parse
        monkeypatch.setattr(
            kind,
            "parse",
            lambda self, profile, form, parse=parse: (parses.append(profile.name), parse(self, profile, form))[1],
        )
    rng = np.random.default_rng(0)
    table = {
        "note": [f"a note about row {row} and its {rng.integers(9)} friends" for row in range(60)],
        "size": rng.normal(size=60).round(1),
        "colour": rng.choice(["red", "blue"], 60),
        "price": rng.normal(size=60).round(2),
    }
    md.fit(table, ["price", "colour"], max_trials=1, epochs=1, directory=tmp_path, verbose=0)
    assert {name: profiles.count(name) for name in table} == dict.fromkeys(table, 1)
    assert {name: parses.count(name) for name in table} == dict.fromkeys(table, 1)


def test_reading_cells_by_a_guess_needs_no_table():
    guess = infer(read({"x": ["1 kg", "2 kg", "3 kg"]}))["x"]
    import pandas as pd

    assert read_cells(pd.Series(["4 kg", None]), guess).values[0] == 4.0
    assert infer_target(["a", "b", "a"]).kind == "binary"


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    rng = np.random.default_rng(0)
    table = {
        "note": [f"a note about row {row} and its {rng.integers(9)} friends" for row in range(40)],
        "price": rng.normal(size=40),
    }
    options = {"max_trials": 1, "epochs": 1, "directory": tmp_path_factory.mktemp("texts"), "verbose": 0}
    return md.fit(table, "price", **options), table


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_frame", "predict_raw", "embed", "evaluate"])
def test_a_table_of_one_column_named_like_its_input_is_read_once(text_model, method, monkeypatch):
    model, table = text_model
    assert model.input_names == ["note"]
    tables = []
    read_table = TableView.read
    monkeypatch.setattr(
        TableView, "read", lambda self, *args, **options: (tables.append(self), read_table(self, *args, **options))[1]
    )
    getattr(model, method)(table)
    assert len(tables) == 1
