"""Adding classes to a model: wider codecs and heads, which predict what they predicted until they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from medley.core.codec import TargetCodec
from medley.errors import DataError, ErrorCollector, within
from medley.graph.network import Network, part_key
from medley.heads.grown import GrownHead
from medley.heads.label_codec import LabelCodec
from medley.model.model import Model
from medley.nn.backbone import blank


def add_classes(model: Model, x: Mapping[str, Any], y: Mapping[str, Any]) -> tuple[Model, dict[str, list[Any]]]:
    """A copy of a model that also has the classes of further rows.

    Until it is trained, the copy predicts the added classes with the frequencies that they have in these rows.

    Args:
        model: stays as it is.
        x: input name -> rows.
        y: head name -> labels of the same rows.

    Returns:
        The copy, or the model itself where no class is new; head name -> added classes.

    Raises:
        DataError: labels cannot be read, or are too many.
    """
    seen = sum((model.metadata.get("rows") or {}).values())
    targets: dict[str, TargetCodec] = dict(model.targets)
    errors = ErrorCollector()
    for name, labels in y.items():
        with errors.collecting(), within(name):
            targets[name] = model.targets[name].grown(labels, seen)
    errors.raise_if_any(DataError)
    grown = {name: codec for name, codec in targets.items() if codec is not model.targets[name]}
    if not grown:
        return model, {}
    raw = model.predict_raw(x)
    specs = {source.name: source.codec.spec for source in model.sources}
    with blank():
        network = Network(model.graph, specs, targets)
    state = {name: tensor.cpu() for name, tensor in model.network.state_dict().items()}
    for name, codec in grown.items():
        before = model.targets[name]
        assert isinstance(before, LabelCodec)
        assert isinstance(codec, LabelCodec)
        _grow(network, model.network, name, state, (before, codec), np.asarray(raw[name]))
    network.load_state_dict(state)
    trust = model.trust.without(grown)
    wider = Model(model.graph, model.sources, targets, network, dict(model.metadata), model.device, model.table, trust)
    return wider, {name: _added(model.targets[name], codec) for name, codec in grown.items()}


def _added(before: TargetCodec, after: TargetCodec) -> list[Any]:
    return [label for label in after.labels or () if label not in (before.labels or ())]


def _grow(
    network: Network,
    former: Network,
    head: str,
    state: dict[str, torch.Tensor],
    codecs: tuple[LabelCodec, LabelCodec],
    raw: np.ndarray,
) -> None:
    """Changes the state of a network into that of one whose head has further classes.

    Args:
        network: the new one; untrained.
        former: the network that the state is of.
        head: its name.
        state: of the former network.
        codecs: of the former and of the new head.
        raw: outputs (B, K) of the former network for the rows with the added classes.
    """
    before, after = codecs
    prefix, module, old = f"parts.{part_key(head)}.", network.part(head), former.part(head)
    assert isinstance(module, GrownHead)
    if not isinstance(old, GrownHead):
        for name in [name for name in state if name.startswith(prefix)]:
            place = name.removeprefix(prefix)
            is_vote = place == "vote.voters" or place.endswith(".vote.voters")
            state[prefix + ("vote.voters" if is_vote else f"module.{place}")] = state.pop(name)
    places, added = before.raw_places(after)
    columns = list(before.origin.raw_places(before)[1]) if isinstance(old, GrownHead) else []
    own = list(before.origin.raw_places(after)[1])
    with torch.no_grad():
        weight, bias = module.parameters_of_added
        weight.zero_()
        bias[..., [own.index(place) for place in added]] = torch.as_tensor(after.added_outputs(before, raw)).float()
        if isinstance(old, GrownHead):
            moved = [own.index(places[column]) for column in columns]
            old_weight, old_bias = (part.cpu() for part in old.parameters_of_added)
            weight[..., moved], bias[..., moved] = old_weight, old_bias
    state |= {f"{prefix}added.{name}": tensor for name, tensor in module.added.state_dict().items()}
    state[f"prior__{part_key(head)}"] = torch.as_tensor(after.prior, dtype=torch.float32)
