"""One tree of exceptions and one of warnings: each names the thing, the rule, the value that came and the way out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches


class MedleyError(Exception):
    """Anything that medley raises on purpose."""


class ConfigError(MedleyError, ValueError):
    """An argument or a declaration breaks a rule."""


class DataError(MedleyError, ValueError):
    """The rows break a rule: shapes, types, empty tables, one class only."""


class GraphError(MedleyError, ValueError):
    """Blocks are joined in a way no network can follow."""


class SearchError(MedleyError, RuntimeError):
    """No trial ended well; the message holds every trial's reason."""


class ArtifactError(MedleyError, ValueError):
    """A saved model is incomplete, damaged, or names something that is not registered here."""


class NotFittedError(MedleyError, RuntimeError):
    """Something was asked of an object before it was fitted."""


class MissingDependencyError(MedleyError, ImportError):
    """An optional package is needed; the message holds the command that installs it."""


class MedleyWarning(UserWarning):
    """Anything that medley warns of: it goes on, and says with what."""


class BadImageWarning(MedleyWarning):
    """Images that cannot be read are taken as missing; the message lists their rows."""


def warn(message: str, category: type[Warning] = MedleyWarning) -> None:
    """Warns of something at the line of the caller's own that led here, however deep in medley it was found."""
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


class Mistakes:
    """Collects every mistake of one call, so that all are told at once.

    >>> mistakes = Mistakes()
    >>> mistakes.add("epochs must be positive, got 0.")
    >>> mistakes.add("batch_size must be positive, got -1.")
    >>> mistakes.stop(ConfigError)
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: 2 mistakes:
    - epochs must be positive, got 0.
    - batch_size must be positive, got -1.
    """

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, message: str) -> None:
        """Notes one mistake."""
        self.found.append(message)

    def take(self, error: MedleyError) -> None:
        r"""Notes what an error tells, each of its mistakes by itself.

        >>> mistakes = Mistakes()
        >>> mistakes.take(ConfigError("2 mistakes:\n- one\n- two"))
        >>> mistakes.found
        ['one', 'two']
        """
        first, *more = str(error).split("\n- ")
        self.found += more or [first]

    def stop(self, kind: type[MedleyError]) -> None:
        """Raises `kind` with all that was noted; does nothing where nothing was."""
        if len(self.found) == 1:
            raise kind(self.found[0])
        if self.found:
            raise kind("\n".join([f"{len(self.found)} mistakes:", *(f"- {one}" for one in self.found)]))
