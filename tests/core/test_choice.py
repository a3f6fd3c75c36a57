"""Blocks that are replaced by one of several blocks."""

import pytest

from medley.core.choice import Choice, Identity
from medley.core.shape import Flatten
from medley.core.space import OneOf
from medley.errors import ConfigError, GraphError


def test_a_list_of_blocks_is_a_range_of_them():
    first, second = Flatten(), Flatten()
    assert Choice([first, second]).options.choices == (first, second)
    assert Choice(OneOf(first, second, default=second)).options.default is second


@pytest.mark.parametrize("options", [None, [], [Flatten(), 3], "flatten"])
def test_options_that_are_not_blocks_are_rejected(options):
    with pytest.raises(ConfigError, match="Choice: options must be blocks, got"):
        Choice(options)


def test_identity_of_several_nodes_is_an_error():
    with pytest.raises(GraphError, match="takes one node, got 2"):
        Identity().expand([object(), object()], [], None)
