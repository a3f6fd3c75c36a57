"""Reliable handling of Ctrl-C during a search."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Within the context, Ctrl-C raises `KeyboardInterrupt` as usual and is also recorded.

    An interrupt that comes while a package is imported or an object destroyed is lost: Python prints such errors and
    continues. Long-running code therefore checks `came` regularly. If the caller has installed a handler, or outside
    the main thread, nothing is changed.

    Attributes:
        came: whether Ctrl-C was pressed.

    >>> with Interrupts() as interrupts:
    ...     interrupts.came
    False
    """

    def __init__(self) -> None:
        self.came = False
        self._installed = False

    def __enter__(self) -> Self:
        first = threading.current_thread() is threading.main_thread()
        self._installed = first and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._installed:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> Any:
        self.came = True
        signal.default_int_handler(number, frame)
