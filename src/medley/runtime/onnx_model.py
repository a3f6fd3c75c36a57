"""An exported model that predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from medley.core.arguments import check_whole_number
from medley.core.codec import Encoded
from medley.data.sources import absent, encode_inputs
from medley.errors import ArtifactError, ConfigError, ErrorCollector, MissingDependencyError
from medley.runtime.manifest import Manifest, check_ports, manifest_path, read_manifest
from medley.tables.answers import RowNotes
from medley.tables.predictor import Predictor

MAX_ROWS_BY_LENGTH = 64
"""Rows per pass where rows are grouped by their number of tokens."""

MOST_BYTES, MOST_NUMBERS = 100_000_000, 4_000_000
"""Size of a graph, and numbers of one row, up to which a graph is tried before it is used."""

Origin = tuple[Sequence[Path] | Sequence[bytes], str, int | None]

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxModel(Predictor):
    """An exported model that predicts as the `Model` did. It needs onnxruntime and no torch.

    Args:
        manifest: of the export.
        session: an `onnxruntime.InferenceSession` of the graph.
        origin: its files or their contents, and `device` and `threads` of `load`; without them it cannot be pickled.

    Raises:
        ArtifactError: the graph does not take what the codecs encode.
    """

    def __init__(self, manifest: Manifest, session: Any, origin: Origin | None = None) -> None:
        super().__init__(manifest.targets, manifest.table, manifest.trust)
        graph_inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
        graph_outputs = [node.name for node in session.get_outputs()]
        check_ports(manifest.ports, self.output_names, graph_inputs, graph_outputs)
        self.manifest = manifest
        self.sources = [port.source for port in manifest.ports]
        self.session = session
        self._origin = origin
        # Token ids that the graph takes without their padding: its time grows with their number of steps.
        self._unpadded = [port.array for port in manifest.ports if _has_free_steps(graph_inputs[port.array][1])]

    def __reduce__(self) -> tuple[Any, ...]:
        """A model is pickled as its two files."""
        if self._origin is None:
            raise ArtifactError("An exported model can be pickled only if medley.runtime.load opened it.")
        files, device, threads = self._origin
        try:
            contents = [file.read_bytes() if isinstance(file, Path) else file for file in files]
        except OSError as error:
            message = f"The files of the exported model cannot be read any more, so it cannot be pickled: {error}."
            raise ArtifactError(message) from error
        return _unpacked, (contents, "auto" if device == "cuda" else device, threads)

    def __copy__(self) -> OnnxModel:
        return OnnxModel(self.manifest, self.session, self._origin)  # neither changes

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxModel:
        return copy(self)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order in which `predict` takes them."""
        return list(self.manifest.input_names)

    def _compute_raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        encoded = encode_inputs(self.sources, x)
        size = len(next(iter(encoded.values())).array)
        order = np.arange(size)
        if self._unpadded:  # rows of similar length go together, in passes small enough for that to matter
            order = np.argsort(-self._steps(encoded), kind="stable")
            batch_size = min(batch_size, MAX_ROWS_BY_LENGTH)
        passes = [self._run(encoded, order[start : start + batch_size]) for start in range(0, size, batch_size)]
        raw = {}
        for position, name in enumerate(self.output_names):
            joined = np.concatenate([outputs[position] for outputs in passes])
            raw[name] = np.empty(joined.shape, np.float32)
            raw[name][order] = joined
        return raw

    def _row_notes(self, x: Mapping[str, Any], batch_size: int) -> RowNotes:
        raise ConfigError("needs the saved model: an exported one has no embeddings.", argument="explain")

    def _steps(self, encoded: Mapping[str, Encoded]) -> np.ndarray:
        """(B,) the most tokens that any source of a row has."""
        ports = [port for port in self.manifest.ports if port.array in self._unpadded]
        return np.max([used_steps(encoded[port.source.name].array) for port in ports], axis=0)

    def _run(self, encoded: Mapping[str, Encoded], rows: np.ndarray) -> list[np.ndarray]:
        feed = {}
        for port in self.manifest.ports:
            source = encoded[port.source.name]
            array = source.array[rows]
            if port.array in self._unpadded:
                array = array[:, : max(2, int(used_steps(array).max()))]
            feed[port.array] = np.ascontiguousarray(array)
            feed[port.present] = source.present[rows]
        return self.session.run(self.output_names, feed)


def used_steps(token_ids: np.ndarray) -> np.ndarray:
    """Steps of each row of token ids (B, T) up to the last that is not padding.

    >>> used_steps(np.array([[3, 0, 4, 0], [0, 0, 0, 0]])).tolist()
    [3, 0]
    """
    return ((token_ids != 0) * np.arange(1, token_ids.shape[1] + 1)).max(axis=1)


def _has_free_steps(shape: list[Any]) -> bool:
    return len(shape) > 1 and not isinstance(shape[1], int)


def load(path: str | Path, device: str = "cpu", threads: int | None = None) -> OnnxModel:
    """Opens what `Model.export` wrote. It runs nothing but the graph and the codecs of registered names.

    Args:
        path: the ONNX file; its JSON lies beside it.
        device: `"cpu"`, `"cuda"` (needs the package onnxruntime-gpu), or `"auto"`: a GPU where there is one.
        threads: CPU threads of one prediction; left out, one per core.

    Raises:
        ArtifactError: the pair is incomplete or damaged, or does not belong together; all errors are reported.
        ConfigError: there is no such device, or `threads` is not a positive whole number.
        MissingDependencyError: onnxruntime is not installed.
    """
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; they are raised as well
    # Threads that wait by spinning take the core from other processes (docs/decisions/0013-threads.md).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    errors = ErrorCollector()
    check_whole_number(errors, threads, "threads")
    errors.raise_if_any(ConfigError)
    if threads is not None:
        options.intra_op_num_threads = threads
    providers = _providers(device, runtime.get_available_providers())
    manifest = read_manifest(Path(path))
    try:
        session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime documents no base class of its errors
        raise ArtifactError(f"{path} cannot be run: {error}") from error
    file = Path(path).absolute()
    model = OnnxModel(manifest, session, ((file, manifest_path(file)), device, threads))
    _check_runs(model, file)
    return model


def _check_runs(model: OnnxModel, path: Path) -> None:
    """Runs the graph on one row of zeros, unless that would take long; raises an `ArtifactError` where it fails."""
    sources = [port.source for port in model.manifest.ports]
    if path.stat().st_size > MOST_BYTES or sum(source.codec.spec.size for source in sources) > MOST_NUMBERS:
        return
    encoded = {source.name: absent(source.codec, 1) for source in sources}
    try:
        outputs = model._run(
            {name: Encoded(encoding.array, ~encoding.present) for name, encoding in encoded.items()}, np.arange(1)
        )
    except Exception as error:  # onnxruntime documents no base class of its errors
        raise ArtifactError(f"{path} cannot be run on a row of its inputs: {error!r:.300}.") from error
    for raw, (name, codec) in zip(outputs, model.targets.items(), strict=True):
        if np.shape(raw) != (1, len(codec.prior)):
            raise ArtifactError(f"{path}: {name!r} is {np.shape(raw)}, but its target has {len(codec.prior)} outputs.")


def _unpacked(contents: Sequence[bytes], device: str, threads: int | None) -> OnnxModel:
    with TemporaryDirectory(prefix="medley-") as folder:
        path = Path(folder) / "model.onnx"
        for file, content in zip((path, manifest_path(path)), contents, strict=True):
            file.write_bytes(content)
        model = load(path, device, threads)
    model._origin = contents, device, threads
    return model


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "medley.runtime needs onnxruntime.", package="onnxruntime", extra="runtime"
        ) from error
    return onnxruntime


def _providers(device: str, available: list[str]) -> list[str]:
    usable = {name: provider for name, provider in _PROVIDERS.items() if provider in available}
    if device == "auto":
        return [usable[name] for name in ("cuda", "cpu") if name in usable]
    if device not in usable:
        choices = ", ".join(map(repr, usable))
        raise ConfigError(f'device={device!r} cannot be used here: pass "auto" or one of {choices}.')
    return [usable[device]]
