"""Errors are objects: they keep their parts, name arguments as their reader knows them, and survive copies."""

import copy
import pickle

import pytest

from medley import errors as module
from medley.errors import (
    ConfigError,
    DataError,
    ErrorCollector,
    MedleyError,
    MissingDependencyError,
    command_line_spelling,
    spelled,
    within,
)

CLASSES = [entry for entry in vars(module).values() if isinstance(entry, type) and issubclass(entry, MedleyError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_keeps_its_parts_and_survives_copies_and_processes(kind):
    cause = DataError("holds no rows.", where="photo")
    error = kind("must be positive, got 0.", where=("encoder", "dense"), argument="epochs", causes=[cause])
    assert str(error) == "encoder: dense: epochs must be positive, got 0.\n- photo: holds no rows."
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert (again.message, again.where, again.argument) == (error.message, error.where, error.argument)
        assert str(again) == str(error)


def test_where_is_read_from_the_outside_in():
    with pytest.raises(DataError) as caught, within("validation_data"), within("photo"), within(""):
        raise DataError("row 3 is empty.")
    assert caught.value.where == ("validation_data", "photo")
    assert str(caught.value) == "validation_data: photo: row 3 is empty."


def test_all_errors_of_a_call_are_raised_at_once_each_by_itself():
    inner = ErrorCollector()
    inner.add("a.")
    inner.add("must be positive.", argument="epochs")
    outer = ErrorCollector()
    with outer.collecting(), within("photo"):
        inner.raise_if_any(DataError)
    outer.add("b.", where="note")
    with pytest.raises(ConfigError) as caught:
        outer.raise_if_any(ConfigError)
    assert str(caught.value) == "3 errors:\n- photo: a.\n- photo: epochs must be positive.\n- note: b."
    assert [error.argument for error in caught.value.causes] == [None, "epochs", None]


def test_a_single_error_is_raised_without_a_list_and_with_its_cause():
    errors = ErrorCollector()
    with errors.collecting():
        raise DataError("no rows.", where="photo")
    with pytest.raises(ConfigError, match=r"^photo: no rows\.$") as caught:
        errors.raise_if_any(ConfigError)
    assert isinstance(caught.value.__cause__, DataError)
    ErrorCollector().raise_if_any(ConfigError)


def test_the_command_line_reads_options_where_python_reads_arguments():
    options = {"column_kinds": "--kind", "max_trials": "--trials", "pretrained": "--pretrained"}
    error = ConfigError("must be positive, got 0.", argument="max_trials")
    assert str(error).startswith("max_trials must")
    with command_line_spelling(options):
        assert str(error) == "--trials must be positive, got 0."
        assert spelled("column_kinds", {"a b": "unused"}) == "--kind 'a b=unused'"
        assert spelled("pretrained", None) == "--pretrained none"
        assert spelled("other", 3) == "other=3"
    assert str(error).startswith("max_trials must")


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    error = MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot")
    assert (error.package, error.extra, error.command) == ("matplotlib", "plot", "pip install 'medley[plot]'")
    assert isinstance(error, ImportError)
    assert pickle.loads(pickle.dumps(error)).command == error.command
