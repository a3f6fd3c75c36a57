"""Arguments of the executor for Ray; what it does on a cluster is in test_executors.py."""

import pytest

from medley.errors import ConfigError
from medley.search.execute.ray_executor import Ray


def test_all_errors_in_the_numbers_are_reported():
    with pytest.raises(ConfigError, match=r"(?s)workers.*got 0.*ranks.*got -1"):
        Ray(workers=0, ranks=-1)


def test_a_trial_takes_one_process_by_default():
    assert (Ray(3).workers, Ray(3).ranks) == (3, 1)
