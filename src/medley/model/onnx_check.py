"""Whether an ONNX graph gives the numbers of the network that it was written from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from medley.core.spec import Spec
from medley.errors import ConfigError
from medley.graph.dense import DenseNetwork
from medley.graph.network import Network

ROWS = 5  # another number than was traced
TOLERANCE = 1e-2
"""Share of the largest raw output. Rounding stays far below; a part that was traced wrongly does not."""


def check_numbers(
    network: Network, specs: Mapping[str, Spec], path: Path, arrays: Mapping[str, str], masks: Mapping[str, str]
) -> None:
    """Runs random rows through both, some of which lack inputs; does nothing where onnxruntime is not installed.

    Args:
        network: on the CPU, in evaluation mode.
        specs: source name -> spec of its encoding.
        path: of the ONNX file.
        arrays: source name -> the graph's input of its rows.
        masks: source name -> the graph's input of which rows have it.

    Raises:
        ConfigError: heads give other numbers; they are named.
    """
    try:
        import onnxruntime
    except ImportError:
        return
    rng = np.random.default_rng(0)
    sources = [name for name, _ in network.sources]
    present = {name: np.arange(ROWS) != place % ROWS for place, name in enumerate(sources)}
    rows = {name: random_rows(specs[name], rng) for name in sources}
    given = [{name: torch.from_numpy(one[name]) for name in sources} for one in (rows, present)]
    with torch.no_grad():
        wanted = DenseNetwork(network)(*given)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    free = {one.name for one in session.get_inputs() if len(one.shape) > 1 and not isinstance(one.shape[1], int)}
    feed = {masks[name]: present[name] for name in sources}
    for name in sources:  # where padding may be left out, it is: random rows end in it
        feed[arrays[name]] = rows[name][:, : _half(specs[name])] if arrays[name] in free else rows[name]
    found = session.run(list(wanted), feed)
    known = [wanted[name].float().numpy() for name in wanted]
    pairs = zip(wanted, found, known, strict=True)
    wrong = [name for name, one, other in pairs if not _close(np.asarray(one), other)]
    if wrong:
        raise ConfigError(
            f"What {', '.join(map(repr, wrong))} reads gives other numbers as ONNX: a part acts on what is not known "
            "beforehand (a counter, a random number, values of the rows), so it cannot be exported."
        )


def random_rows(spec: Spec, rng: np.random.Generator) -> np.ndarray:
    """Encoded rows (ROWS, *spec.shape) that a codec might make."""
    shape = (ROWS, *spec.shape)
    if spec.dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if spec.dtype == "int64":
        codes = rng.integers(0, max(spec.cardinality, 1), shape).astype(np.int32)
        codes[..., _half(spec) :] = 0
        return codes
    found = rng.normal(size=shape).astype(np.float32)
    for place, column in enumerate(spec.columns):
        if column.kind == "categorical":
            found[:, place] = rng.integers(0, max(column.cardinality, 1), ROWS)
        elif column.missing:
            found[place % ROWS, place] = np.nan
    return found


def _half(spec: Spec) -> int:
    return max(2, spec.shape[-1] // 2)


def _close(found: np.ndarray, wanted: np.ndarray) -> bool:
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1.0)
    return bool(np.allclose(found, wanted, rtol=0.0, atol=TOLERANCE * scale, equal_nan=True))
