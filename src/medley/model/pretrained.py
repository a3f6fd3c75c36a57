"""Pretrained weights in a saved model: copied into it, or referenced so that they can be fetched again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from medley.core.rules import require
from medley.errors import ArtifactError, ConfigError, did_you_mean
from medley.nn.backbone import Backbone, build
from medley.nn.hub import find

MODES = ("copy", "reference")


@dataclass(frozen=True)
class References:
    """Weights that a saved model refers to instead of holding them.

    Args:
        entries: JSON: one entry per encoder, with its part of the network, name, revision and checksum.
        names: of the weights in the network's state.
    """

    entries: list[dict[str, Any]]
    names: frozenset[str]


def references(network: nn.Module, mode: str) -> References:
    """Which of a network's pretrained weights are left out of a saved model.

    Args:
        network: holds the weights.
        mode: `"copy"` leaves out nothing; `"reference"` leaves out what training has not changed.

    Raises:
        ConfigError: there is no such mode.
        WeightsNotFoundError: weights that would be left out cannot be found any more.
    """
    if mode not in MODES:
        raise ConfigError(f"pretrained must be 'copy' or 'reference', got {mode!r}.{did_you_mean(mode, MODES)}")
    entries, names = [], set()
    for part, backbone in _backbones(network).items() if mode == "reference" else ():
        unchanged = backbone.untouched()
        if not unchanged:
            continue
        plan = backbone.plan
        location = find(plan.name, plan.revision)
        folder = Path(plan.name).expanduser()
        name = str(folder.resolve()) if folder.is_dir() else plan.name
        revision = plan.revision or location.revision
        entries.append({"part": part, "name": name, "revision": revision, "checksum": backbone.checksum()})
        names |= {f"{part}.{weight}" for weight in unchanged}
    return References(entries, frozenset(names))


def fetch_referenced(network: nn.Module, entries: Sequence[Mapping[str, Any]], model: Path) -> dict[str, Tensor]:
    """The weights that a saved model refers to, by their names in the network's state.

    Args:
        network: built without them.
        entries: `References.entries`.
        model: the folder, for messages.

    Raises:
        ArtifactError: they cannot be found, or differ from those that the model was saved with.
    """
    weights: dict[str, Tensor] = {}
    backbones = _backbones(network)
    for entry in entries:
        is_part = entry["part"] in backbones
        require(is_part, f"pretrained names the part {entry['part']!r}, which is no pretrained encoder.")
        backbone = backbones[entry["part"]]
        try:
            original = build(replace(backbone.plan, name=entry["name"], revision=entry["revision"]))
        except ConfigError as error:
            raise ArtifactError(
                f"{model} was saved with pretrained='reference' and so does not hold the weights of "
                f"{entry['name']!r}. {error}"
            ) from error
        if original.checksum() != entry["checksum"]:
            at = "" if entry["revision"] is None else f" at revision {entry['revision']}"
            raise ArtifactError(
                f"{model} was saved with pretrained='reference', and the weights of {entry['name']!r}{at} are not "
                f"those that it was trained with: their SHA-256 begins with {original.checksum()[:12]}, not with "
                f"{entry['checksum'][:12]}. They have changed, or this version of transformers names them differently; "
                "put the old ones back, or save with pretrained='copy' where they still are."
            )
        state = original.state_dict()
        weights |= {f"{entry['part']}.{name}": state[name] for name in original.untouched()}
    return weights


def _backbones(network: nn.Module) -> dict[str, Backbone]:
    # Equal frozen parts are one module under several names, and each name has its weights in the state.
    modules = network.named_modules(remove_duplicate=False)
    return {name: module for name, module in modules if isinstance(module, Backbone)}
