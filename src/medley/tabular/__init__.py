"""Tables: their input, and the blocks that read columns."""

from medley.tabular import features, kinds  # noqa: F401  (importing registers)
from medley.tabular.block import StructuredDataBlock
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.codec import TableCodec
from medley.tabular.dense import DenseBlock
from medley.tabular.dense_ensemble import DenseEnsembleBlock
from medley.tabular.input import StructuredDataInput
from medley.tabular.members import MeanOfMembers
from medley.tabular.numeric import NumericEmbedding
from medley.tabular.tabm import TabMBlock

__all__ = [
    "CategoricalToNumerical",
    "DenseBlock",
    "DenseEnsembleBlock",
    "MeanOfMembers",
    "NumericEmbedding",
    "StructuredDataBlock",
    "StructuredDataInput",
    "TabMBlock",
    "TableCodec",
]
