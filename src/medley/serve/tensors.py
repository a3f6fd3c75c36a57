"""Tensors of the Open Inference Protocol: one per column, as JSON or as binary data behind it."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.serve.fields import Field, Target
from medley.serve.refusal import CellError, Refusal

TYPES = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Types of the protocol with cells of one size -> their layout in binary data; `BYTES` have any size."""

_FIELD_TYPES = {"number": "FP64", "boolean": "BOOL", "list": "FP32"}


def field_metadata(field: Field) -> dict[str, Any]:
    """How the tensor of a column is declared."""
    is_set = field.kind == "set"
    datatype = "BYTES" if is_set else _FIELD_TYPES.get(field.control, "BYTES")
    shape = [-1, *(field.shape or ([-1] if field.takes_lists else []))]
    return {"name": field.name, "datatype": datatype, "shape": shape}


def target_metadata(target: Target) -> list[dict[str, Any]]:
    """How the tensors of a target's answer are declared."""
    first, *others = [str(name) for name in target.answer_names]
    datatype = "FP64" if target.labels is None else "BYTES"
    own = {"name": first, "datatype": datatype, "shape": [-1]}
    return [own, *({"name": name, "datatype": "FP64", "shape": [-1]} for name in others)]


def rows_of_tensors(content: Any, binary: bytes, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """The rows of an inference request: cells by column.

    Args:
        content: its JSON.
        binary: what follows the JSON: the data of inputs that have none in it, in their order.
        fields: of the model.

    Raises:
        Refusal: it is no such request; all columns at fault are listed.
    """
    inputs = content.get("inputs") if isinstance(content, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(tensor, dict) for tensor in inputs):
        raise Refusal(400, 'The body must be an object with "inputs", a list of tensors.')
    known = {field.name: field for field in fields}
    columns: dict[str, list[Any]] = {}
    errors: list[CellError] = []
    for tensor in inputs:
        name = tensor.get("name")
        if not isinstance(name, str):
            raise Refusal(400, "Every input must have a name.")
        size = _binary_size(tensor)
        data, binary = (None, binary) if size is None else (binary[:size], binary[size:])
        try:
            if size is not None and len(data or b"") < size:
                raise ValueError(f"has {len(data or b'')} bytes of binary data, and announces {size}")
            cells = _cells(tensor, data)
        except ValueError as error:
            errors.append(CellError(None, name, f"The tensor {error}."))
            continue
        if name in known:
            columns[name] = [_missing_as_none(cell, known[name]) for cell in cells]
    if errors:
        raise Refusal(400, "; ".join(f"{error.column!r}: {error.message}" for error in errors), errors)
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise Refusal(400, f"All tensors must have the same first dimension, got {lengths}.")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _binary_size(tensor: Mapping[str, Any]) -> int | None:
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise Refusal(400, f"binary_data_size must be a whole number, got {size!r:.40}.")
    return size


def _cells(tensor: Mapping[str, Any], binary: bytes | None) -> list[Any]:
    """The cells of a tensor, a list of B values or of lists.

    Raises:
        ValueError: it contradicts its type or its shape; the message continues "the tensor".
    """
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if not isinstance(datatype, str) or (datatype not in TYPES and datatype != "BYTES"):
        raise ValueError(f"has the datatype {datatype!r:.40}; use one of BYTES, {', '.join(TYPES)}")
    if not isinstance(shape, list) or not shape or not all(_is_size(size) for size in shape):
        raise ValueError(f"has the shape {shape!r:.60}, which is no list of whole numbers")
    if binary is None:
        flat = _flattened(tensor.get("data"))
        if datatype != "BYTES" and not all(cell is None or isinstance(cell, bool | int | float) for cell in flat):
            raise ValueError(f"is declared as {datatype}, and holds something else")
    else:
        flat = _texts(binary) if datatype == "BYTES" else _numbers(binary, TYPES[datatype])
    count = 1
    for size in shape:
        count *= size
    if len(flat) != count:
        raise ValueError(f"has the shape {shape} and {len(flat)} values")
    width = count // shape[0] if shape[0] else 1
    if len(shape) > 2:
        return np.array(flat, object).reshape(shape).tolist()
    if len(shape) == 1 or width == 1:
        return flat
    return [flat[start : start + width] for start in range(0, count, width)]


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**40


def _flattened(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError("has no data")
    flat: list[Any] = []
    stack = [iter(data)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            flat.append(item)
        else:
            stack.pop()
    return flat


def _numbers(binary: bytes, layout: str) -> list[Any]:
    if len(binary) % np.dtype(layout).itemsize:
        raise ValueError("has binary data that ends within a number")
    return np.frombuffer(binary, layout).tolist()


def _texts(binary: bytes) -> list[bytes]:
    texts, place = [], 0
    while place < len(binary):
        if place + 4 > len(binary):
            raise ValueError("has binary data that ends within the length of a text")
        (size,) = struct.unpack_from("<I", binary, place)
        place += 4 + size
        if place > len(binary):
            raise ValueError("has binary data that ends within a text")
        texts.append(binary[place - size : place])
    return texts


def _missing_as_none(cell: Any, field: Field) -> Any:
    """NaN and empty texts are missing; bytes that are no file are texts."""
    if isinstance(cell, float) and cell != cell:
        return None
    if isinstance(cell, bytes) and (not field.is_file or _is_base64(cell)):
        cell = cell.decode("utf-8", "replace")
    return None if cell == "" else cell


def _is_base64(cell: bytes) -> bool:
    """Whether bytes are text, as clients send that put base64 into a tensor; files of images and recordings are not."""
    return cell.isascii() and all(byte >= 32 or byte in b"\r\n\t" for byte in cell[:64])


def tensors_of(
    columns: Sequence[tuple[Any, Any]], requested: Sequence[Mapping[str, Any]] | None, *, binary: bool
) -> tuple[list[dict[str, Any]], bytes]:
    """The outputs of an inference response, and the binary data that follows its JSON.

    Args:
        columns: names and JSON cells of predictions and probabilities.
        requested: the outputs that the client asks for; all, if None.
        binary: whether outputs are binary unless the client says otherwise for one.

    Raises:
        Refusal: there is no such output.
    """
    cells = {str(name): values for name, values in columns}
    wanted: Sequence[Any] = [{"name": name} for name in cells] if requested is None else requested
    outputs, parts = [], []
    for entry in wanted:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name not in cells:
            raise Refusal(400, f"There is no output {name!r:.100}; there are {', '.join(map(repr, cells))}.")
        parameters = entry.get("parameters")
        is_binary = bool(parameters.get("binary_data", binary)) if isinstance(parameters, dict) else binary
        output, data = _tensor(name, cells[name], is_binary=is_binary)
        outputs.append(output)
        parts.append(data)
    return outputs, b"".join(parts)


def _tensor(name: str, cells: list[Any], *, is_binary: bool) -> tuple[dict[str, Any], bytes]:
    is_number = all((isinstance(cell, int | float) and not isinstance(cell, bool)) or cell is None for cell in cells)
    tensor: dict[str, Any] = {"name": name, "datatype": "FP64" if is_number else "BYTES", "shape": [len(cells)]}
    if is_number:
        data = np.array([np.nan if cell is None else cell for cell in cells], "<f8").tobytes() if is_binary else b""
    else:
        cells = ["" if cell is None else cell if isinstance(cell, str) else _text(cell) for cell in cells]
        encoded = [cell.encode() for cell in cells] if is_binary else []
        data = b"".join(struct.pack("<I", len(text)) + text for text in encoded)
    if is_binary:
        return {**tensor, "parameters": {"binary_data_size": len(data)}}, data
    return {**tensor, "data": cells}, b""


def _text(cell: Any) -> str:
    import json

    return json.dumps(cell) if isinstance(cell, list | dict) else str(cell)
