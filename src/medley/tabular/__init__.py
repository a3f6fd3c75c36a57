"""Tables: their input, and the blocks that read columns."""

from medley.tabular.block import StructuredDataBlock
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.codec import TableCodec
from medley.tabular.dense import DenseBlock
from medley.tabular.input import StructuredDataInput
from medley.tabular.numeric import NumericEmbedding

__all__ = [
    "CategoricalToNumerical",
    "DenseBlock",
    "NumericEmbedding",
    "StructuredDataBlock",
    "StructuredDataInput",
    "TableCodec",
]
