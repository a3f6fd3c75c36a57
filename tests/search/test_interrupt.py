"""Ctrl-C ends a search, also where Python loses it."""

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
def test_an_interrupt_that_nobody_hears_is_remembered():
    with Interrupts() as interrupts:
        one = Lost()
        del one  # what is raised in here is reported, and not passed on
        assert interrupts.is_requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_raised_as_ever():
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.is_requested


def test_other_threads_and_handlers_of_the_callers_stay_as_they_are():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard
    assert not interrupts.is_requested

    def elsewhere():
        with Interrupts():
            heard.append(2)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert heard[-1] == 2
