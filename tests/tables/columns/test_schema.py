"""Schemas can be stored as JSON, filtered by kind, and overridden."""

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
    restored = Schema.restore(json.loads(json.dumps(schema.state())))
    assert restored == schema
    assert list(restored) == list(TABLE)
    assert restored["size"].form == "1.234,5 kg"
    assert restored["gap"].missing == 0.5


def test_columns_are_found_by_kind_and_by_use():
    schema = infer(TABLE)
    assert schema.of("number", "set") == ["size", "tags"]
    assert schema.used == ["size", "tags", "sex", "gap"]
    assert list(schema.without(["sex", "id"])) == ["size", "tags", "gap"]
    assert len(schema) == 5
    assert "id: identifier" in repr(schema)


def test_the_caller_overrides_any_guess():
    schema = infer(TABLE).override({"sex": "text", "id": "number", "size": "NUMBER", "tags": "unused"})
    assert [str(guess.kind) for guess in schema.values()] == ["number", "number", "unused", "text", "category"]
    assert schema["sex"].reason == "the caller set it"
    assert schema["sex"].description == "the words of a text"
    assert schema["size"].form == "1.234,5 kg"
    assert "tags" not in schema.used


def test_all_unknown_columns_and_kinds_are_reported_at_once():
    with pytest.raises(ConfigError) as error:
        infer(TABLE).override({"sx": "text", "size": "numbr", "tgs": "st"})
    message = str(error.value)
    assert message.startswith("4 errors:")
    assert "'sx', which is not a column. Did you mean 'sex'?" in message
    assert "'numbr' for 'size', which is not a kind. Did you mean 'number'?" in message


@pytest.mark.parametrize("kind", column_kinds())
def test_every_kind_describes_what_a_network_gets(kind):
    assert (kind.describe("", 2) == "left out") is not kind.is_used
