"""The saved format: JSON with a header, and numeric arrays, either in separate files or within the JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from medley import __version__
from medley.errors import ArtifactError

FORMAT = 3
"""Number of the saved format. It goes up whenever an earlier version cannot read what this one writes."""

FIRST_FORMAT = 3
"""The first format of a released version: it and all later ones are read by every later version."""

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Format -> what makes the content of a JSON file of that format one of the next; one step for each format since the
first, so that a model of any release is read. Saved models of each format lie in tests/golden/."""

MOST_BYTES = 2**30
"""Size of a JSON file; arrays of several hundred megabytes lie in other files."""

CHECKSUM = "checksum"
"""Entry of a JSON file: the checksum of all others, whatever the layout of the text. Files that medley wrote before it
had this entry have none."""

NUMBERS = "biuf"
"""NumPy kinds of arrays that may be saved: booleans and numbers, which can be read without running code."""


def without_header(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a JSON file that `json_bytes` was called with."""
    return {name: value for name, value in content.items() if name not in (*header(), CHECKSUM)}


def header() -> dict[str, Any]:
    """The first entries of every JSON file: the format number and the version of medley that writes it."""
    return {"format": FORMAT, "medley": __version__}


def check_header(content: Mapping[str, Any], path: Path) -> None:
    """Checks that this version of medley reads a file.

    Args:
        content: of the JSON file.
        path: the file, for messages.

    Raises:
        ArtifactError: the file has another format; the message names both versions and a remedy.

    >>> check_header({"format": 99, "medley": "7.1"}, Path("model.json"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    medley.errors.ArtifactError: model.json was written by medley 7.1 in format 99; medley ... reads format 3....
    """
    number = content["format"]
    if isinstance(number, bool) or not isinstance(number, int):
        message = f"its format must be a whole number, got {number!r:.50}."
        raise ArtifactError(f"{path} is damaged, or was not written by medley: {message}")
    if FIRST_FORMAT <= number <= FORMAT:
        return
    writer = f"{content.get('medley', '0.1.0'):.50}" if isinstance(content.get("medley", ""), str) else "0.1.0"
    if number > FORMAT:
        remedy = f"Update medley to {writer} or later: pip install -U medley."
    else:
        remedy = f"Create it again with this version, or install the old one: pip install 'medley=={writer}'."
    reader = f"medley {__version__} reads format {FORMAT}"
    raise ArtifactError(f"{path} was written by medley {writer} in format {number}; {reader}. {remedy}")


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """The content of a JSON file with a header and a checksum, as bytes.

    Args:
        content: plain values; NaN and infinity are allowed.
    """
    values = {**header(), **content}
    values[CHECKSUM] = checksum(json.loads(json.dumps(values)))  # of what a reader gets: keys of JSON are strings
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=True).encode()


def checksum(values: Mapping[str, Any]) -> str:
    """The checksum of the values of a JSON file, as they are read from it; that which it contains does not count."""
    others = {name: value for name, value in values.items() if name != CHECKSUM}
    return sha256(json.dumps(others, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_changed(values: Mapping[str, Any]) -> bool:
    """Whether the values of a JSON file are not those that were saved; False for a file without a checksum.

    >>> saved = json.loads(json_bytes({"rows": 3}))
    >>> is_changed(saved), is_changed({**saved, "rows": 4})
    (False, True)
    """
    return CHECKSUM in values and values[CHECKSUM] != checksum(values)


def read_json(path: Path, *, accept: bool = False, advice: str = "") -> dict[str, Any]:
    """Reads a JSON file that has a header.

    Args:
        path: of the file.
        accept: whether the file may have been changed since it was saved.
        advice: what to do with a file that was changed.

    Raises:
        ArtifactError: the file is damaged, was changed after it was saved, or has another format.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ArtifactError(f"{path} is larger than any JSON that medley writes ({MOST_BYTES:,} bytes).")
        content = json.loads(path.read_text(encoding="utf-8"))
        check_header(content, path)
        if not accept and is_changed(content):
            change = f"{path} is damaged, or was changed after it was saved (different checksum)."
            raise ArtifactError(f"{change} {advice}".rstrip())
        written = {name: content[name] for name in header() if name in content}
        for number in range(content["format"], FORMAT):
            content = {**MIGRATIONS[number](content), **written}
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{path} is damaged, or was not written by medley: {error!r:.300}.") from error
    return content


def split_arrays(state: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Separates the arrays of a codec's state from its plain values.

    Args:
        state: name -> array or JSON.
        prefix: of the names of arrays, so that those of several codecs can be saved in one file.

    Returns:
        The plain values; `<prefix>/<name>` -> array.

    Raises:
        ArtifactError: an array is not numeric.

    >>> split_arrays({"mean": np.zeros(2), "unit": "m"}, "sources/size")
    ({'unit': 'm'}, {'sources/size/mean': array([0., 0.])})
    """
    values = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
    arrays = {f"{prefix}/{name}": value for name, value in state.items() if isinstance(value, np.ndarray)}
    _check_numbers(array.dtype for array in arrays.values())
    return values, {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def join_arrays(values: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Restores the state of a codec: the inverse of `split_arrays`.

    Args:
        values: the plain values.
        prefix: of the names of arrays.
        arrays: name -> array; those with other prefixes are ignored.
    """
    start = f"{prefix}/"
    return {**values, **{name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}}


def array_to_json(array: np.ndarray) -> dict[str, Any]:
    """A numeric array as JSON, for files without separate arrays.

    Raises:
        ArtifactError: the array is not numeric.

    >>> array_to_json(np.array([1.0, 2.0], "float32"))
    {'array': 'AACAPwAAAEA=', 'dtype': '<f4', 'shape': [2]}
    """
    _check_numbers([array.dtype])
    little_endian = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    encoded = base64.b64encode(little_endian.tobytes()).decode("ascii")
    return {"array": encoded, "dtype": little_endian.dtype.str, "shape": list(array.shape)}


def array_from_json(content: Mapping[str, Any]) -> np.ndarray:
    """The inverse of `array_to_json`.

    Raises:
        ArtifactError: the data type is not numeric, or the content is damaged.
    """
    try:
        dtype = np.dtype(content["dtype"])
        _check_numbers([dtype])
        flat = np.frombuffer(base64.b64decode(content["array"], validate=True), dtype)
        return flat.astype(dtype.newbyteorder("=")).reshape(content["shape"])
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"An array is damaged: {error}.") from error


def _check_numbers(dtypes: Iterable[np.dtype[Any]]) -> None:
    for dtype in dtypes:
        if dtype.kind not in NUMBERS:
            raise ArtifactError(f"Saved arrays must be numeric, got {dtype}.")
