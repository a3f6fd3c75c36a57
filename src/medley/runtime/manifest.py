"""The manifest of an exported model: a JSON beside the ONNX graph, with the codecs and the checksums of the files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.core.files import fingerprint
from medley.core.head import Head
from medley.core.input import InputBlock, Preprocessing
from medley.core.rules import Fields, Items, Json, Maybe, Named, StateRules, Text, Whole, require
from medley.core.saved_fields import block_from_json
from medley.core.serialization import array_from_json, join_arrays, read_json
from medley.data.restoring import restore_codec
from medley.data.sources import Source
from medley.errors import ArtifactError, ErrorCollector, MedleyError, as_artifact_error
from medley.tables.view import TableView
from medley.trust.trust import Trust


@dataclass(frozen=True)
class Port:
    """A source and the inputs of the ONNX graph that take it.

    Args:
        source: its name, its input and its fitted codec.
        array: the graph's input of its rows (B, *spec.shape).
        present: the graph's input (B,) bool: which rows have it.
    """

    source: Source
    array: str
    present: str


@dataclass(frozen=True)
class Manifest:
    """What the JSON of an exported model holds, with its codecs restored.

    Args:
        input_names: in the order in which `predict` takes them.
        ports: one per source.
        targets: head name -> fitted codec, in order; the graph's outputs are named after the heads.
        table: how the model reads a table, where it does.
        trust: what is known about how far predictions can be trusted.
        versions: of medley, torch and the ONNX operators that the export was made with.
    """

    input_names: tuple[str, ...]
    ports: tuple[Port, ...]
    targets: Mapping[str, TargetCodec]
    table: TableView | None
    trust: Trust
    versions: Mapping[str, Any]


_FILE = {"sha256": Text(), "bytes": Whole(0, 2**62)}
_CODEC = Fields({"block": Text(), "fields": Json(), "state": Fields({}, keeps_others=True)}, frozenset({"fields"}))
RULES = StateRules(
    medley=Text(),
    onnx=Fields(_FILE),
    data=Maybe(Fields({"name": Text(), **_FILE})),
    versions=Maybe(Named(Json(depth=2))),
    inputs=Items(Text(), low=1, high=100_000, is_unique=True),
    sources=Items(
        Fields(
            {
                **{name: Text() for name in ("name", "input", "array", "present")},
                "reads": Items(Text(), high=100_000),
                "codec": _CODEC,
            },
            frozenset({"reads"}),
        ),
        low=1,
        high=100_000,
    ),
    heads=Items(Fields({"name": Text(), "codec": _CODEC}), low=1, high=100_000),
    table=Maybe(Json()),
    trust=Maybe(Named(Json())),
    arrays=Named(Fields({"array": Text(), "dtype": Text(), "shape": Items(Whole(0, 2**40), high=8)})),
)


def manifest_path(onnx: Path) -> Path:
    """The JSON beside an ONNX file.

    >>> manifest_path(Path("pets/model.onnx")).name
    'model.onnx.json'
    """
    return onnx.with_name(f"{onnx.name}.json")


def read_manifest(onnx: Path) -> Manifest:
    """Reads the JSON beside an ONNX file, and checks that the two belong together.

    Args:
        onnx: the ONNX file.

    Raises:
        ArtifactError: a file is missing or damaged, is of another format, needs parts that are not registered here, or
            the files are of different exports; all errors are reported at once.
    """
    _check_pair(onnx)
    path = manifest_path(onnx)
    errors = ErrorCollector()
    values = read_json(path, advice="Restore it from a copy, or export the model again.")
    try:
        content = RULES.read(values)
        for file, expected in _files(onnx, content):
            _check_file(file, expected, errors)
        manifest = _manifest(content, errors)
    except MedleyError as error:
        raise as_artifact_error(error).within(f"{path} is damaged") from error.__cause__
    errors.raise_if_any(ArtifactError)
    return manifest


def _check_pair(onnx: Path) -> None:
    if onnx.is_dir():
        is_model = (onnx / "model.json").is_file()
        hint = " It seems to be a saved model: md.load reads it, and its export() writes ONNX." if is_model else ""
        raise ArtifactError(f"{onnx} is a folder; an exported model is a file such as model.onnx.{hint}")
    errors = ErrorCollector()
    names = f"{onnx.name} and {manifest_path(onnx).name}"
    for path in (onnx, manifest_path(onnx)):
        if not path.is_file():
            errors.add(f"There is no file {path}; an exported model is a pair of files, {names}.")
    errors.raise_if_any(ArtifactError)


def _files(onnx: Path, content: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    data = content.get("data")  # weights of large models lie in a file of their own
    if data:
        require(re.fullmatch(r"[^/\\\\:]+", data["name"]) and data["name"] not in (".", ".."), "data must name a file.")
    return [(onnx, content["onnx"]), *([(onnx.with_name(data["name"]), data)] if data else [])]


def _check_file(path: Path, expected: Mapping[str, Any], errors: ErrorCollector) -> None:
    if not path.is_file():
        errors.add(f"There is no file {path}, which holds weights of the model.")
        return
    actual = fingerprint(path)
    if actual["sha256"] != expected["sha256"]:
        sizes = f"{actual['bytes']:,} bytes, expected {expected['bytes']:,}"
        errors.add(
            f"{path} is not the file that the JSON beside it was written with (different checksum; {sizes}). "
            "Copy the files of one export, or export again."
        )


def _manifest(content: Mapping[str, Any], errors: ErrorCollector) -> Manifest:
    arrays = {name: array_from_json(array) for name, array in content["arrays"].items()}
    names = content["inputs"]
    ports = []
    for entry in content["sources"]:
        reads = tuple(entry.get("reads", ()))
        missing = set(reads or (entry["input"],)) - set(names)
        require(not missing, f"Source {entry['name']!r} reads {', '.join(sorted(missing))}, which is no input.")
        codec = _codec(entry["codec"], "source", entry["name"], arrays, errors)
        source = Source(entry["name"], entry["input"], codec, reads)
        ports.append(Port(source, entry["array"], entry["present"]))
    heads = [entry["name"] for entry in content["heads"]]
    for kind, taken in (("sources", [port.source.name for port in ports]), ("heads", heads)):
        require(len(set(taken)) == len(taken), f"No two {kind} may have the same name.")
    targets = {
        entry["name"]: _codec(entry["codec"], "head", entry["name"], arrays, errors) for entry in content["heads"]
    }
    errors.raise_if_any(ArtifactError)  # the next one needs all codecs
    trust = Trust.restore(join_arrays(content["trust"] or {}, "trust", arrays), targets)
    table = None if content["table"] is None else TableView.restore(content["table"])
    if table is not None:
        table.check_names(names, heads)
    versions = {"medley": content["medley"], **(content["versions"] or {})}
    return Manifest(tuple(names), tuple(ports), targets, table, trust, versions)


def _codec(
    content: Mapping[str, Any], role: str, name: str, arrays: Mapping[str, np.ndarray], errors: ErrorCollector
) -> Any:
    where = f"{role} {name!r}"
    try:
        block: Any = block_from_json(content, where)
        kind = Head if role == "head" else (InputBlock, Preprocessing)
        require(isinstance(block, kind), f"{where}: {content['block']!r} has no codec of a {role}.")
        state = join_arrays(content["state"], _PREFIXES[role] + name, arrays)
        return restore_codec(block.codec(), state, f"{where} is damaged")
    except MedleyError as error:
        errors.collect(error)
    except Exception as error:  # parts may do anything with values that they never wrote
        reason = f"is damaged, or was written with another version of {content.get('block')!r}"
        errors.add(f"{where} {reason}: {error!r:.300}.")
    return None


def check_ports(
    ports: Sequence[Port], heads: Sequence[str], graph_inputs: Mapping[str, Any], graph_outputs: Sequence[str]
) -> None:
    """Checks that an ONNX graph takes what the codecs encode, and returns what the heads decode.

    Args:
        ports: of the manifest.
        heads: the heads' names.
        graph_inputs: of the graph: name -> (type, shape).
        graph_outputs: names of the graph's outputs.

    Raises:
        ArtifactError: they differ; all differences are reported.
    """
    errors = ErrorCollector()
    expected: dict[str, tuple[str, list[int]]] = {}
    for port in ports:
        spec = port.source.codec.spec
        expected[port.array] = (_TYPES[spec.dtype], list(spec.shape))
        expected[port.present] = ("tensor(bool)", [])
    for name, (dtype, shape) in expected.items():
        if name not in graph_inputs:
            errors.add(f"The ONNX graph has no input {name!r}.")
        elif graph_inputs[name][0] != dtype or not _shapes_match(graph_inputs[name][1][1:], shape):
            actual = f"{graph_inputs[name][0]} (B, {', '.join(map(str, graph_inputs[name][1][1:]))})"
            errors.add(f"The graph's input {name!r} is {actual}; its codec returns {dtype} {('B', *shape)}.")
    for name in set(graph_inputs) - set(expected):
        errors.add(f"The ONNX graph needs the input {name!r}, which no codec encodes.")
    for name in set(heads) - set(graph_outputs):
        errors.add(f"The ONNX graph has no output {name!r}, which a head decodes.")
    errors.raise_if_any(ArtifactError)


def _shapes_match(sizes: Sequence[Any], shape: Sequence[int]) -> bool:
    # Sizes with a name are free.
    return len(sizes) == len(shape) and all(
        size == expected or not isinstance(size, int) for size, expected in zip(sizes, shape, strict=True)
    )


_PREFIXES = {"source": "sources/", "head": "targets/"}
_TYPES = {"float32": "tensor(float)", "int64": "tensor(int32)", "uint8": "tensor(uint8)"}
