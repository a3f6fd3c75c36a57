"""Graphs that were saved: read from JSON that may come from anybody, and checked before anything is built from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medley.core.block import Block, Node
from medley.core.head import Head
from medley.core.input import DerivedInput, InputBlock, Preprocessing
from medley.core.layer import Fusion, Layer, Wrapper
from medley.core.rules import Fields, Items, StateRules, Text, Whole, require
from medley.core.saved_fields import block_from_json
from medley.errors import ArtifactError, GraphError, as_artifact_error
from medley.graph.graph import Graph

MAX_NODES = 10_000

_PLACES = Items(Whole(0, MAX_NODES))
RULES = StateRules(
    nodes=Items(
        Fields({"inputs": _PLACES, "block": Text(), "fields": Fields({"name": Text()}, keeps_others=True)}),
        low=1,
        high=MAX_NODES,
    ),
    inputs=_PLACES,
    outputs=_PLACES,
)


def graph_from_json(content: Mapping[str, Any]) -> Graph:
    """The inverse of `Graph.to_json` for resolved graphs; nodes of one name share one block.

    Raises:
        ArtifactError: the JSON is no graph, a field of a block has a value of another type, or a block reads what it
            cannot read.
        ConfigError: it names something that is not registered.
    """
    values = RULES.read(content)
    nodes: list[Node] = []
    blocks: dict[str, Block] = {}
    for entry in values["nodes"]:
        name = entry["fields"]["name"]
        if name not in blocks:
            blocks[name] = block_from_json(entry, name)
        block = blocks[name]
        require(all(place < len(nodes) for place in entry["inputs"]), f"{name} must read nodes that stand before it.")
        inputs = tuple(nodes[place] for place in entry["inputs"])
        _check_inputs(name, block, inputs)
        is_plain_input = isinstance(block, InputBlock) and not isinstance(block, DerivedInput)
        nodes.append(block.node if is_plain_input else Node(block, inputs))
    require(
        all(place < len(nodes) for place in values["inputs"] + values["outputs"]), "inputs and outputs must be nodes."
    )
    inputs = tuple(nodes[place].block for place in values["inputs"])
    require(all(isinstance(block, InputBlock) for block in inputs), "inputs must be nodes of inputs.")
    try:
        return Graph(inputs, tuple(nodes[place] for place in values["outputs"]))  # type: ignore[arg-type]
    except GraphError as error:
        raise as_artifact_error(error) from None


def _check_inputs(name: str, block: Block, inputs: tuple[Node, ...]) -> None:
    reads_inputs = all(isinstance(node.block, InputBlock) for node in inputs)
    match block:
        case DerivedInput():
            require(inputs and reads_inputs, f"{name} must read inputs.")
        case InputBlock():
            require(not inputs, f"{name} is an input, which reads nothing.")
        case Preprocessing():
            require(len(inputs) == 1 and reads_inputs, f"{name} must read one input.")
        case Head():
            require(len(inputs) in (1, 2), f"{name} is a head, which reads one node, and a linear path beside it.")
        case Layer() | Fusion():
            require(inputs, f"{name} must read a node.")
            is_chain = not isinstance(block, Wrapper) or isinstance(block.encoder, tuple)
            require(is_chain, f"{name} must hold layers.")
        case _:
            raise ArtifactError(f"{name} is {type(block).__name__}, of which no network can be built.")
