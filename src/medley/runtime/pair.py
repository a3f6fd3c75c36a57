"""The pair of files that an exported model is: an ONNX graph, and beside it a JSON with the codecs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medley.core.codec import TargetCodec
from medley.data.sources import Source
from medley.errors import ArtifactError, ErrorCollector, MedleyError
from medley.runtime.states import codec_from_json
from medley.tables.view import TableView

FORMAT = 1


@dataclass(frozen=True)
class Port:
    """A source, as the ONNX graph takes it.

    Args:
        source: its name, its input and its fitted codec.
        array: the graph's input of its rows (B, *spec.shape).
        present: the graph's input (B,) bool: which rows have it.
    """

    source: Source
    array: str
    present: str


@dataclass(frozen=True)
class Description:
    """What the JSON says.

    Args:
        input_names: in the order `predict` takes them.
        ports: one per source.
        targets: head name -> fitted codec, in order; the graph's outputs are called after the heads.
        table: how the model reads a table, where it does.
        made_with: versions of what wrote it.
    """

    input_names: tuple[str, ...]
    ports: tuple[Port, ...]
    targets: Mapping[str, TargetCodec]
    table: TableView | None
    made_with: Mapping[str, Any]


def beside(onnx: Path) -> Path:
    """The JSON of an ONNX file.

    >>> beside(Path("pets/model.onnx")).name
    'model.onnx.json'
    """
    return onnx.with_name(f"{onnx.name}.json")


def fingerprint(path: Path) -> dict[str, Any]:
    """Size and checksum of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return {"bytes": path.stat().st_size, "sha256": found.hexdigest()}


def read_pair(onnx: Path) -> Description:
    """Reads the JSON beside an ONNX file, and checks that the two belong together.

    Raises:
        ArtifactError: a file is missing or damaged, was written by a later medley or with other parts than are
            registered here, or the two are of different exports: all that is wrong is told at once.
    """
    told = _json(onnx)
    errors = ErrorCollector()
    try:
        for path, known in _files(onnx, told):
            _check_file(path, known, errors)
        found = _describe(told, errors)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, MedleyError):
            raise
        raise ArtifactError(f"{beside(onnx)} is damaged: {error!r} is missing or wrong.") from error
    errors.raise_if_any(ArtifactError)
    return found


def _json(onnx: Path) -> dict[str, Any]:
    errors = ErrorCollector()
    if onnx.is_dir():
        way = " It seems a saved model: md.load reads it, and its export() writes ONNX." if _is_model(onnx) else ""
        raise ArtifactError(f"{onnx} is a folder; an exported model is a file such as model.onnx.{way}")
    for path in (onnx, beside(onnx)):
        if not path.is_file():
            errors.add(f"There is no file {path}; an exported model is a pair, {onnx.name} and {beside(onnx).name}.")
    errors.raise_if_any(ArtifactError)
    try:
        told = json.loads(beside(onnx).read_text(encoding="utf-8"))
        known = told["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{beside(onnx)} is damaged, or nothing that Model.export wrote: {error!r}.") from error
    if known > FORMAT:
        raise ArtifactError(f"{beside(onnx)} is of format {known}; this medley reads up to {FORMAT}. Update it.")
    return told


def _is_model(folder: Path) -> bool:
    return (folder / "model.json").is_file()


def _files(onnx: Path, told: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    data = told.get("data")  # weights of large models lie in a file of their own
    return [(onnx, told["onnx"]), *([(onnx.with_name(Path(data["name"]).name), data)] if data else [])]


def _check_file(path: Path, known: Mapping[str, Any], errors: ErrorCollector) -> None:
    if not path.is_file():
        errors.add(f"There is no file {path}, which holds weights of the model.")
        return
    found = fingerprint(path)
    if found["sha256"] != known["sha256"]:
        sizes = f"{found['bytes']:,} bytes, expected {known['bytes']:,}"
        errors.add(
            f"{path} is not the file that the JSON beside it was written with (another checksum; {sizes}). "
            "Copy the files of one export, or export again."
        )


def _describe(told: Mapping[str, Any], errors: ErrorCollector) -> Description:
    ports = []
    for one in told["sources"]:
        codec = _codec(one["codec"], f"source {one['name']!r}", errors)
        ports.append(Port(Source(one["name"], one["input"], codec), one["array"], one["present"]))
    targets = {one["name"]: _codec(one["codec"], f"head {one['name']!r}", errors) for one in told["heads"]}
    table = TableView.restore(told["table"]) if told.get("table") else None
    return Description(tuple(told["inputs"]), tuple(ports), targets, table, told.get("made_with", {}))


def _codec(told: Mapping[str, Any], what: str, errors: ErrorCollector) -> Any:
    try:
        return codec_from_json(told)
    except MedleyError as error:
        errors.add(f"{what}: {error}")
    except Exception as error:  # parts may make anything of values that they never wrote
        errors.add(f"{what} is damaged, or was written with another version of {told.get('block')!r}: {error!r}.")
    return None


def check_ports(ports: Sequence[Port], outputs: Sequence[str], given: Mapping[str, Any], got: Sequence[str]) -> None:
    """Checks that an ONNX graph takes what the codecs make, and gives what the heads decode.

    Args:
        ports: of the JSON.
        outputs: the heads' names.
        given: the graph's inputs: name -> (type, shape).
        got: the graph's outputs.

    Raises:
        ArtifactError: they differ; all differences are told.
    """
    errors = ErrorCollector()
    wanted: dict[str, tuple[str, list[int]]] = {}
    for port in ports:
        spec = port.source.codec.spec
        wanted[port.array] = (_TYPES[spec.dtype], list(spec.shape))
        wanted[port.present] = ("tensor(bool)", [])
    for name, (kind, shape) in wanted.items():
        if name not in given:
            errors.add(f"The ONNX graph has no input {name!r}.")
        elif given[name][0] != kind or not _fits(given[name][1][1:], shape):
            found = f"{given[name][0]} (B, {', '.join(map(str, given[name][1][1:]))})"
            errors.add(f"The graph's input {name!r} is {found}; its codec makes {kind} {('B', *shape)}.")
    for name in set(given) - set(wanted):
        errors.add(f"The ONNX graph asks for {name!r}, which no codec makes.")
    for name in set(outputs) - set(got):
        errors.add(f"The ONNX graph has no output {name!r}, which a head would decode.")
    errors.raise_if_any(ArtifactError)


def _fits(sizes: Sequence[Any], shape: Sequence[int]) -> bool:
    # Sizes that are words are free.
    return len(sizes) == len(shape) and all(
        one == other or not isinstance(one, int) for one, other in zip(sizes, shape, strict=True)
    )


_TYPES = {"float32": "tensor(float)", "int64": "tensor(int32)", "uint8": "tensor(uint8)"}
