"""The registry: names in saved files, and the classes or factories they refer to.

A name is `slice.part` ("image.conv"). A name that is not known yet makes its slice import, which registers it:
the only import that goes up in the architecture. Other packages announce slices under the entry point group
`medley.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

from medley.errors import ConfigError, NotRegisteredError, did_you_mean

T = TypeVar("T")

DECLARATIONS = ("core", "tables", "tabular", "image", "text", "audio", "series", "fusion", "heads", "linear")
"""Slices that declare kinds, inputs, encoders, fusions and heads; importing them does not import torch."""

SLICES = (*DECLARATIONS, "balance", "nn", "train")

_known: dict[str, Any] = {}
_names: dict[int, str] = {}


def register(name: str) -> Callable[[T], T]:
    """Registers a class or a factory under a name that saved models may contain.

    Args:
        name: `slice.part`, once only; the same object may be registered again under its own name.

    Raises:
        ConfigError: the name is taken by something else.

    >>> @register("doctest.twice")
    ... def twice(x: int) -> int:
    ...     return 2 * x
    >>> lookup("doctest.twice")(4), name_of(twice)
    (8, 'doctest.twice')
    """

    def keep(thing: T) -> T:
        taken = _known.get(name)
        if taken is not None and taken is not thing and _path(taken) != _path(thing):
            raise ConfigError(f"The name {name!r} is taken by {_path(taken)}; register {_path(thing)} under another.")
        _known[name] = thing
        _names[id(thing)] = name
        return thing

    return keep


def _path(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def lookup(name: str) -> Any:
    """Returns what is registered under a name; imports its slice first if necessary.

    Raises:
        NotRegisteredError: nothing is registered under that name.
    """
    if name not in _known:
        _import_slice(name.partition(".")[0])
    if name not in _known:
        raise NotRegisteredError(
            f"Nothing is registered under {name!r}. A part of your own must be imported (and so registered) before a "
            "file that names it is loaded; on the command line, with --import MODULE."
            f"{did_you_mean(name, sorted(_known))}"
        )
    return _known[name]


def name_of(thing: Any) -> str | None:
    """The name a class or factory was registered under, or None."""
    return _names.get(id(thing))


def registered(kind: type[T]) -> dict[str, type[T]]:
    """Every registered subclass of `kind`, all slices imported: what contract tests walk over."""
    return _subclasses(kind, SLICES)


def declared(kind: type[T]) -> dict[str, type[T]]:
    """Every registered subclass of `kind` that a slice of declarations holds; imports no torch."""
    return _subclasses(kind, DECLARATIONS)


def registered_elsewhere() -> dict[str, Any]:
    """What modules outside medley have registered so far, by name."""
    return {name: thing for name, thing in _known.items() if not f"{_path(thing)}.".startswith("medley.")}


def _subclasses(kind: type[T], slices: Sequence[str]) -> dict[str, type[T]]:
    _import_slices(tuple(slices))
    return {n: t for n, t in sorted(_known.items()) if isinstance(t, type) and issubclass(t, kind)}


@cache  # looking for entry points takes milliseconds, and every column of a table asks
def _import_slices(names: tuple[str, ...]) -> None:
    for name in names:
        _import_slice(name)
    for point in entry_points(group="medley.blocks"):
        point.load()


def _import_slice(name: str) -> None:
    if name in SLICES:
        try:
            import_module(f"medley.{name}")
        except ModuleNotFoundError as missing:
            # A slice that was left out of this installation is not an error until one of its names is needed.
            if missing.name != f"medley.{name}":
                raise
        return
    for point in entry_points(group="medley.blocks", name=name):
        point.load()
