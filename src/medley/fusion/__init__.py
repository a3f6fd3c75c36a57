"""Several modalities into one vector, each of them possibly absent."""

from medley.fusion.add import Add
from medley.fusion.attention import AttentionFusion
from medley.fusion.concatenate import Concatenate
from medley.fusion.gated import GatedFusion
from medley.fusion.join import JoinMaps
from medley.fusion.low_rank import LowRankFusion
from medley.fusion.merge import Merge

__all__ = ["Add", "AttentionFusion", "Concatenate", "GatedFusion", "JoinMaps", "LowRankFusion", "Merge"]
