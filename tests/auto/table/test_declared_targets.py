"""Tasks of targets whose kind the caller sets."""

import pytest

from medley.auto.table.declared_targets import declared_target
from medley.errors import DataError
from medley.tables.columns.targets import target_heads
from medley.tables.reading.read import read

KINDS = sorted({name for head in target_heads() for name in head.target_kinds})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cells", [[None, float("nan"), None], ["", " ", ""]])
def test_a_target_without_a_label_is_an_error_of_every_kind(kind, cells):
    with pytest.raises(DataError):
        declared_target(read({"y": cells}), "y", kind)
