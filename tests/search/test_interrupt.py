"""Ctrl-C ends a search, even if Python ignores it."""

import signal
import threading

import pytest

from medley.search.interrupt import Interrupts


@pytest.fixture(autouse=True)
def _as_in_a_terminal():
    # A shell's background job starts with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Lost:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_ignores_is_recorded():
    with Interrupts() as interrupts:
        lost = Lost()
        del lost  # what is raised in here is reported, and not passed on
        assert interrupts.is_requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_raised_as_usual():
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.is_requested


def test_other_threads_and_custom_handlers_are_not_changed():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls
    assert not interrupts.is_requested

    def elsewhere():
        with Interrupts():
            calls.append(2)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert calls[-1] == 2
