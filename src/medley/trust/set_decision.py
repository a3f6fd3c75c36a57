"""Setting how a model decides between classes (`Model.set_threshold`). NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medley.core.codec import TargetCodec
from medley.errors import ConfigError, ErrorCollector, did_you_mean, listing, spelled, within
from medley.trust.decision import Decision, can_decide
from medley.trust.fit_decision import choose_threshold, cost_decision, fixed_threshold
from medley.trust.trust import Trust

WAYS = ("metric", "precision", "recall", "threshold", "costs")
"""Arguments of which one says how a decision is made."""


def with_decision(
    trust: Trust, targets: Mapping[str, TargetCodec], target: str | None, positive: Any, ways: Mapping[str, Any]
) -> tuple[Trust, str]:
    """What is known of a model, with a new decision of one target; and the target's name.

    Args:
        trust: of the model.
        targets: head name -> codec.
        target: a head; None where only one can have a decision.
        positive: as in `Model.set_threshold`.
        ways: `WAYS` -> value or None.

    Raises:
        ConfigError: arguments are wrong, or there are no validation rows to choose a threshold on.
    """
    given = {name: value for name, value in ways.items() if value is not None}
    errors = ErrorCollector()
    with errors.collecting(ConfigError):
        target = _head(targets, target)
    if len(given) != 1:
        names = f", got {listing(map(spelled, given))}" if given else ""
        errors.add(f"Pass exactly one of {listing(map(spelled, WAYS))}{names}.")
    errors.raise_if_any(ConfigError)
    assert target is not None
    with within(target):
        decision = _decision(trust, targets[target], target, positive, given)
    return replace(trust, decisions={**trust.decisions, target: decision}), target


def without_decision(trust: Trust, targets: Mapping[str, TargetCodec], target: str | None) -> Trust:
    """What is known of a model, without the decision of a target, or without any.

    Raises:
        ConfigError: there is no such target.
    """
    if target is None:
        return replace(trust, decisions={})
    name = _head(targets, target)
    return replace(trust, decisions={head: item for head, item in trust.decisions.items() if head != name})


def _decision(trust: Trust, codec: TargetCodec, target: str, positive: Any, given: Mapping[str, Any]) -> Decision:
    if "costs" in given:
        return cost_decision(codec, given["costs"])
    if "threshold" in given:
        return fixed_threshold(codec, given["threshold"], positive)
    task = None if trust.validation is None else trust.validation.tasks.get(target)
    if task is None:
        raise ConfigError(
            "The model holds no predictions for validation rows to choose a threshold on (it was saved with "
            "examples=False, or by an older version of medley); "
            f"pass {spelled('threshold')} or {spelled('costs')}."
        )
    least = {"least_precision": given.get("precision"), "least_recall": given.get("recall")}
    return choose_threshold(task, metric=given.get("metric"), positive=positive, **least)


def _head(targets: Mapping[str, TargetCodec], target: str | None) -> str:
    if target is not None:
        if target not in targets:
            names = listing(map(repr, targets))
            raise ConfigError(
                f"is {target!r}; the targets are {names}.{did_you_mean(str(target), targets)}", argument="target"
            )
        return target
    able = [name for name, codec in targets.items() if can_decide(codec, costs=False) or can_decide(codec, costs=True)]
    if len(able) != 1:
        raise ConfigError(
            f"must be one of {listing(map(repr, able))}." if able else "There is no target of classes.",
            argument="target" if able else None,
        )
    return able[0]
