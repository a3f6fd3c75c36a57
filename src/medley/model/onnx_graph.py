"""A network as an ONNX graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.errors import ConfigError, ErrorCollector, MissingDependencyError
from medley.graph.network import Network
from medley.graph.static_network import StaticNetwork
from medley.model.onnx_check import check_numbers

OPSET = 20
"""Version of the ONNX operators; onnxruntime reads it from 1.17 on."""

ROWS = "rows"
"""Name of the graph's axis B, whose size is free."""

_EXAMPLES = 3  # traced rows; a tracer may specialise the network for 1 or 2
_LOUD = ("torch.onnx", "torch.export", "torch.fx", "torch._dynamo", "torch._export", "onnxscript", "onnx_ir")


@dataclass(frozen=True)
class OnnxNames:
    """Names of the inputs of an ONNX graph.

    Args:
        arrays: source name -> input of its encoded rows (B, *spec.shape).
        present: source name -> input (B,) bool.
    """

    arrays: Mapping[str, str]
    present: Mapping[str, str]


def onnx_names(network: Network) -> OnnxNames:
    """Names for all inputs: sources keep theirs; masks are `<source>.present`, with underscores where that is taken."""
    sources = [name for name, _ in network.sources]
    taken = {*sources, *(step.name for step in network.heads)}
    present = {}
    for name in sources:
        mask = f"{name}.present"
        while mask in taken:
            mask += "_"
        taken.add(mask)
        present[name] = mask
    return OnnxNames({name: name for name in sources}, present)


def write_onnx(network: Network, specs: Mapping[str, Spec], path: Path) -> None:
    """Writes a network in evaluation mode; its weights beside it, as `<path>.data`, where they exceed 2 GB.

    Args:
        network: not changed.
        specs: source name -> spec of its encoding.
        path: of the file.

    Raises:
        ConfigError: parts cannot be exported, each with its name and reason; or, where onnxruntime is installed, the
            graph computes other numbers.
        MissingDependencyError: onnx or onnxscript is not installed.
    """
    _need_packages()
    check_parts(network)
    network_copy = deepcopy(network).cpu().float().eval().requires_grad_(False)
    _rename_keywords(network_copy)
    dense = StaticNetwork(network_copy)
    arrays = [_example(specs[name]) for name, _ in network.sources]
    present = [torch.ones(_EXAMPLES, dtype=torch.bool) for _ in arrays]
    with _quiet():
        program = _network_program(dense, arrays, present)
        program.save(path)
        _strip(path)
        names = onnx_names(network)
        check_numbers(network_copy, specs, path, names.arrays, names.present)


def _rename_keywords(network: Network) -> None:
    """Renames parts whose names are Python keywords ("class"): torch writes some networks as Python code."""
    for key in [key for key in network.parts if iskeyword(key)]:
        renamed = f"{key}_"
        while renamed in network.parts:
            renamed += "_"
        network.parts[renamed] = network.parts.pop(key)
        prior = f"prior__{key}"
        if prior in dict(network.named_buffers(recurse=False)):
            network.register_buffer(f"prior__{renamed}", network.get_buffer(prior))
        for step in network.steps:
            step.key = renamed if step.key == key else step.key


def check_parts(network: Network) -> None:
    """Checks that every part declares that it can be exported.

    Raises:
        ConfigError: some cannot; all are named.
    """
    errors = ErrorCollector()
    for step in network.steps:
        if not step.block.exports:
            part = f"{step.name} ({type(step.block).__name__})"
            errors.add(f"{part} cannot be exported to ONNX; replace it by another part.")
    errors.raise_if_any(ConfigError)


def free_steps(network: Network) -> list[str]:
    """Sources of token ids whose readers all ignore padding, so that their number of steps may be free."""
    sources = []
    for position, (name, _) in enumerate(network.sources):
        readers = [step.block for step in network.steps if position in step.inputs]
        if readers and all(isinstance(block, Layer) and block.ignores_padding for block in readers):
            sources.append(name)
    return sources


class _Exported(nn.Module):
    """The network with lists as inputs and a tuple as output, as an ONNX graph has them."""

    def __init__(self, dense: StaticNetwork) -> None:
        super().__init__()
        self.dense = dense
        self.names = [name for name, _ in dense.network.sources]
        self.heads = [step.name for step in dense.network.heads]

    def forward(self, arrays: list[Tensor], present: list[Tensor]) -> tuple[Tensor, ...]:
        raw = self.dense(dict(zip(self.names, arrays, strict=True)), dict(zip(self.names, present, strict=True)))
        return tuple(raw[name].float() for name in self.heads)


class _Part(nn.Module):
    """A single part."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: list[Any]) -> Tensor:
        return self.module(*inputs)


def _example(spec: Spec) -> Tensor:
    dtype = {"int64": torch.int32, "uint8": torch.uint8}.get(spec.dtype, torch.float32)
    return torch.zeros((_EXAMPLES, *spec.shape), dtype=dtype)


def _network_program(dense: StaticNetwork, arrays: list[Tensor], present: list[Tensor]) -> Any:
    names = onnx_names(dense.network)
    io_names = {
        "input_names": [*names.arrays.values(), *names.present.values()],
        "output_names": [step.name for step in dense.network.heads],
    }
    free = free_steps(dense.network)
    steps = [
        {1: f"steps_{position}"} if name in free and array.shape[1] > 2 else {}
        for position, ((name, _), array) in enumerate(zip(dense.network.sources, arrays, strict=True))
    ]
    fixed = (_axes(arrays), _axes(present))
    if any(steps):
        shorter = ([{**rows, **free} for rows, free in zip(fixed[0], steps, strict=True)], fixed[1])
        # Some encoders use the number of steps while they run: then it stays fixed.
        with suppress(Exception):
            return _program(_Exported(dense), (arrays, present), shorter, **io_names)
    try:
        return _program(_Exported(dense), (arrays, present), fixed, **io_names)
    except Exception as error:  # exporters document no base class of their errors
        raise _part_errors(dense, arrays, present, error) from error


def _axes(args: Any) -> Any:
    return [_axes(arg) for arg in args] if isinstance(args, list | tuple) else {0: ROWS}


def _program(module: nn.Module, args: tuple[Any, ...], shapes: tuple[Any, ...], **names: Any) -> Any:
    dims = {ROWS: torch.export.Dim(ROWS)}

    def free(shape: Any, arg: Any) -> Any:
        if isinstance(shape, list):
            return [free(inner, item) for inner, item in zip(shape, arg, strict=True)]
        for axis, name in shape.items():
            if name not in dims:
                dims[name] = torch.export.Dim(name, min=2, max=arg.shape[axis])
        return {axis: dims[name] for axis, name in shape.items()}

    # Exported here and not by torch.onnx.export, which silently falls back to a fixed number of rows.
    exported = torch.export.export(
        module.eval(),
        args,
        dynamic_shapes=tuple(free(shape, arg) for shape, arg in zip(shapes, args, strict=True)),
        strict=False,
    )
    return torch.onnx.export(exported, dynamo=True, verbose=False, opset_version=OPSET, dynamic_shapes=shapes, **names)


def _part_errors(dense: StaticNetwork, arrays: list[Tensor], present: list[Tensor], error: Exception) -> ConfigError:
    """The parts that cannot be exported, found by exporting each alone with its inputs."""
    inputs: dict[str, Sequence[Any]] = {}
    names = [name for name, _ in dense.network.sources]

    def record(key: str) -> Any:
        return lambda _, args: inputs.__setitem__(key, args)

    hooks = [dense.network.parts[step.key].register_forward_pre_hook(record(step.key)) for step in dense.network.steps]
    with torch.no_grad():
        dense(dict(zip(names, arrays, strict=True)), dict(zip(names, present, strict=True)))
    for hook in hooks:
        hook.remove()
    errors = ErrorCollector()
    for step in {step.key: step for step in dense.network.steps}.values():
        try:
            args = (list(inputs[step.key]),)
            _program(_Part(dense.network.parts[step.key]), args, tuple(_axes(args)))
        except Exception as reason:
            errors.add(f"{step.name} ({type(step.block).__name__}) cannot be exported to ONNX: {_first_line(reason)}")
    if not errors.errors:
        errors.add(f"The network cannot be exported to ONNX: {_first_line(error)}")
    return errors.as_error(ConfigError)


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:  # the exporter wraps the error into advice on how to use it
        error = error.__cause__
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line.strip()[:300]}"


def _strip(path: Path) -> None:
    """Removes the source files and lines of operations, which are paths on this machine."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    for part in (model.graph, *model.functions):
        for item in (*part.node, *part.value_info):
            del item.metadata_props[:]
            item.doc_string = ""
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, path)


def _need_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"Model.export needs the package {error.name!r}.", package=error.name or "onnx", extra="export"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter's warnings about itself (deprecations, optional packages)."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
