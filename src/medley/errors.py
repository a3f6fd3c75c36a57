"""One tree of exceptions and one of warnings: each names the thing, the rule, the value that came and the way out.

Errors are objects. They keep their parts (`where`, `argument`, `causes`) and become text only when they are printed:

- Where a caller's argument breaks a rule, it is named by `argument=` and the message goes on from there:
  `ConfigError("must be positive, got 0.", argument="epochs")`.
- Where a sentence names another argument, it is written with `spelled`: `f"leave it out with {spelled('inputs')}"`.
- A caller of Python reads the names of arguments. The command line wraps a command in `command_line_spelling`, and its
  users read options.
- To say where an error happened, use `within`; to report several errors at once, use `ErrorCollector`. Neither touches
  a message.
"""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from difflib import get_close_matches
from typing import Self, TypeVar

E = TypeVar("E", bound="MedleyError")

_OPTIONS: ContextVar[tuple[Mapping[str, str], Mapping[str, str]]] = ContextVar("options", default=({}, {}))


def spelled(argument: str, *value: object) -> str:
    """An argument as the reader of a message writes it: in Python, or as an option of the command line.

    Args:
        argument: its name in Python.
        value: the value to write behind it, if any; a dict is an option per key on the command line.

    >>> spelled("inputs"), spelled("root", "my photos"), spelled("column_kinds", {"age": "number"})
    ('inputs', "root='my photos'", "column_kinds={'age': 'number'}")
    >>> with command_line_spelling({"inputs": "--input", "root": "--root", "column_kinds": "--kind"}):
    ...     spelled("inputs"), spelled("root", "my photos"), spelled("column_kinds", {"age": "number"})
    ('--input', "--root 'my photos'", '--kind age=number')
    """
    option = _OPTIONS.get()[0].get(argument)
    if option is None:
        return f"{argument}={value[0]!r}" if value else argument
    match value:
        case () | (True,):
            return _OPTIONS.get()[1].get(argument, option) if not value else option
        case (Mapping() as pairs,):
            return " ".join(f"{option} {shlex.quote(f'{key}={item}')}" for key, item in pairs.items())
    return f"{option} {shlex.quote('none' if value[0] is None else str(value[0]))}"


@contextmanager
def command_line_spelling(options: Mapping[str, str], keys: Mapping[str, str] | None = None) -> Iterator[None]:
    """Names arguments by their options in all messages that are made or printed inside.

    Args:
        options: Python's argument -> option. Arguments without an option stay as they are.
        keys: Python's argument -> where its value comes from, if not from an option: a key of a file.

    >>> error = ConfigError("must be positive, got 0.", argument="max_trials")
    >>> with command_line_spelling({"max_trials": "--trials"}):
    ...     print(error)
    --trials must be positive, got 0.
    """
    token = _OPTIONS.set((options, keys or {}))
    try:
        yield
    finally:
        _OPTIONS.reset(token)


class MedleyError(Exception):
    """Anything that medley raises on purpose.

    Args:
        message: one or several sentences: the thing, the rule, the value that came, the way out. It continues
            `argument`, where there is one.
        where: the part or the data that the message is about, from the outside in: an input's name, "validation_data".
        argument: the caller's argument that is at fault, by its Python name; the command line shows its option.
        causes: the errors that this one reports together; `message` then only introduces them.

    Attributes:
        message: as passed.
        where: as passed, as a tuple.
        argument: as passed.
        causes: as passed, as a tuple.

    Errors can be copied and pickled. A subclass that takes more arguments gives them defaults and keeps what it needs
    as attributes: a copy is made of `message` and the attributes.

    >>> error = ConfigError("must be positive, got 0.", where="encoder", argument="epochs")
    >>> str(error), error.argument
    ('encoder: epochs must be positive, got 0.', 'epochs')
    """

    def __init__(
        self,
        message: str = "",
        *,
        where: str | Sequence[str] = (),
        argument: str | None = None,
        causes: Sequence[MedleyError] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where: tuple[str, ...] = ((where,) if where else ()) if isinstance(where, str) else tuple(where)
        self.argument = argument
        self.causes = tuple(causes)

    def text(self) -> str:
        """The sentence without the causes, with the argument spelled as its reader knows it."""
        return ": ".join([*self.where, f"{spelled(self.argument)} {self.message}" if self.argument else self.message])

    def __str__(self) -> str:
        causes = (str(cause).replace("\n", "\n  ") for cause in self.causes)
        return "\n".join([self.text(), *(f"- {cause}" for cause in causes)])

    def within(self, where: str) -> Self:
        """This error, seen from one level further out: `where` is put before what it names already."""
        if where:
            self.where = (where, *self.where)
        return self


class ConfigError(MedleyError, ValueError):
    """An argument or a declaration breaks a rule."""


class NotRegisteredError(ConfigError):
    """Nothing is registered under a name: the module that registers it has not been imported, or the name is wrong."""


class DataError(MedleyError, ValueError):
    """The rows break a rule: shapes, types, empty tables, one class only."""


class GraphError(MedleyError, ValueError):
    """Blocks are joined in a way no network can follow."""


class SearchError(MedleyError, RuntimeError):
    """All trials of a search failed; the message holds every trial's reason."""


class ArtifactError(MedleyError, ValueError):
    """A saved model is incomplete, damaged, or names something that is not registered here."""


def as_artifact_error(error: MedleyError) -> MedleyError:
    """The same error as one of a saved model's: what it names comes from a file, and not from the caller.

    Args:
        error: of any class; a package that is not installed and a part that is not registered stay what they are.

    >>> as_artifact_error(ConfigError("must be positive, got 0.", argument="epochs"))
    ArtifactError('must be positive, got 0.')
    """
    if isinstance(error, ArtifactError | MissingDependencyError | NotRegisteredError):
        return error
    converted = ArtifactError(error.message, where=error.where, argument=error.argument, causes=error.causes)
    converted.__cause__ = error.__cause__
    return converted


class NotFittedError(MedleyError, RuntimeError):
    """Something was asked of an object before it was fitted."""


class MissingDependencyError(MedleyError, ImportError):
    """An optional package is needed and cannot be imported; the message ends in the command that installs it.

    Args:
        message: what needs which package.
        package: the package, by its name on the index.
        extra: medley's extra that installs it, where there is one.
        where: as in `MedleyError`.
        argument: as in `MedleyError`.
        causes: as in `MedleyError`.

    Attributes:
        package: as passed.
        extra: as passed.
        command: what installs it.

    >>> error = MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot")
    >>> print(error)
    Plots need matplotlib. Install it: pip install 'medley[plot]'
    """

    def __init__(
        self,
        message: str = "",
        *,
        package: str = "",
        extra: str = "",
        where: str | Sequence[str] = (),
        argument: str | None = None,
        causes: Sequence[MedleyError] = (),
    ) -> None:
        self.package = package
        self.extra = extra
        self.command = (
            f"pip install {shlex.quote(f'medley[{extra}]' if extra else package)}" if extra or package else ""
        )
        sentence = f"{message} Install it: {self.command}" if self.command else message
        super().__init__(sentence, where=where, argument=argument, causes=causes)


_PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn"}
"""Modules whose package has another name on the index."""


def missing_package(error: ModuleNotFoundError, user: str) -> MissingDependencyError:
    """The error for a package that an import did not find.

    Args:
        error: as raised by the import.
        user: what needs the package, for the message.

    >>> print(missing_package(ModuleNotFoundError("No module named 'sklearn'", name="sklearn.metrics"), "md.fit"))
    md.fit needs scikit-learn, which is not installed. Install it: pip install scikit-learn
    """
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module)
    missing = MissingDependencyError(f"{user} needs {package}, which is not installed.", package=package)
    missing.name, missing.__cause__ = error.name, error
    return missing


def is_missing_part(error: BaseException) -> bool:
    """Whether an import did not find a module of medley itself, which is a defect and no missing package."""
    if not isinstance(error, ModuleNotFoundError) or isinstance(error, MedleyError):
        return False
    return (error.name or "medley").partition(".")[0] == "medley"


class MedleyWarning(UserWarning):
    """Anything that medley warns of: it continues, and the message says with what."""


class BadAudioWarning(MedleyWarning):
    """Recordings that cannot be read are treated as missing; the message lists their rows."""


class BadImageWarning(MedleyWarning):
    """Images that cannot be read are treated as missing; the message lists their rows."""


class UnreadableCellWarning(MedleyWarning):
    """Cells of a table that cannot be read as the kind of their column count as missing; the message lists them."""


class WeakModelWarning(MedleyWarning):
    """A model predicts no better than a constant or linear models, or had too little time; the message says where."""


def warn(message: str, category: type[Warning] = MedleyWarning) -> None:
    """Warns at the line of the caller's own code that led here, however deep inside medley the reason is."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "medley":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """A hint that ends an error message.

    Args:
        word: what the caller wrote.
        options: what would have been right.

    Returns:
        `" Did you mean 'x'?"` where something is close, else the options.

    >>> did_you_mean("desnse", ["dense", "conv"])
    " Did you mean 'dense'?"
    >>> did_you_mean("q", ["dense", "conv"])
    " Choose from: 'dense', 'conv'."
    """
    names = [str(option) for option in options]
    close = get_close_matches(str(word), names, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Choose from: {listing(map(repr, names))}." if names else ""


def listing(words: Iterable[str], see: str = "", most: int = 10) -> str:
    """Words as a list in a sentence, cut where there are many.

    Args:
        words: as they are shown.
        see: where all of them can be seen, in a few words.
        most: how many are shown; one or two more are, too, as it takes no more room.

    >>> listing(["a", "b"]), listing(map(str, range(190)), see="see `medley inspect`", most=3)
    ('a, b', '0, 1, 2 and 187 more (see `medley inspect`)')
    """
    shown = list(words)
    if len(shown) <= most + 2:
        return ", ".join(shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most:,} more{f' ({see})' if see else ''}"


@contextmanager
def within(where: str) -> Iterator[None]:
    """Puts `where` before the message of every error of ours that is raised inside.

    >>> with within("validation_data"):
    ...     raise DataError("it holds no rows.")
    Traceback (most recent call last):
        ...
    medley.errors.DataError: validation_data: it holds no rows.
    """
    try:
        yield
    except MedleyError as error:
        error.within(where)
        raise


class ErrorCollector:
    """Collects every error of one call, so that all are reported at once.

    >>> errors = ErrorCollector()
    >>> errors.add("must be positive, got 0.", argument="epochs")
    >>> errors.add("must be positive, got -1.", argument="batch_size")
    >>> errors.raise_if_any(ConfigError)
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: 2 errors:
    - epochs must be positive, got 0.
    - batch_size must be positive, got -1.
    """

    def __init__(self) -> None:
        self.errors: list[MedleyError] = []

    def add(self, message: str, *, where: str | Sequence[str] = (), argument: str | None = None) -> None:
        """Adds an error; the arguments are those of `MedleyError`."""
        self.errors.append(MedleyError(message, where=where, argument=argument))

    def collect(self, error: MedleyError) -> None:
        """Adds an error that was raised; where it reports several, each of them by itself.

        >>> errors = ErrorCollector()
        >>> errors.collect(ConfigError("2 errors:", where="photo", causes=[ConfigError("a."), ConfigError("b.")]))
        >>> [str(error) for error in errors.errors]
        ['photo: a.', 'photo: b.']
        """
        if not error.causes:
            self.errors.append(error)
        for cause in error.causes:
            self.collect(_outside(cause, error.where))

    @contextmanager
    def collecting(self, kind: type[MedleyError] = MedleyError) -> Iterator[None]:
        """Collects an error of this kind that is raised inside, and continues after the block.

        >>> errors = ErrorCollector()
        >>> with errors.collecting():
        ...     raise DataError("no rows.")
        >>> len(errors.errors)
        1
        """
        try:
            yield
        except kind as error:
            self.collect(error)

    def as_error(self, kind: type[E]) -> E:
        """Everything that was collected, one error at least, as one `kind`.

        A single error that is a `kind` is returned itself; of another class, it becomes the `__cause__`.
        """
        if len(self.errors) > 1:
            return kind(f"{len(self.errors)} errors:", causes=self.errors)
        error = self.errors[0]
        if isinstance(error, kind):
            return error
        converted = kind(error.message, where=error.where, argument=error.argument)
        converted.__cause__ = error.__cause__ if type(error) is MedleyError else error
        return converted

    def raise_if_any(self, kind: type[MedleyError]) -> None:
        """Raises a `kind` with everything that was collected; does nothing where nothing was."""
        if self.errors:
            raise self.as_error(kind)


def _outside(error: E, where: Sequence[str]) -> E:
    """The same error with `where` before its own; a copy, as whoever raised it may print it too."""
    if not where:
        return error
    outside = copy(error)
    outside.where = (*where, *error.where)
    outside.__cause__, outside.__traceback__ = error.__cause__, error.__traceback__
    return outside
