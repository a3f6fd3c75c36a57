"""Results of layers that are computed once and handed to a network again, for many rows that share most inputs."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.core.layer import Layer
from medley.graph.network import Network

BATCH_SIZE = 256


class ReusableNetwork:
    """A network in evaluation mode to which results of its first layers may be handed, as those of frozen parts.

    The first layers are those that read one source, and no other layer's result than that of a first layer.

    Args:
        network: whose modules are shared.

    Attributes:
        network: takes the results as inputs of a batch, by key.
        keys: key -> source, of those first layers that other steps read.
    """

    def __init__(self, network: Network) -> None:
        self.network = copy(network)
        self.network._required = {}
        self.network.steps, self.keys = [], {}
        first = set(range(len(network.sources)))
        for index, step in enumerate(network.steps, start=len(network.sources)):
            if (
                isinstance(step.block, Layer)
                and len(step.inputs) == 1
                and step.inputs[0] in first
                and not step.stage_key
            ):
                (source,) = step.sources
                step = replace(step, cache_key=step.cache_key or f"{step.name}({source})")
                first.add(index)
            self.network.steps.append(step)
        for index, step in enumerate(self.network.steps, start=len(network.sources)):
            for parent in step.inputs if index not in first else ():
                if parent in first and parent >= len(network.sources):
                    before = self.network.steps[parent - len(network.sources)]
                    (self.keys[str(before.cache_key)],) = before.sources

    @torch.no_grad()
    def results(self, rows: Rows) -> dict[str, Tensor]:
        """Key -> results (N, ...) of N rows; zeros for rows in which the source is absent."""
        network, parts = self.network.eval(), {key: [] for key in self.keys}
        for start in range(0, rows.size, BATCH_SIZE):
            batch = rows.slice(start, start + BATCH_SIZE)
            for key, value in network.results(batch, self.keys).items():
                parts[key].append(value.float())
        return {key: torch.cat(values) for key, values in parts.items()}
