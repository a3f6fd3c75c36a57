"""Checks of numeric arguments, each rule in one place."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any

from medley.core.space import Space
from medley.errors import ErrorCollector


def check_whole_number(
    errors: ErrorCollector, value: Any, argument: str, *, at_least: int = 1, optional: bool = True, where: str = ""
) -> None:
    """Adds an error if a value is not a whole number of at least `at_least`.

    Args:
        errors: receives the error.
        value: the value passed by the caller.
        argument: name of the argument.
        at_least: the smallest valid number.
        optional: whether None is valid.
        where: name of the declaration that has the argument, unless it is an argument of the call.

    >>> errors = ErrorCollector()
    >>> check_whole_number(errors, 0, "epochs")
    >>> print(errors.errors[0])
    epochs must be a whole number of at least 1, got 0.
    """
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        message = f"must be a whole number of at least {at_least}, got {value!r}."
        errors.add(message, argument=argument, where=where)


def check_fraction(errors: ErrorCollector, value: Any, argument: str) -> None:
    """Adds an error if a value is not a number between 0 and 1, both excluded.

    Args:
        errors: receives the error.
        value: the value passed by the caller.
        argument: name of the argument.

    >>> errors = ErrorCollector()
    >>> check_fraction(errors, 1.5, "validation_split")
    >>> print(errors.errors[0])
    validation_split must lie between 0 and 1, got 1.5.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        errors.add(f"must lie between 0 and 1, got {value!r}.", argument=argument)


def whole_number_problem(
    value: Any, name: str, *, at_least: int = 1, optional: bool = True, searchable: bool = True
) -> Iterator[str]:
    """Yields a sentence if the value of a block's field is not a whole number of at least `at_least`.

    Args:
        value: of the field.
        name: of the field.
        at_least: the smallest valid number.
        optional: whether None is valid.
        searchable: whether a search space is valid.

    >>> list(whole_number_problem(0, "filters"))
    ['filters must be a whole number of at least 1, got 0.']
    """
    if (value is None and optional) or (isinstance(value, Space) and searchable):
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        yield f"{name} must be a whole number of at least {at_least}, got {value!r}."


def whole_number_problems(
    block: Any, *names: str, at_least: int = 1, optional: bool = True, searchable: bool = True
) -> Iterator[str]:
    """Yields a sentence per field of a block that is not a whole number of at least `at_least`.

    Args:
        block: has the fields.
        names: of the fields.
        at_least: the smallest valid number.
        optional: whether None is valid.
        searchable: whether a search space is valid.

    >>> from types import SimpleNamespace
    >>> list(whole_number_problems(SimpleNamespace(filters=8, kernel_size=2.5), "filters", "kernel_size"))
    ['kernel_size must be a whole number of at least 1, got 2.5.']
    """
    for name in names:
        value = getattr(block, name)
        yield from whole_number_problem(value, name, at_least=at_least, optional=optional, searchable=searchable)
