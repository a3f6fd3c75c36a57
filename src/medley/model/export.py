"""`Model.export`: an ONNX graph, and beside it a JSON with the codecs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.block import Block
from medley.core.codec import Codec, TargetCodec
from medley.core.config import to_json
from medley.core.files import fingerprint
from medley.core.head import Head
from medley.core.input import DerivedInput
from medley.core.serialization import array_to_json, json_bytes, split_arrays
from medley.data.sources import Source
from medley.errors import ConfigError, ErrorCollector
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.encoding import source_nodes
from medley.model.onnx_graph import OPSET, check_parts, onnx_names, write_onnx
from medley.runtime.manifest import manifest_path
from medley.tables.view import TableView
from medley.trust.trust import Trust


def export(
    path: str | Path,
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    network: Network,
    table: TableView | None = None,
    trust: Trust | None = None,
) -> Path:
    """Writes a model as ONNX and JSON; files appear whole or not at all.

    Args:
        path: `<name>.onnx`; `<name>.onnx.json` lies beside it, and `<name>.onnx.data` where weights exceed 2 GB.
        graph: resolved.
        sources: fitted encodings.
        targets: head name -> fitted target codec.
        network: holds the weights; not changed.
        table: how the model reads a table, where it does.
        trust: what is known about how far predictions can be trusted; predictions for validation rows are left out.

    Returns:
        The ONNX file.

    Raises:
        ConfigError: such a file cannot be written there, or a part cannot be exported; all are named.
        ArtifactError: an input or head has no registered name.
        MissingDependencyError: onnx or onnxscript is not installed.
    """
    target = Path(path)
    _check(target, graph, network)
    arrays: dict[str, np.ndarray] = {}
    trust_values, trust_arrays = split_arrays({} if trust is None else trust.without_examples().state(), "trust")
    content = {
        "versions": {"torch": version("torch"), "opset": OPSET},
        "inputs": graph.input_names,
        "sources": _sources(graph, sources, network, arrays),
        "heads": [
            {"name": name, "codec": _codec(_without_functions(head), targets[name], f"targets/{name}", arrays)}
            for name, head in graph.heads.items()
        ],
        "table": None if table is None else table.state(),
        **({"trust": trust_values} if trust_values else {}),
        "arrays": {name: array_to_json(array) for name, array in (arrays | trust_arrays).items()},
    }
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        onnx = Path(folder) / target.name
        write_onnx(network, {source.name: source.codec.spec for source in sources}, onnx)
        data = onnx.with_name(f"{onnx.name}.data")
        data_entry = {"name": data.name, **fingerprint(data)} if data.exists() else None
        manifest = manifest_path(onnx)
        manifest.write_bytes(json_bytes({"onnx": fingerprint(onnx), "data": data_entry, **content}))
        # The JSON last: without it, the files do not pass for an export.
        for file in (data, onnx, manifest):
            if file.exists():
                os.replace(file, target.with_name(file.name))
    return target


def _check(target: Path, graph: Graph, network: Network) -> None:
    errors = ErrorCollector()
    if target.suffix != ".onnx":
        errors.add(f"{target}: the name of an exported model ends in .onnx.")
    if target.is_dir():
        errors.add(f"{target} is a folder; pass a file.")
    if not target.parent.is_dir():
        errors.add(f"There is no folder {str(target.parent)!r} to write {target.name} into.")
    for node in graph.nodes():
        if isinstance(node.block, DerivedInput) and not node.block.exports:
            part = f"{node.block.name} ({type(node.block).__name__})"
            errors.add(
                f"{part} derives its rows from other inputs' rows, which an exported model cannot do; pass its rows as "
                "a separate input instead."
            )
    try:
        check_parts(network)
    except ConfigError as error:
        errors.collect(error)
    errors.raise_if_any(ConfigError)


def _sources(
    graph: Graph, sources: Sequence[Source], network: Network, arrays: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    names = onnx_names(network)
    derived = [node for node in graph.nodes() if isinstance(node.block, DerivedInput)]
    reads = {str(node.block.name): [str(parent.block.name) for parent in node.inputs] for node in derived}
    blocks: dict[str, Block] = {name: block for name, _, block in source_nodes(graph)}
    return [
        {
            "name": source.name,
            "input": source.input_name,
            "reads": reads.get(source.input_name, []),
            "array": names.arrays[source.name],
            "present": names.present[source.name],
            "codec": _codec(blocks[source.name], source.codec, f"sources/{source.name}", arrays),
        }
        for source in sources
    ]


def _codec(block: Block, codec: Codec, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The block that makes a codec, and the codec's state, whose arrays are added to `arrays`."""
    values, codec_arrays = split_arrays(codec.state(), prefix)
    arrays |= codec_arrays
    return {**to_json(block), "state": values}


def _without_functions(head: Head) -> Head:
    """A head without its losses and metrics, which may have no registered name and which no prediction needs."""
    # Not `replace`: fields that are left out go back to their defaults, which need not be None.
    values = {field.name: getattr(head, field.name) for field in fields(head)}
    return type(head)(**{name: value for name, value in values.items() if not _holds_function(value)})


def _holds_function(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_function, value))
    return callable(value)
