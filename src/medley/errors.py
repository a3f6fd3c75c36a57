"""One tree of exceptions and one of warnings: each names the thing, the rule, the value that came and the way out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Self, TypeVar

E = TypeVar("E", bound="MedleyError")


class MedleyError(Exception):
    """Anything that medley raises on purpose.

    Args:
        message: one or several sentences: the thing, the rule, the value that came, the way out.
        where: the part or the data that the message is about, from the outside in: an input's name, "validation_data".
        argument: the caller's argument that is at fault, by its Python name; the command line shows its option.
        causes: the errors that this one reports together; `message` then only introduces them.

    Attributes:
        message: as given.
        where: as given, as a tuple.
        argument: as given.
        causes: as given, as a tuple.

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

    def text(self, *, argument: str | None = None) -> str:
        """The whole sentence, with `argument` spelled as the reader knows it."""
        name = argument or self.argument
        return ": ".join([*self.where, f"{name} {self.message}" if name else self.message])

    def __str__(self) -> str:
        lines = [self.text(), *(f"- {error}" for error in self.causes)]
        return "\n".join(lines)

    def within(self, where: str) -> Self:
        """The same error, seen from one level further out: `where` is put before what it names already."""
        if where:
            self.where = (where, *self.where)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.message, self.where, self.argument, self.causes)


def _rebuilt(
    kind: type[MedleyError],
    message: str,
    where: tuple[str, ...],
    argument: str | None,
    causes: tuple[MedleyError, ...],
) -> MedleyError:
    return kind(message, where=where, argument=argument, causes=causes)


class ConfigError(MedleyError, ValueError):
    """An argument or a declaration breaks a rule."""


class DataError(MedleyError, ValueError):
    """The rows break a rule: shapes, types, empty tables, one class only."""


class GraphError(MedleyError, ValueError):
    """Blocks are joined in a way no network can follow."""


class SearchError(MedleyError, RuntimeError):
    """All trials of a search failed; the message holds every trial's reason."""


class ArtifactError(MedleyError, ValueError):
    """A saved model is incomplete, damaged, or names something that is not registered here."""


class NotFittedError(MedleyError, RuntimeError):
    """Something was asked of an object before it was fitted."""


class MissingDependencyError(MedleyError, ImportError):
    """An optional package is needed; the message holds the command that installs it."""


class MedleyWarning(UserWarning):
    """Anything that medley warns of: it continues, and the message says with what."""


class BadImageWarning(MedleyWarning):
    """Images that cannot be read are treated as missing; the message lists their rows."""


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
    return f" Choose from: {', '.join(map(repr, names))}." if names else ""


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
            for where in reversed(error.where):
                cause.within(where)
            self.collect(cause)

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
        """Everything that was collected, one error at least, as one `kind`."""
        if len(self.errors) == 1:
            error = self.errors[0]
            return kind(error.message, where=error.where, argument=error.argument)
        return kind(f"{len(self.errors)} errors:", causes=self.errors)

    def raise_if_any(self, kind: type[MedleyError]) -> None:
        """Raises a `kind` with everything that was collected; does nothing where nothing was."""
        if self.errors:
            raise self.as_error(kind)
