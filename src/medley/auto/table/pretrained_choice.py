"""Chooses the pretrained encoders from which inputs of a table may start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from medley.auto.table.design import TableDesign
from medley.core.input import InputBlock
from medley.errors import ConfigError, did_you_mean, spelled, warn
from medley.nn.hub import find, first_cached
from medley.nn.packages import packaged_folder
from medley.search.budget import PRETRAINED_FRACTION, Budget
from medley.tables.view import InputFeed

START_SECONDS = 8.0
"""Seconds that it takes to import transformers, to build an encoder and to measure its speed."""


def choose_pretrained(design: TableDesign, pretrained: Any, report: Callable[[str], None]) -> TableDesign:
    """Sets the pretrained encoder that inputs may start from.

    Args:
        design: the inferred design.
        pretrained: `"auto"` (a model in the local cache, without network access), None or False, True, the folder or
            name of a model (for the inputs of its modality), or a dict from column to one of these.
        report: called with a line per modality if models are chosen automatically.

    Raises:
        ConfigError: a named column cannot start from a pretrained encoder, or a model does not exist.
    """
    inputs = {str(block.name): block for block in design.inputs}
    feeds = [feed for feed in design.view.feeds if inputs[feed.name].pretrained_modality is not None]
    names = _names_by_input(feeds, inputs, pretrained)
    automatic = [inputs[name] for name, choice in names.items() if choice == "auto"]
    cached = {block.pretrained_models: first_cached(block.pretrained_models) for block in automatic}
    for line in _describe(automatic, cached):
        report(line)
    for name, choice in names.items():
        model = cached[inputs[name].pretrained_models] if choice == "auto" else choice
        if isinstance(model, str):
            find(model)  # a model that does not exist is reported before anything is trained
        if model:
            inputs[name] = replace(inputs[name], pretrained=model)  # type: ignore[call-arg]
    return replace(design, inputs=[inputs[str(block.name)] for block in design.inputs])


def without_slow_encoders(
    design: TableDesign, pretrained: Any, budget: Budget, rows: int, report: Callable[[str], None]
) -> TableDesign:
    """Leaves out pretrained encoders that cannot run over all rows in time.

    Even a frozen encoder runs over every row once, which may take many times the time limit.

    Args:
        design: with the chosen encoders.
        pretrained: the caller's argument.
        budget: the time limit.
        rows: number of training and validation rows.
        report: called with a line per encoder that was chosen automatically.

    Warns:
        MedleyWarning: an encoder that the caller has named is left out.
    """
    encoders = {str(block.name): block for block in design.inputs if getattr(block, "pretrained", None)}
    if budget.time_left is None or not encoders:
        return design
    if pretrained == "auto" and budget.time_left * PRETRAINED_FRACTION < START_SECONDS:
        report(
            f"{', '.join(encoders)}: no pretrained encoder is used, because building one would take too much of the "
            f"{budget.limit:.0f} s; {spelled('time_limit')} of half a minute would be enough."
        )
        inputs = [replace(block, pretrained=None) if str(block.name) in encoders else block for block in design.inputs]
        return replace(design, inputs=inputs)
    from medley.nn.backbone_speed import seconds_per_sample

    seconds = {
        name: rows * block.samples_per_row * seconds_per_sample(_model_of(block), str(block.pretrained_modality))
        for name, block in encoders.items()
    }
    available = budget.time_left * PRETRAINED_FRACTION
    inputs = {str(block.name): block for block in design.inputs}
    for name in sorted(seconds, key=lambda name: -seconds[name]):
        total = sum(seconds[other] for other in encoders if getattr(inputs[other], "pretrained", None))
        if total <= available:
            break
        inputs[name] = replace(inputs[name], pretrained=None)  # type: ignore[call-arg]
        line = (
            f"{name}: {_model_of(encoders[name])} is not used, because running it over {rows:,} rows would take about "
            f"{seconds[name]:.0f} of the {budget.limit:.0f} s; {spelled('time_limit')} of "
            f"{total / PRETRAINED_FRACTION + budget.elapsed:.0f} s would be enough."
        )
        if pretrained == "auto":
            report(line)
        else:
            warn(line)
    return replace(design, inputs=list(inputs.values()))


def _model_of(block: Any) -> str:
    return block.pretrained_models[0] if block.pretrained is True else str(block.pretrained)


def _names_by_input(feeds: list[InputFeed], inputs: Mapping[str, InputBlock], pretrained: Any) -> dict[str, Any]:
    """Input name -> the `pretrained` argument that applies to it."""
    if isinstance(pretrained, Mapping):
        columns = {column: feed.name for feed in feeds for column in (feed.name, *feed.columns)}
        for column in pretrained:
            if column not in columns:
                hint = did_you_mean(column, columns) if columns else ""
                message = f"names {column!r}, but no column of that name can start from a pretrained encoder.{hint}"
                raise ConfigError(message, argument="pretrained")
        return {columns[column]: model for column, model in pretrained.items()}
    if isinstance(pretrained, str) and pretrained != "auto":
        modality = _modality_of(pretrained, {str(inputs[feed.name].pretrained_modality) for feed in feeds})
        return {feed.name: pretrained for feed in feeds if inputs[feed.name].pretrained_modality == modality}
    if not (pretrained is None or isinstance(pretrained, bool) or pretrained == "auto"):
        raise ConfigError(
            f"must be 'auto', None, a folder, a name on the hub, or a dict from column to such, got {pretrained!r}.",
            argument="pretrained",
        )
    return {feed.name: pretrained for feed in feeds}


def _describe(blocks: Iterable[InputBlock], cached: Mapping[tuple[str, ...], str | None]) -> list[str]:
    """One line per modality about the models that its encoders may start from."""
    lines = {}
    for block in blocks:
        model = cached[block.pretrained_models]
        if model is None:
            reason = f"no pretrained model in the local cache; see {spelled('pretrained')}"
            lines[block.pretrained_modality] = (
                f"{block.pretrained_modality} encoders are trained from scratch ({reason})"
            )
        else:
            place = "an installed package" if packaged_folder(model) else "the local cache"
            choice = f"may start from {model}, found in {place}; {spelled('pretrained', None)} trains from scratch"
            lines[block.pretrained_modality] = f"{block.pretrained_modality} encoders {choice}"
    return list(lines.values())


def _modality_of(name: str, modalities: Iterable[str]) -> str | None:
    """The first modality that a model supports; None if there are no modalities.

    Raises:
        ConfigError: the model supports none of them.
    """
    from medley.nn.backbone_config import read_config

    model, error = find(name), None
    for modality in sorted(modalities, reverse=True):
        try:
            read_config(model, modality)  # type: ignore[arg-type]
        except ConfigError as reason:
            error = reason
        else:
            return modality
    if error is not None:
        raise error
    return None
