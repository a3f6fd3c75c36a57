"""No word of a private column reaches anything that is saved or printed."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError
from medley.tables.columns.pseudonyms import pseudonym, pseudonymized
from medley.tables.reading.read import read

NAMES = ["Quillfeather", "Marrowgate", "Ostrander", "Vexley"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    names = rng.choice(NAMES, 60)
    return {
        "name": names.tolist(),
        "note": [f"seen by {name} on the hill number {rng.integers(9)} of many" for name in names],
        "friends": [";".join(rng.choice(NAMES, 2, replace=False)) for _ in names],
        "size": rng.normal(size=60).tolist(),
        "price": [NAMES.index(name) + rng.normal(0, 0.1) for name in names],
    }


def test_no_word_of_a_private_column_is_saved_or_described(rows, tmp_path, capsys):
    model = md.fit(rows, "price", private=["name", "note", "friends"], epochs=2, max_trials=1, verbose=1)
    folder = model.save(tmp_path / "model")
    model.export(tmp_path / "model.onnx")
    printed = "".join(capsys.readouterr())
    for name in (*NAMES, "hill"):
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            content = path.read_bytes()
            assert name.encode() not in content
            assert name.lower().encode() not in content
        assert name not in printed + model.describe()
    again = md.load(folder)
    frame = pd.DataFrame(rows)
    assert np.allclose(again.predict(frame)["price"], model.predict(frame)["price"], atol=1e-4)
    new = frame.assign(name="Nobody", note="nothing", friends="Nobody")
    assert not np.allclose(again.predict(frame)["price"], again.predict(new)["price"])


def test_private_columns_are_columns_that_are_not_predicted(rows):
    with pytest.raises(ConfigError, match="'nmae', which is not a column") as error:
        md.fit(rows, "price", private=["nmae", "price"], epochs=1)
    assert "'price', which is a target" in str(error.value)


def test_cells_of_every_type_are_hidden_and_missing_ones_stay_missing():
    table = read(pd.DataFrame({"a": ["x y", None, float("nan")], "b": [5, 6, 7], "c": [["u", "v"], None, []]}))
    frame = pseudonymized(table, ["a", "b", "c", "lacking"]).frame
    assert frame["a"].tolist()[0] == f"{pseudonym('x')} {pseudonym('y')}"
    assert frame["a"].isna().tolist() == [False, True, True]
    assert frame["b"].tolist() == [pseudonym(word) for word in "567"]
    assert frame["c"].tolist()[0] == [pseudonym("u"), pseudonym("v")]
    assert table.frame["b"].tolist() == [5, 6, 7]


def test_a_table_that_was_read_before_is_not_hidden_twice():
    once = pseudonymized(read({"a": ["Anna", "Bo"]}), ["a"])
    assert pseudonymized(once, ["a"]).frame["a"].tolist() == once.frame["a"].tolist()
