"""A network as an ONNX graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.errors import ConfigError, ErrorCollector, MissingDependencyError
from medley.graph.dense import DenseNetwork
from medley.graph.network import Network
from medley.model.onnx_check import check_numbers

OPSET = 20
"""What onnxruntime reads from 1.17 on."""

ROWS = "rows"
"""What the graph calls the axis B, whose size is free."""

_EXAMPLES = 3  # rows that are traced; with 1 or 2 a tracer may take the number for a property of the network
_LOUD = ("torch.onnx", "torch.export", "torch.fx", "torch._dynamo", "torch._export", "onnxscript", "onnx_ir")


@dataclass(frozen=True)
class OnnxNames:
    """What the graph calls its inputs.

    Args:
        arrays: source name -> input of its encoded rows (B, *spec.shape).
        present: source name -> input (B,) bool.
    """

    arrays: Mapping[str, str]
    present: Mapping[str, str]


def onnx_names(network: Network) -> OnnxNames:
    """A name for every input: sources keep theirs, `.present` is added, and underscores where that is taken."""
    sources = [name for name, _ in network.sources]
    taken = {*sources, *(step.name for step in network.heads)}
    present = {}
    for name in sources:
        word = f"{name}.present"
        while word in taken:
            word += "_"
        taken.add(word)
        present[name] = word
    return OnnxNames({name: name for name in sources}, present)


def write_onnx(network: Network, specs: Mapping[str, Spec], path: Path) -> None:
    """Writes a network in evaluation mode; its weights beside it, as `<path>.data`, where they exceed 2 GB.

    Args:
        network: is left as it is.
        specs: source name -> spec of its encoding.
        path: of the file.

    Raises:
        ConfigError: parts that cannot be exported, each by name and with the reason; or (seen where onnxruntime is
            installed) the graph gives other numbers.
        MissingDependencyError: onnx or onnxscript is not installed.
    """
    _need_packages()
    check_parts(network)
    settled = deepcopy(network).cpu().float().eval().requires_grad_(False)
    dense = DenseNetwork(settled)
    arrays = [_example(specs[name]) for name, _ in network.sources]
    present = [torch.ones(_EXAMPLES, dtype=torch.bool) for _ in arrays]
    with _quiet():
        program = _network_program(dense, arrays, present)
        program.save(path)
        _strip(path)
        names = onnx_names(network)
        check_numbers(settled, specs, path, names.arrays, names.present)


def check_parts(network: Network) -> None:
    """Checks that every part says of itself that it can be exported.

    Raises:
        ConfigError: some cannot; all are named.
    """
    errors = ErrorCollector()
    for step in network.steps:
        if not step.block.exports:
            kind = type(step.block).__name__
            errors.add(f"{step.name} ({kind}) cannot be written as ONNX; take another part in its place.")
    errors.raise_if_any(ConfigError)


def free_steps(network: Network) -> list[str]:
    """Sources of codes that only parts read which make the same of texts without their padding."""
    found = []
    for place, (name, _) in enumerate(network.sources):
        readers = [step.block for step in network.steps if place in step.inputs]
        if readers and all(isinstance(one, Layer) and one.ignores_padding for one in readers):
            found.append(name)
    return found


class _Exported(nn.Module):
    """Tuples in and out, which is what an ONNX graph has."""

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        self.dense = dense
        self.names = [name for name, _ in dense.network.sources]
        self.heads = [step.name for step in dense.network.heads]

    def forward(self, arrays: list[Tensor], present: list[Tensor]) -> tuple[Tensor, ...]:
        raw = self.dense(dict(zip(self.names, arrays, strict=True)), dict(zip(self.names, present, strict=True)))
        return tuple(raw[name].float() for name in self.heads)


class _Part(nn.Module):
    """One part by itself."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, given: list[Any]) -> Tensor:
        return self.module(*given)


def _example(spec: Spec) -> Tensor:
    dtype = {"int64": torch.int32, "uint8": torch.uint8}.get(spec.dtype, torch.float32)
    return torch.zeros((_EXAMPLES, *spec.shape), dtype=dtype)


def _network_program(dense: DenseNetwork, arrays: list[Tensor], present: list[Tensor]) -> Any:
    names = onnx_names(dense.network)
    told = {
        "input_names": [*names.arrays.values(), *names.present.values()],
        "output_names": [step.name for step in dense.network.heads],
    }
    free = free_steps(dense.network)
    steps = [
        {1: f"steps_{place}"} if name in free and one.shape[1] > 2 else {}
        for place, ((name, _), one) in enumerate(zip(dense.network.sources, arrays, strict=True))
    ]
    fixed = (_axes(arrays), _axes(present))
    if any(steps):
        shorter = ([{**one, **more} for one, more in zip(fixed[0], steps, strict=True)], fixed[1])
        # Some encoders look at the number of steps while they run: then it stays what the codec makes.
        with suppress(Exception):
            return _program(_Exported(dense), (arrays, present), shorter, **told)
    try:
        return _program(_Exported(dense), (arrays, present), fixed, **told)
    except Exception as error:  # exporters raise anything
        raise _blame(dense, arrays, present, error) from error


def _axes(given: Any) -> Any:
    return [_axes(one) for one in given] if isinstance(given, list | tuple) else {0: ROWS}


def _program(module: nn.Module, args: tuple[Any, ...], shapes: tuple[Any, ...], **names: Any) -> Any:
    dims = {ROWS: torch.export.Dim(ROWS)}

    def free(shape: Any, arg: Any) -> Any:
        if isinstance(shape, list):
            return [free(one, inner) for one, inner in zip(shape, arg, strict=True)]
        for axis, word in shape.items():
            if word not in dims:
                dims[word] = torch.export.Dim(word, min=2, max=arg.shape[axis])
        return {axis: dims[word] for axis, word in shape.items()}

    # Exported here and not by torch.onnx.export, which falls back to a fixed number of rows without a word.
    exported = torch.export.export(
        module.eval(),
        args,
        dynamic_shapes=tuple(free(shape, arg) for shape, arg in zip(shapes, args, strict=True)),
        strict=False,
    )
    return torch.onnx.export(exported, dynamo=True, verbose=False, opset_version=OPSET, dynamic_shapes=shapes, **names)


def _blame(dense: DenseNetwork, arrays: list[Tensor], present: list[Tensor], error: Exception) -> ConfigError:
    """Which part it was: each is exported by itself with what it read."""
    read: dict[str, Sequence[Any]] = {}
    names = [name for name, _ in dense.network.sources]

    def note(key: str) -> Any:
        return lambda _, args: read.__setitem__(key, args)

    hooks = [dense.network.parts[step.key].register_forward_pre_hook(note(step.key)) for step in dense.network.steps]
    with torch.no_grad():
        dense(dict(zip(names, arrays, strict=True)), dict(zip(names, present, strict=True)))
    for hook in hooks:
        hook.remove()
    errors = ErrorCollector()
    for step in {step.key: step for step in dense.network.steps}.values():
        try:
            args = (list(read[step.key]),)
            _program(_Part(dense.network.parts[step.key]), args, tuple(_axes(args)))
        except Exception as reason:
            errors.add(f"{step.name} ({type(step.block).__name__}) cannot be written as ONNX: {_told(reason)}")
    if not errors.errors:
        errors.add(f"The network cannot be written as ONNX: {_told(error)}")
    return errors.as_error(ConfigError)


def _told(error: BaseException) -> str:
    while error.__cause__ is not None:  # the exporter wraps what happened into advice on itself
        error = error.__cause__
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line.strip()[:300]}"


def _strip(path: Path) -> None:
    """Takes out where in which file on this machine each operation was written down."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for part in (model.graph, *model.functions):
        for one in (*part.node, *part.value_info):
            del one.metadata_props[:]
            one.doc_string = ""
    for one in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del one.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, path)


def _need_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as missing:
        raise MissingDependencyError(
            f"Model.export needs the package {missing.name!r}: pip install 'medley[export]'"
        ) from missing


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own ways (deprecations, packages that it would know more with): nothing for a user."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
