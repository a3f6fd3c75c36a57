"""Fusion of several modalities, any of which may be absent, into one vector."""

from medley.fusion.add import Add
from medley.fusion.attention import AttentionFusion
from medley.fusion.concatenate import Concatenate
from medley.fusion.gated import GatedFusion
from medley.fusion.join import JoinMaps
from medley.fusion.low_rank import LowRankFusion
from medley.fusion.merge import Merge

__all__ = ["Add", "AttentionFusion", "Concatenate", "GatedFusion", "JoinMaps", "LowRankFusion", "Merge"]
