"""Conformance tests for authors of blocks, codecs and heads; medley's own parts are tested with them too."""

from medley.testing.codecs import check_codec
from medley.testing.contracts import check_block
from medley.testing.exports import check_export

__all__ = ["check_block", "check_codec", "check_export"]
