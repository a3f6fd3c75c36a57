"""Reliable handling of Ctrl-C during a search."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Within the context, Ctrl-C raises `KeyboardInterrupt` as usual and is also recorded.

    Python ignores an interrupt that occurs while a package is imported or an object is destroyed. Long-running code
    therefore checks `is_requested` regularly. If the caller has installed a handler, or outside the main thread,
    nothing is changed.

    Attributes:
        is_requested: whether Ctrl-C was pressed.

    >>> with Interrupts() as interrupts:
    ...     interrupts.is_requested
    False
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._installed = False

    def __enter__(self) -> Self:
        is_main_thread = threading.current_thread() is threading.main_thread()
        self._installed = is_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._installed:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> Any:
        self.is_requested = True
        signal.default_int_handler(number, frame)
