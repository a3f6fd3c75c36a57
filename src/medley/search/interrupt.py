"""Reliable handling of Ctrl-C, and of requests to end the process, during a search."""

from __future__ import annotations

import _thread
import signal
import threading
from types import FrameType
from typing import Any, Self

GRACE_SECONDS = 1.0
"""Seconds that running code has to reach a point at which it can be continued later."""

_DEFAULTS = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}


class Interrupts:
    """Within the context, Ctrl-C (SIGINT), SIGTERM and SIGHUP end a search where it can be continued later.

    The first signal sets `is_requested`, which long-running code checks regularly: between two steps of a training it
    writes the state, for instance. If nothing has checked it after `GRACE_SECONDS`, and at every further signal,
    `KeyboardInterrupt` is raised, as Ctrl-C does otherwise. (Python loses an error that is raised while a package is
    imported or an object destroyed; code that checks `is_requested` learns of the signal nevertheless.)

    Signals for which the caller has installed a handler, or that are ignored, as SIGHUP under `nohup`, are left alone;
    so are all signals outside the main thread.

    Attributes:
        is_requested: whether a signal has come.

    >>> with Interrupts() as interrupts:
    ...     interrupts.is_requested
    False
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._handlers: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name, default in _DEFAULTS.items():
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                if number is not None and signal.getsignal(number) is default:
                    self._handlers[number] = default
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_timer()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def is_acknowledged(self) -> bool:
        """Whether a signal has come; from then on the caller is ending, and is not interrupted by `GRACE_SECONDS`."""
        if self.is_requested:
            self._stop_timer()
        return self.is_requested

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True
        self._timer = threading.Timer(GRACE_SECONDS, self._insist, [number])
        self._timer.daemon = True
        self._timer.start()

    def _insist(self, number: int) -> None:
        if self._timer is not None:  # nobody has checked
            self._timer = None
            if hasattr(signal, "pthread_kill"):  # also wakes up what waits for the disk or another process
                signal.pthread_kill(threading.main_thread().ident or 0, number)
            else:
                _thread.interrupt_main(signal.Signals(number))

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
