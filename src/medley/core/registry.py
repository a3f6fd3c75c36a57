"""The registry: names in saved files, and the classes or factories they refer to.

A name is `package.part` ("image.conv"). If a name is not registered yet, its package is imported, which registers it:
the only upward import in the architecture. A method whose work is done by a higher package reaches it by `operation`.
Other distributions announce packages under the entry point group `medley.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

from medley.errors import ConfigError, NotRegisteredError, did_you_mean

T = TypeVar("T")

DECLARATIONS = ("core", "tables", "tabular", "image", "text", "audio", "series", "fusion", "heads", "linear")
"""Packages that declare kinds, inputs, encoders, fusions and heads; importing them does not import torch."""

SLICES = (*DECLARATIONS, "balance", "nn", "train")

OPERATIONS = ("report", "auto")
"""Packages above `model` whose functions stand behind methods of the objects below them: see `operation`."""

_objects: dict[str, Any] = {}
_names: dict[int, str] = {}


def register(name: str) -> Callable[[T], T]:
    """Registers a class or a factory under the name by which saved models refer to it.

    Args:
        name: `package.part`; must be unique. Registering the same object again is allowed.

    Raises:
        ConfigError: another object has this name.

    >>> @register("doctest.twice")
    ... def twice(x: int) -> int:
    ...     return 2 * x
    >>> lookup("doctest.twice")(4), name_of(twice)
    (8, 'doctest.twice')
    """

    def add(obj: T) -> T:
        existing = _objects.get(name)
        if existing is not None and existing is not obj and _path(existing) != _path(obj):
            raise ConfigError(f"The name {name!r} is taken by {_path(existing)}; register {_path(obj)} under another.")
        _objects[name] = obj
        _names[id(obj)] = name
        _subclasses.cache_clear()
        return obj

    return add


def _path(obj: Any) -> str:
    return f"{getattr(obj, '__module__', '?')}.{getattr(obj, '__qualname__', type(obj).__qualname__)}"


def lookup(name: str) -> Any:
    """Returns the object that is registered under a name; imports its package first if necessary.

    Raises:
        NotRegisteredError: the name is not registered.
    """
    package = name.partition(".")[0]
    if name not in _objects:
        _import_slice(package)
    if name not in _objects or package in OPERATIONS:
        raise NotRegisteredError(
            f"Nothing is registered under {name!r}. A custom part must be imported, and thereby registered, before a "
            "file that names it is loaded; on the command line, with --import MODULE."
            f"{did_you_mean(name, sorted(_objects))}"
        )
    return _objects[name]


def operation(name: str) -> Callable[..., Any]:
    """The function of a higher package that does the work of a method: `Model.report` calls `report.page`.

    Saved files cannot name operations: `lookup` does not return them. The method has the signature of the function,
    except for `self` (tests/contracts/test_operations.py), so that callers see types although nothing is imported.

    Args:
        name: `package.module`, of a package in `OPERATIONS`; the module registers the function under this name, and is
            imported when the method is first called.

    >>> operation("report.page").__name__
    'report'
    """
    if name not in _objects:
        package, _, module = name.partition(".")
        assert package in OPERATIONS, name
        import_module(f"medley.{package}.{module}")
    return _objects[name]


def name_of(obj: Any) -> str | None:
    """The registered name of a class or factory, or None."""
    return _names.get(id(obj))


def registered(kind: type[T]) -> dict[str, type[T]]:
    """All registered subclasses of `kind`, by name; imports all packages. Used by contract tests."""
    return dict(_subclasses(kind, SLICES))


def declared(kind: type[T]) -> dict[str, type[T]]:
    """All registered subclasses of `kind` in packages of declarations, by name; does not import torch."""
    return dict(_subclasses(kind, DECLARATIONS))


def find_declared(kind: type[T], is_match: Callable[[type[T]], bool]) -> type[T] | None:
    """The declared subclass of `kind` that matches; packages after the one that has it are not imported.

    >>> find_declared(object, lambda thing: thing.__name__ == "nothing") is None
    True
    """
    for stop in range(1, len(DECLARATIONS) + 1):
        for thing in _subclasses(kind, DECLARATIONS[:stop]).values():
            if is_match(thing):
                return thing
    return None


def registered_elsewhere() -> dict[str, Any]:
    """What modules outside medley have registered so far, by name."""
    return {name: thing for name, thing in _objects.items() if not f"{_path(thing)}.".startswith("medley.")}


@cache  # asked for every column of every table, and every row of a server is a table
def _subclasses(kind: type[T], slices: tuple[str, ...]) -> dict[str, type[T]]:
    _import_slices(slices)
    return {n: t for n, t in sorted(_objects.items()) if isinstance(t, type) and issubclass(t, kind)}


@cache  # finding entry points takes milliseconds, and is required for every column of a table
def _import_slices(names: tuple[str, ...]) -> None:
    for name in names:
        _import_slice(name)
    if set(DECLARATIONS) <= set(names):
        for point in entry_points(group="medley.blocks"):
            point.load()


def _import_slice(name: str) -> None:
    if name in SLICES:
        try:
            import_module(f"medley.{name}")
        except ModuleNotFoundError as missing:
            # A package that is not installed is not an error until one of its names is looked up.
            if missing.name != f"medley.{name}":
                raise
        return
    for point in entry_points(group="medley.blocks", name=name):
        point.load()
