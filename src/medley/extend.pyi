"""The names of `medley.extend`, spelled out for type checkers and editors."""

from medley.balance.balancer import Balancer as Balancer
from medley.core.block import Block as Block
from medley.core.block import DataSummary as DataSummary
from medley.core.block import Node as Node
from medley.core.codec import Codec as Codec
from medley.core.codec import Encoded as Encoded
from medley.core.codec import TargetCodec as TargetCodec
from medley.core.head import Head as Head
from medley.core.input import DerivedInput as DerivedInput
from medley.core.input import InputBlock as InputBlock
from medley.core.input import Preprocessing as Preprocessing
from medley.core.layer import Composite as Composite
from medley.core.layer import Fusion as Fusion
from medley.core.layer import Layer as Layer
from medley.core.layer import Wrapper as Wrapper
from medley.core.metric import Metric as Metric
from medley.core.metric import RowMetric as RowMetric
from medley.core.metric import SetMetric as SetMetric
from medley.core.registry import register as register
from medley.core.space import Space as Space
from medley.core.space import searched as searched
from medley.core.spec import Column as Column
from medley.core.spec import Spec as Spec
from medley.tables.columns.kind import ColumnKind as ColumnKind
