"""Blocks that stand for one of several."""

import pytest

from medley.core.choice import Choice, Identity
from medley.core.shape import Flatten
from medley.core.space import OneOf
from medley.errors import ConfigError, GraphError


def test_a_list_of_blocks_is_a_range_of_them():
    one, other = Flatten(), Flatten()
    assert Choice([one, other]).options.choices == (one, other)
    assert Choice(OneOf(one, other, default=other)).options.default is other


@pytest.mark.parametrize("options", [None, [], [Flatten(), 3], "flatten"])
def test_options_that_are_no_blocks_are_refused(options):
    with pytest.raises(ConfigError, match="Choice: options must be blocks, got"):
        Choice(options)


def test_doing_nothing_to_several_nodes_is_refused_since_all_but_one_would_be_lost():
    with pytest.raises(GraphError, match="takes one node, got 2"):
        Identity().expand([object(), object()], [], None)
