"""Signals end a search where it can be continued, also where Python loses the error."""

import os
import signal
import threading
import time

import pytest

from medley.search import interrupt as module
from medley.search.interrupt import Interrupts


@pytest.fixture(autouse=True)
def _as_in_a_terminal(monkeypatch):
    # A shell's background job starts with Ctrl-C ignored.
    defaults = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    before = {name: signal.signal(getattr(signal, name), handler) for name, handler in defaults.items()}
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


class Lost:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_no_handler_receives_is_remembered():
    with Interrupts() as interrupts:
        lost = Lost()
        del lost  # what is raised in here is reported, and not passed on
        assert interrupts.is_requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_code_that_checks_is_not_interrupted(name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        signal.raise_signal(number)
        assert interrupts.is_acknowledged()
        time.sleep(0.4)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_code_that_does_not_check_is_interrupted_after_a_while(name):
    def wait():
        with Interrupts():
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(20)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert time.monotonic() - start < 10


def test_a_second_signal_interrupts_at_once():
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts.is_acknowledged()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_and_handlers_of_the_callers_stay_as_they_are():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGHUP, hangup)
    assert heard
    assert not interrupts.is_requested

    def elsewhere():
        with Interrupts():
            heard.append(2)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert heard[-1] == 2
