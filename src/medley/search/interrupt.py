"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Inside, Ctrl-C raises `KeyboardInterrupt` as ever, and is remembered.

    An interrupt that comes while a package is imported or an object destroyed is raised where nobody hears it: Python
    reports such errors and goes on. Whoever runs for long asks `came` now and then. Where the caller has a handler of
    its own, or in another thread than the first, nothing is changed.

    Attributes:
        came: whether Ctrl-C was pressed.

    >>> with Interrupts() as interrupts:
    ...     interrupts.came
    False
    """

    def __init__(self) -> None:
        self.came = False
        self._ours = False

    def __enter__(self) -> Self:
        first = threading.current_thread() is threading.main_thread()
        self._ours = first and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._ours:
            signal.signal(signal.SIGINT, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _heard(self, number: int, frame: FrameType | None) -> Any:
        self.came = True
        signal.default_int_handler(number, frame)
