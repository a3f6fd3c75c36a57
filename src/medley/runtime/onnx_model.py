"""An exported model that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.codec import Encoded
from medley.data.sources import encode_inputs
from medley.errors import ArtifactError, ConfigError, MissingDependencyError
from medley.runtime.pair import Description, check_ports, read_pair
from medley.tables.predictor import Predictor

FEW = 64
"""Rows per pass where rows are passed by their length."""

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxModel(Predictor):
    """What `Model.export` wrote, ready to predict as the `Model` did. It needs onnxruntime and no torch.

    Args:
        description: what the JSON says.
        session: an `onnxruntime.InferenceSession` of the graph.

    Raises:
        ArtifactError: the graph does not take what the codecs make.
    """

    def __init__(self, description: Description, session: Any) -> None:
        super().__init__(description.targets, description.table)
        given = {one.name: (one.type, one.shape) for one in session.get_inputs()}
        got = [one.name for one in session.get_outputs()]
        check_ports(description.ports, self.output_names, given, got)
        self.description = description
        self.session = session
        # Codes whose padding the graph does not need: time grows with the steps that rows are given.
        self._free = [one.array for one in description.ports if _is_free(given[one.array][1])]

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order `predict` takes them."""
        return list(self.description.input_names)

    def _raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        encoded = encode_inputs([port.source for port in self.description.ports], x)
        size = len(next(iter(encoded.values())).array)
        order = np.arange(size)
        if self._free:  # rows of about the same length go together, in passes small enough for that to matter
            order = np.argsort(-self._steps(encoded), kind="stable")
            batch_size = min(batch_size, FEW)
        parts = [self._run(encoded, order[start : start + batch_size]) for start in range(0, size, batch_size)]
        found = {}
        for place, name in enumerate(self.output_names):
            joined = np.concatenate([part[place] for part in parts])
            found[name] = np.empty(joined.shape, np.float32)
            found[name][order] = joined
        return found

    def _steps(self, encoded: Mapping[str, Encoded]) -> np.ndarray:
        """(B,) the longest of each row's codes."""
        ports = [port for port in self.description.ports if port.array in self._free]
        return np.max([used_steps(encoded[port.source.name].array) for port in ports], axis=0)

    def _run(self, encoded: Mapping[str, Encoded], rows: np.ndarray) -> list[np.ndarray]:
        feed = {}
        for port in self.description.ports:
            one = encoded[port.source.name]
            some = one.array[rows]
            if port.array in self._free:
                some = some[:, : max(2, int(used_steps(some).max()))]
            feed[port.array] = np.ascontiguousarray(some)
            feed[port.present] = one.present[rows]
        return self.session.run(self.output_names, feed)


def used_steps(codes: np.ndarray) -> np.ndarray:
    """Steps of each row of codes (B, T) up to the last that is no padding.

    >>> used_steps(np.array([[3, 0, 4, 0], [0, 0, 0, 0]])).tolist()
    [3, 0]
    """
    return ((codes != 0) * np.arange(1, codes.shape[1] + 1)).max(axis=1)


def _is_free(shape: list[Any]) -> bool:
    return len(shape) > 1 and not isinstance(shape[1], int)


def load(path: str | Path, device: str = "cpu", threads: int | None = None) -> OnnxModel:
    """Opens what `Model.export` wrote. It runs nothing but the graph and the codecs of registered names.

    Args:
        path: the ONNX file; its JSON lies beside it.
        device: `"cpu"`, `"cuda"` (needs the package onnxruntime-gpu), or `"auto"`: a GPU where there is one.
        threads: that one prediction may take; as many as there are cores, if left out.

    Raises:
        ArtifactError: the pair is incomplete or damaged, or does not belong together; all that is wrong is told.
        ConfigError: there is no such device, or `threads` is no positive whole number.
        MissingDependencyError: onnxruntime is not installed.
    """
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; they are raised as well
    # Threads that wait by spinning take the core from whoever else runs there (docs/decisions/0013-threads.md).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise ConfigError(f"threads must be a whole number of at least 1, got {threads!r}.")
        options.intra_op_num_threads = threads
    providers = _providers(device, runtime.get_available_providers())
    description = read_pair(Path(path))
    try:
        session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's own have no base that it tells of
        raise ArtifactError(f"{path} cannot be run: {error}") from error
    return OnnxModel(description, session)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as missing:
        raise MissingDependencyError(
            "medley.runtime needs onnxruntime: pip install onnxruntime, or pip install 'medley[runtime]'"
        ) from missing
    return onnxruntime


def _providers(device: str, available: list[str]) -> list[str]:
    known = {name: provider for name, provider in _PROVIDERS.items() if provider in available}
    if device == "auto":
        return [known[name] for name in ("cuda", "cpu") if name in known]
    if device not in known:
        have = ", ".join(map(repr, known))
        raise ConfigError(f'device={device!r} cannot be used here: give "auto" or one of {have}.')
    return [known[device]]
