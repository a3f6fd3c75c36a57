"""Pretrained weights in a saved model: copied into it, or named so that they can be fetched again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from medley.errors import ArtifactError, ConfigError, did_you_mean
from medley.nn.backbone import Backbone, build
from medley.nn.hub import find

WAYS = ("copy", "reference")


@dataclass(frozen=True)
class References:
    """Weights that a saved model names instead of holding them.

    Args:
        told: JSON: one entry per encoder, with its place in the network, name, revision and checksum.
        names: of the weights, as the network's state calls them.
    """

    told: list[dict[str, Any]]
    names: frozenset[str]


def references(network: nn.Module, way: str) -> References:
    """What of a network's pretrained weights is left out of a file.

    Args:
        network: holds them.
        way: `"copy"` leaves out nothing; `"reference"` what nothing in training has changed.

    Raises:
        ConfigError: there is no such way.
        WeightsNotFoundError: what would be left out is not to be found any more.
    """
    if way not in WAYS:
        raise ConfigError(f"pretrained must be 'copy' or 'reference', got {way!r}.{did_you_mean(way, WAYS)}")
    told, names = [], set()
    for path, backbone in _backbones(network).items() if way == "reference" else ():
        untouched = backbone.untouched()
        if not untouched:
            continue
        plan = backbone.plan
        found = find(plan.name, plan.revision)
        name = plan.name if found.revision is not None else str(Path(plan.name).expanduser().resolve())
        revision = plan.revision or found.revision
        told.append({"part": path, "name": name, "revision": revision, "checksum": backbone.checksum()})
        names |= {f"{path}.{one}" for one in untouched}
    return References(told, frozenset(names))


def fetched(network: nn.Module, told: Sequence[Mapping[str, Any]], model: Path) -> dict[str, Tensor]:
    """The weights that a saved model names, by the names of the network's state.

    Args:
        network: built without them.
        told: `References.told`.
        model: the folder, for messages.

    Raises:
        ArtifactError: they are not to be had, or are others than the model was saved with.
    """
    found: dict[str, Tensor] = {}
    backbones = _backbones(network)
    for one in told:
        backbone = backbones[one["part"]]
        try:
            again = build(replace(backbone.plan, name=one["name"], revision=one["revision"]))
        except ConfigError as error:
            raise ArtifactError(
                f"{model} was saved with pretrained='reference' and so does not hold the weights of {one['name']!r}. "
                f"{error}"
            ) from error
        if again.checksum() != one["checksum"]:
            at = "" if one["revision"] is None else f" at revision {one['revision']}"
            raise ArtifactError(
                f"{model} was saved with pretrained='reference', and the weights of {one['name']!r}{at} are not those "
                f"that it was trained with: their SHA-256 begins with {again.checksum()[:12]}, not with "
                f"{one['checksum'][:12]}. They have changed, or the version of transformers names them otherwise; put "
                "the old ones back, or save with pretrained='copy' where they still are."
            )
        state = again.state_dict()
        found |= {f"{one['part']}.{name}": state[name] for name in again.untouched()}
    return found


def _backbones(network: nn.Module) -> dict[str, Backbone]:
    # Equal frozen parts are one module under several names, and each name has its weights in the state.
    modules = network.named_modules(remove_duplicate=False)
    return {name: module for name, module in modules if isinstance(module, Backbone)}
