"""Reading a model back. Loading runs no code other than that of registered names, and never leaves the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.core.codec import TargetCodec
from medley.core.rules import Fields, Items, Json, Maybe, Named, StateRules, Text, require
from medley.core.serialization import join_arrays, read_json
from medley.data.restoring import restore_codec
from medley.data.sources import Source
from medley.errors import ArtifactError, ConfigError, MedleyError, as_artifact_error
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.saved import graph_from_json
from medley.model.encoding import source_nodes
from medley.model.forward import resolve_device
from medley.model.limits import Weights, limited_to
from medley.model.metadata import read_metadata
from medley.model.model import Model
from medley.model.pretrained import fetch_referenced
from medley.model.saving import DESCRIPTION, STATES, WEIGHTS
from medley.model.trial_run import check_finite, check_runs
from medley.nn.backbone import blank
from medley.nn.hub import offline
from medley.tables.view import TableView

if TYPE_CHECKING:
    import torch

MOST_REFERENCED = 10**9
"""Numbers in pretrained weights that a saved model refers to: 4 GB."""

RULES = StateRules(
    graph=Json(depth=40),
    sources=Named(Json()),
    targets=Named(Json()),
    metadata=Json(depth=40),
    table=Maybe(Json()),
    pretrained=Maybe(
        Items(Fields({"part": Text(), "name": Text(), "revision": Maybe(Text()), "checksum": Text()}), high=1_000)
    ),
)


def load(directory: str | Path, device: str | torch.device | None = "cpu", *, download: bool = False) -> Model:
    """Reads a model that `Model.save` wrote.

    Whatever the files hold, loading runs no code of theirs, opens no connection and touches no other file, except for
    pretrained weights that a model refers to (`save(pretrained="reference")`): these are read from a local folder or
    the hub's cache. See SECURITY.md.

    Args:
        directory: the saved model.
        device: where the model runs.
        download: whether pretrained weights that the model refers to, and that are not on this machine, may be
            downloaded, now or when it predicts. Set it for models of people whom you trust: the name comes from them.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of another format.
        ConfigError: it names a part that is not registered; import the module that registers it first.
    """
    path = Path(directory)
    missing = [name for name in (DESCRIPTION, WEIGHTS, STATES) if not (path / name).is_file()]
    if missing:
        hint = " It is a file; a model is a folder." if path.is_file() else ""
        if (path / "project.json").is_file():
            hint = " It holds a search: see `medley describe`, or load a folder under its trials/."
        raise ArtifactError(f"{path} holds no complete model: {', '.join(missing)} missing.{hint}")
    target_device = resolve_device(device)
    try:
        with nullcontext() if download else offline():
            model = _load(path, target_device)
    except MedleyError:
        raise
    except Exception as error:  # parts may do anything with values that they never wrote
        reason = "is damaged, or was written with other parts than are registered here"
        raise ArtifactError(f"{path / DESCRIPTION} {reason}: {error!r:.500}.") from error
    model.may_download = download
    return model


def _load(path: Path, device: torch.device) -> Model:
    from safetensors.numpy import load_file as load_arrays

    description = path / DESCRIPTION
    content = read_json(description)
    try:
        values = RULES.read(content)
        graph = graph_from_json(values["graph"])
        arrays = _read(load_arrays, path / STATES)
        sources, targets = _codecs(graph, values, arrays)
        metadata = read_metadata(values["metadata"], list(graph.heads))
        table = None if values["table"] is None else TableView.restore(values["table"])
        if table is not None:
            table.check_names(graph.input_names, list(graph.heads))
        network = _network(graph, sources, targets, path, values["pretrained"] or ())
    except ConfigError:  # a part that is not registered
        raise
    except MedleyError as error:
        raise as_artifact_error(error).within(f"{description} is damaged") from error.__cause__
    model = Model(graph, sources, targets, network, metadata, device, table)
    check_runs(model, path)
    return model


def _codecs(
    graph: Graph, values: Mapping[str, Any], arrays: Mapping[str, Any]
) -> tuple[list[Source], dict[str, TargetCodec]]:
    def state(role: str, name: str) -> dict[str, Any]:
        require(isinstance(values[role].get(name), Mapping), f"{role} must hold a state of {name!r}.")
        return join_arrays(values[role][name], f"{role}/{name}", arrays)

    sources = [
        Source(name, input_name, restore_codec(block.codec(), state("sources", name), name))
        for name, input_name, block in source_nodes(graph)
    ]
    targets = {name: restore_codec(head.codec(), state("targets", name), name) for name, head in graph.heads.items()}
    return sources, targets


def _network(
    graph: Graph,
    sources: list[Source],
    targets: Mapping[str, TargetCodec],
    path: Path,
    references: Sequence[Mapping[str, Any]],
) -> Network:
    from safetensors.torch import load_file

    saved = Weights.of(path / WEIGHTS)
    with blank(), limited_to(saved, MOST_REFERENCED if references else 0):
        network = Network(graph, {source.name: source.codec.spec for source in sources}, targets)
    weights = _read(load_file, path / WEIGHTS) | fetch_referenced(network, references, path)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"{path / WEIGHTS} does not fit the graph beside it: {error}") from error
    check_finite(network, path / WEIGHTS)
    return network


def _read(reader: Callable[[Path], dict[str, Any]], path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        return reader(path)
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}.") from error
