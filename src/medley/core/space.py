"""Search spaces: ranges of values in the fields of a block, of which each trial chooses one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, field
from typing import Any

from medley.errors import ConfigError


class Space(ABC):
    """A search space: a set of values with a default. The subclasses are `Int`, `Float` and `OneOf`."""

    default: Any

    @abstractmethod
    def __contains__(self, value: object) -> bool: ...

    @abstractmethod
    def nearest(self, value: Any) -> Any:
        """The member closest to `value`: a suggested default may lie outside the caller's range."""


def _check_range(name: str, low: float, high: float, *, log: bool) -> None:
    if low > high:
        raise ConfigError(f"{name}: low must not exceed high, got low={low}, high={high}.")
    if log and low <= 0:
        raise ConfigError(f"{name}: a logarithmic range starts above 0, got low={low}.")


def _check_default(name: str, space: Space) -> None:
    if space.default not in space:
        raise ConfigError(f"{name}: the default {space.default!r} lies outside the range; pass a member of {space!r}.")


@dataclass(frozen=True)
class Int(Space):
    """Whole numbers from `low` to `high`, both included.

    >>> 3 in Int(1, 4), Int(1, 4).default, Int(1, 4).nearest(9)
    (True, 1, 4)
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _check_range("Int", self.low, self.high, log=self.log)
        if self.step < 1:
            raise ConfigError(f"Int: step must be at least 1, got {self.step}.")
        object.__setattr__(self, "default", self.low if self.default is None else self.default)
        _check_default("Int", self)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def nearest(self, value: Any) -> int:
        """The closest whole number on the grid."""
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return self.low + min(steps, (self.high - self.low) // self.step) * self.step


@dataclass(frozen=True)
class Float(Space):
    """Real numbers from `low` to `high`, uniform or (`log=True`) uniform in the logarithm.

    >>> 1e-3 in Float(1e-4, 1e-2, log=True)
    True
    """

    low: float
    high: float
    log: bool = False
    default: float = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _check_range("Float", self.low, self.high, log=self.log)
        object.__setattr__(self, "default", self.low if self.default is None else self.default)
        _check_default("Float", self)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def nearest(self, value: Any) -> float:
        """The value, clipped to the range."""
        return float(min(max(value, self.low), self.high))


class OneOf(Space):
    """One of a few values: strings, numbers, booleans, or whole blocks.

    Args:
        choices: the choices, at least one. None is not allowed: it means that a field is unset.
        default: the choice of trial 0; by default the first.

    >>> OneOf(3, 5, 7).default, 5 in OneOf(3, 5, 7), OneOf(16, 64, 256).nearest(100)
    (3, True, 64)
    """

    def __init__(self, *choices: Any, default: Any = None) -> None:
        if not choices:
            raise ConfigError("OneOf needs at least one choice, got none.")
        if any(choice is None for choice in choices):
            raise ConfigError("OneOf cannot contain None, which means that a field is unset. Use 'none' or False.")
        self.choices = choices
        self.default = choices[0] if default is None else default
        if self.default not in choices:
            raise ConfigError(f"OneOf: the default {default!r} is not one of {choices!r}.")

    def __contains__(self, value: object) -> bool:
        return any(value is choice or (type(value) is type(choice) and value == choice) for choice in self.choices)

    def nearest(self, value: Any) -> Any:
        """`value` if it is a choice, else the closest number, else the default."""
        if value in self:
            return value
        numbers = [c for c in self.choices if isinstance(c, int | float) and not isinstance(c, bool)]
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return min(numbers, key=lambda number: abs(number - value))
        return self.default

    def __eq__(self, value: object) -> bool:
        return isinstance(value, OneOf) and (self.choices, self.default) == (value.choices, value.default)

    def __hash__(self) -> int:
        return hash((self.choices, self.default))

    def __repr__(self) -> str:
        return f"OneOf({', '.join(map(repr, self.choices))}, default={self.default!r})"


def searched(space: Space, *, other_types: type | tuple[type, ...] = ()) -> Any:
    """Declares a field of a block that is searched over `space` if the caller leaves it unset.

    Args:
        space: the range.
        other_types: types besides numbers that a caller may set; the block's `check` validates such values.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Part:
    ...     size: int | None = searched(Int(1, 8, default=4))
    >>> Part().size is None, space_of(Part, "size").default
    (True, 4)
    """
    return field(default=None, metadata={"space": space, "other_types": other_types})


def space_of(declaration: Any, name: str) -> Space | None:
    """The search space of a field, or None for a field that is never searched."""
    entry = declaration.__dataclass_fields__.get(name, MISSING)
    return None if entry is MISSING else entry.metadata.get("space")


def default_of(value: Any) -> Any:
    """The default of a space; other values unchanged.

    Args:
        value: of a field.

    >>> default_of(OneOf(1.0, 2.0)), default_of(0.5)
    (1.0, 0.5)
    """
    return value.default if isinstance(value, Space) else value
