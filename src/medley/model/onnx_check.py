"""Checking that an ONNX graph computes the same numbers as the network that it was exported from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from medley.core.spec import Spec
from medley.errors import ConfigError
from medley.graph.network import Network
from medley.graph.static_network import StaticNetwork

ROWS = 5  # differs from the number that was traced
TOLERANCE = 1e-2
"""Fraction of the largest raw output. Rounding errors stay far below; a part that was traced wrongly does not."""


def check_numbers(
    network: Network, specs: Mapping[str, Spec], path: Path, arrays: Mapping[str, str], masks: Mapping[str, str]
) -> None:
    """Runs random rows, some of which lack inputs, through both; does nothing where onnxruntime is not installed.

    Args:
        network: on the CPU, in evaluation mode.
        specs: source name -> spec of its encoding.
        path: of the ONNX file.
        arrays: source name -> the graph's input of its rows.
        masks: source name -> the graph's input of the rows that have it.

    Raises:
        ConfigError: the outputs of heads differ; the heads are named.
    """
    try:
        import onnxruntime
    except ImportError:
        return
    rng = np.random.default_rng(0)
    sources = [name for name, _ in network.sources]
    present = {name: np.arange(ROWS) != position % ROWS for position, name in enumerate(sources)}
    rows = {name: random_rows(specs[name], rng) for name in sources}
    inputs = [{name: torch.from_numpy(arrays[name]) for name in sources} for arrays in (rows, present)]
    with torch.no_grad():
        expected = StaticNetwork(network)(*inputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    free = {node.name for node in session.get_inputs() if len(node.shape) > 1 and not isinstance(node.shape[1], int)}
    feed = {masks[name]: present[name] for name in sources}
    for name in sources:  # padding, in which random rows end, is left out where it may be
        feed[arrays[name]] = rows[name][:, : _half(specs[name])] if arrays[name] in free else rows[name]
    outputs = session.run(list(expected), feed)
    pairs = zip(expected, outputs, strict=True)
    differing = [name for name, output in pairs if not _close(np.asarray(output), expected[name].float().numpy())]
    if differing:
        raise ConfigError(
            f"The outputs of {', '.join(map(repr, differing))} differ as ONNX: a part depends on something that is not "
            "known beforehand (a counter, a random number, values of the rows), so it cannot be exported."
        )


def random_rows(spec: Spec, rng: np.random.Generator, count: int = ROWS) -> np.ndarray:
    """Encoded rows (count, *spec.shape) such as a codec returns."""
    shape = (count, *spec.shape)
    if spec.dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if spec.dtype == "int64":
        codes = rng.integers(0, max(spec.cardinality, 1), shape).astype(np.int32)
        codes[..., _half(spec) :] = 0
        return codes
    rows = rng.normal(size=shape).astype(np.float32)
    for position, column in enumerate(spec.columns):
        if column.kind == "categorical":
            rows[:, position] = rng.integers(0, max(column.cardinality, 1), count)
        elif column.missing:
            rows[position % count, position] = np.nan
    return rows


def _half(spec: Spec) -> int:
    return max(2, spec.shape[-1] // 2)


def _close(output: np.ndarray, expected: np.ndarray) -> bool:
    scale = max(float(np.abs(expected).max(initial=0.0)), 1.0)
    return bool(np.allclose(output, expected, rtol=0.0, atol=TOLERANCE * scale, equal_nan=True))
