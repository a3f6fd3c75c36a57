"""The plan of cached results: which results of frozen parts can be cached, and how they are computed."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from medley.graph.frozen import run_in_batches
from medley.graph.network import Network, Step, scale_pixels


class FrozenPlan:
    """The results of a network that can be computed once per row, instead of once per row and epoch.

    A step has a `cache_key` if it depends on one source through frozen parts only. Of several such steps in a chain,
    only the result of the last is cached; it replaces the source in a batch.

    Args:
        network: a network with frozen parts.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    def cacheable(self) -> list[Step]:
        """The steps whose results are cached: the last of each chain of frozen parts of which one has weights."""
        network = self.network
        steps = []
        for index, step in enumerate(network.steps, start=len(network.sources)):
            readers = [reader for reader in network.steps if index in reader.inputs]
            if step.cache_key is None or all(reader.cache_key is not None for reader in readers):
                continue
            if any(part.has_state for part in self.chain(step)):
                steps.append(step)
        return steps

    def uncacheable(self) -> list[tuple[str, str]]:
        """Frozen parts with weights whose results cannot be cached.

        Returns:
            Their names, each with the name of the part before it that is trained or changes rows.
        """
        network = self.network
        pairs = []
        for step in network.steps:
            if step.is_frozen and step.cache_key is None and step.has_state:
                indices = [index - len(network.sources) for index in step.inputs if index >= len(network.sources)]
                parents = [network.steps[index] for index in indices]
                trainable = [part for part in parents if part.cache_key is None and not part.is_frozen]
                pairs += [(step.name, part.name) for part in trainable[:1]]
        return pairs

    def chain(self, step: Step) -> list[Step]:
        """The chain of frozen parts from the source to a step with a `cache_key`."""
        previous = step.inputs[0] - len(self.network.sources)
        return [*(self.chain(self.network.steps[previous]) if previous >= 0 else ()), step]

    def unread_sources(self, cache_keys: Collection[str]) -> frozenset[str]:
        """The sources that no step reads if a batch contains the results with these keys."""
        required = self.network.required(frozenset(cache_keys))
        return frozenset(name for index, (name, _) in enumerate(self.network.sources) if index not in required)

    def output(self, step: Step, x: Tensor) -> Tensor:
        """The result of a step that has a `cache_key`.

        Args:
            step: the last of its chain.
            x: encoded rows (B, ...) of its source.

        Returns:
            (B, *step.out.shape).
        """
        chain = self.chain(step)
        index = chain[0].inputs[0]

        def run(rows: Tensor) -> Tensor:
            rows = scale_pixels(rows, compact=self.network.sources[index][1])
            for part in chain:
                rows = part.module(rows)
            return rows

        ignores_padding = chain[0].block.ignores_padding  # type: ignore[attr-defined]
        return run_in_batches(run, x, self.network.specs[index], ignores_padding=ignores_padding)
