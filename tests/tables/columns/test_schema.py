"""Guesses can be kept as JSON, looked up by kind, and overruled."""

import json

import pytest

from medley.errors import ConfigError
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import column_kinds
from medley.tables.columns.schema import Schema

TABLE = {
    "id": range(40),
    "size": ["1,5 kg", "2,5 kg"] * 20,
    "tags": [["a"], ["a", "b"]] * 20,
    "sex": ["f", "m"] * 20,
    "gap": [None, 1.5] * 20,
}


def test_a_schema_survives_json():
    schema = infer(TABLE)
    again = Schema.restore(json.loads(json.dumps(schema.state())))
    assert again == schema
    assert list(again) == list(TABLE)
    assert again["size"].form == "1.234,5 kg"
    assert again["gap"].missing == 0.5


def test_columns_are_found_by_kind_and_by_use():
    schema = infer(TABLE)
    assert schema.of("number", "set") == ["size", "tags"]
    assert schema.used == ["size", "tags", "sex", "gap"]
    assert list(schema.without(["sex", "id"])) == ["size", "tags", "gap"]
    assert len(schema) == 5
    assert "id: identifier" in repr(schema)


def test_the_caller_overrules_any_guess():
    schema = infer(TABLE).override({"sex": "text", "id": "number", "size": "NUMBER", "tags": "unused"})
    assert [str(one.kind) for one in schema.values()] == ["number", "number", "unused", "text", "category"]
    assert schema["sex"].reason == "the caller says so"
    assert schema["sex"].description == "the words of a text"
    assert schema["size"].form == "1.234,5 kg"
    assert "tags" not in schema.used


def test_unknown_columns_and_kinds_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        infer(TABLE).override({"sx": "text", "size": "numbr", "tgs": "st"})
    told = str(caught.value)
    assert told.startswith("4 errors:")
    assert "'sx', which is no column. Did you mean 'sex'?" in told
    assert "'numbr' for 'size', which is no kind. Did you mean 'number'?" in told


@pytest.mark.parametrize("kind", column_kinds())
def test_every_kind_describes_what_a_network_sees(kind):
    assert (kind.describe("", 2) == "left out") is not kind.is_used
