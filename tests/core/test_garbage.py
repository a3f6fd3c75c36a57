"""The garbage collector is as it was after modules were imported."""

import gc

import pytest

from medley.core.garbage import uncollected


def test_the_collector_is_paused_and_left_as_it_was():
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(ValueError, match="failed"), uncollected():
        raise ValueError("failed")
    assert gc.isenabled()
