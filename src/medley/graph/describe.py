"""A description of a network as text: parts, shapes, numbers of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from inspect import isroutine

from medley.core.block import Block
from medley.core.head import Head
from medley.core.input import InputBlock, Preprocessing
from medley.core.registry import name_of
from medley.graph.graph import Graph
from medley.graph.network import Network


def describe(graph: Graph, network: Network) -> str:
    """Describes the parts of a network in order, as a table.

    Args:
        graph: resolved.
        network: built from it.

    Returns:
        One line per part: name, declaration, parts that it reads, spec of its result, number of parameters.
    """
    steps = {step.name: step for step in network.steps}
    lines = [("name", "part", "reads", "out", "parameters")]
    for node in graph.nodes():
        name = graph.names[id(node.block)]
        reads = ", ".join(graph.names[id(parent.block)] for parent in node.inputs)
        if isinstance(node.block, InputBlock | Preprocessing):
            lines.append((name, _declaration(node.block), reads, "", ""))
            continue
        count = sum(p.numel() for p in steps[name].module.parameters())
        lines.append((name, _declaration(node.block), reads, str(steps[name].out), f"{count:,}"))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    total = sum(p.numel() for p in network.parameters())
    return "\n".join([*rows, f"{total:,} parameters"])


def _declaration(block: Block) -> str:
    omitted = {"name", "metrics", "loss"} if isinstance(block, Head) else {"name"}
    set_fields = [(f.name, getattr(block, f.name)) for f in fields(block) if f.name not in omitted]
    arguments = ", ".join(f"{name}={_text(value)}" for name, value in set_fields if value is not None)
    return f"{type(block).__name__}({arguments if len(arguments) <= 70 else arguments[:67] + '...'})"


def _text(value: object) -> str:
    if isinstance(value, Mapping) and len(value) > 8:  # a pretrained encoder's configuration, say
        return "{...}"
    # Not the address of a function, which is meaningless and different in each process.
    name = name_of(value) or (getattr(value, "__qualname__", None) if isroutine(value) else None)
    return name or " ".join(repr(value).split())
