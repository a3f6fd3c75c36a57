"""`Model.export`: an ONNX graph, and beside it a JSON with the codecs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medley import __version__
from medley.core.block import Block
from medley.core.codec import TargetCodec
from medley.core.input import DerivedInput
from medley.data.sources import Source
from medley.errors import ConfigError, ErrorCollector
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.encoding import source_nodes
from medley.model.onnx_graph import OPSET, check_parts, onnx_names, write_onnx
from medley.runtime.pair import FORMAT, beside, fingerprint
from medley.runtime.states import codec_to_json
from medley.tables.view import TableView


def export(
    path: str | Path,
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    network: Network,
    table: TableView | None = None,
) -> Path:
    """Writes a model as ONNX and JSON; files appear whole or not at all.

    Args:
        path: `<name>.onnx`; `<name>.onnx.json` lies beside it, and `<name>.onnx.data` where weights exceed 2 GB.
        graph: resolved.
        sources: fitted encodings.
        targets: fitted target codecs.
        network: holds the weights; is left as it is.
        table: how the model reads a table, where it does.

    Returns:
        The ONNX file.

    Raises:
        ConfigError: the path is no place for such a file, or a part cannot be exported; all are named.
        ArtifactError: an input or head has no registered name.
        MissingDependencyError: onnx or onnxscript is not installed.
    """
    target = Path(path)
    _check(target, graph, network)
    told = {
        "made_with": {"medley": __version__, "torch": version("torch"), "opset": OPSET},
        "inputs": graph.input_names,
        "sources": _sources(graph, sources, network),
        "heads": [{"name": name, "codec": codec_to_json(head, targets[name])} for name, head in graph.heads.items()],
        "table": None if table is None else table.state(),
    }
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        made = Path(folder) / target.name
        write_onnx(network, {one.name: one.codec.spec for one in sources}, made)
        data = made.with_name(f"{made.name}.data")
        files = {"onnx": fingerprint(made), "data": {"name": data.name, **fingerprint(data)} if data.exists() else None}
        content = json.dumps({"format": FORMAT, **files, **told}, indent=1, ensure_ascii=False, allow_nan=True)
        beside(made).write_text(content, encoding="utf-8")
        # The JSON last: until it is there, what lies there does not pass for an export.
        for one in (data, made, beside(made)):
            if one.exists():
                os.replace(one, target.with_name(one.name))
    return target


def _check(target: Path, graph: Graph, network: Network) -> None:
    errors = ErrorCollector()
    if target.suffix != ".onnx":
        errors.add(f"{target}: the name of an exported model ends in .onnx.")
    if target.is_dir():
        errors.add(f"{target} is a folder; give a file.")
    if not target.parent.is_dir():
        errors.add(f"There is no folder {str(target.parent)!r} to write {target.name} into.")
    for node in graph.nodes():
        if isinstance(node.block, DerivedInput) and not node.block.exports:
            told = f"{node.block.name} ({type(node.block).__name__}) makes rows of other inputs' rows"
            errors.add(f"{told}, which an exported model cannot; give its rows as an input of their own instead.")
    try:
        check_parts(network)
    except ConfigError as error:
        errors.collect(error)
    errors.raise_if_any(ConfigError)


def _sources(graph: Graph, sources: Sequence[Source], network: Network) -> list[dict[str, Any]]:
    names = onnx_names(network)
    blocks: dict[str, Block] = {name: block for name, _, block in source_nodes(graph)}
    return [
        {
            "name": one.name,
            "input": one.input_name,
            "array": names.arrays[one.name],
            "present": names.present[one.name],
            "codec": codec_to_json(blocks[one.name], one.codec),
        }
        for one in sources
    ]
