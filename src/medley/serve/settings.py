"""What can be set of a server: limits of requests, batching, the engine, the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any, Literal, Self

from medley.core.arguments import check_whole_number
from medley.errors import ConfigError, ErrorCollector, did_you_mean

ENGINES = ("auto", "onnx", "torch")
"""`"onnx"`: the exported network; `"torch"`: the network itself; `"auto"`: the exported one where it can be had."""


@dataclass(frozen=True)
class Limits:
    """What a request may ask for; more is refused before work is done on it.

    Args:
        body_bytes: size of a request.
        rows: rows per request.
        depth: levels of lists and objects in JSON.
        pixels: of an image.
        audio_seconds: length of a recording.
        seconds: time in which a request is answered; then it gets the status 504.
    """

    body_bytes: int = 32 * 2**20
    rows: int = 10_000
    depth: int = 16
    pixels: int = 50_000_000
    audio_seconds: float = 600.0
    seconds: float = 30.0

    def check(self, errors: ErrorCollector) -> None:
        """Adds an error for each limit that is not positive."""
        for name in ("body_bytes", "rows", "depth", "pixels"):
            check_whole_number(errors, getattr(self, name), name, optional=False)
        for name in ("audio_seconds", "seconds"):
            check_positive(errors, getattr(self, name), name)


@dataclass(frozen=True)
class Batching:
    """How requests of several clients are run together.

    Args:
        rows: a batch is full with so many rows.
        milliseconds: how long a batch waits for requests that are already arriving; a single client never waits.
        queue: rows that may wait; more are refused with the status 503.
    """

    rows: int = 256
    milliseconds: float = 2.0
    queue: int = 20_000

    def check(self, errors: ErrorCollector) -> None:
        """Adds an error for each value that is out of range."""
        for name in ("rows", "queue"):
            check_whole_number(errors, getattr(self, name), name, optional=False)
        check_positive(errors, self.milliseconds, "milliseconds", or_zero=True)


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    Args:
        engine: one of `ENGINES`.
        device: where a network of torch runs.
        threads: threads per prediction of an exported network.
        api_key: if set, requests must carry it; except for the page itself and the health checks.
        reload_seconds: how often saved models are looked at; one that was replaced is loaded. 0 never looks.
        explained_rows: rows of a request that may be explained.
        limits: of requests.
        batching: of requests.
        exports: folder for exported networks, which several processes may share; by default a temporary one.

    Raises:
        ConfigError: a value is out of range; all errors are reported at once.
    """

    engine: Literal["auto", "onnx", "torch"] = "auto"
    device: str = "cpu"
    threads: int = 1
    api_key: str | None = field(default=None, repr=False)
    reload_seconds: float = 2.0
    explained_rows: int = 16
    limits: Limits = Limits()
    batching: Batching = Batching()
    exports: str | None = None

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        if self.engine not in ENGINES:
            errors.add(f"is {self.engine!r}.{did_you_mean(self.engine, ENGINES)}", argument="engine")
        if self.api_key is not None and not self.api_key.strip():
            errors.add("must not be empty; leave it out to serve without a key.", argument="api_key")
        check_whole_number(errors, self.threads, "threads", optional=False)
        check_whole_number(errors, self.explained_rows, "explained_rows", at_least=0, optional=False)
        check_positive(errors, self.reload_seconds, "reload_seconds", or_zero=True)
        self.limits.check(errors)
        self.batching.check(errors)
        errors.raise_if_any(ConfigError)

    def state(self) -> dict[str, Any]:
        """The settings as JSON values, for other processes of the server."""
        return asdict(self)

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        nested = {"limits": Limits(**state["limits"]), "batching": Batching(**state["batching"])}
        return cls(**{**state, **nested})


def check_positive(errors: ErrorCollector, value: Any, argument: str, *, or_zero: bool = False) -> None:
    """Adds an error if a value is not a positive number.

    >>> errors = ErrorCollector()
    >>> check_positive(errors, -1, "seconds")
    >>> print(errors.errors[0])
    seconds must be a positive number, got -1.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (0 <= float(value) < float("inf")) or (value == 0 and not or_zero):
        errors.add(f"must be a positive number{' or 0' if or_zero else ''}, got {value!r}.", argument=argument)
