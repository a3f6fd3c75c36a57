"""What a model knows about how far its predictions can be trusted, and its saved state. NumPy only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from medley.core.codec import State, TargetCodec, state_below
from medley.core.rules import Items, Maybe, StateRules, Text, require
from medley.errors import MedleyError
from medley.trust.calibration import AnyCalibration, Calibration, calibrated, predicted
from medley.trust.conformal import ClassSets, Conformal, NumberIntervals
from medley.trust.decision import Decision
from medley.trust.mean_correction import MeanCorrection
from medley.trust.reference import Reference
from medley.trust.validation import ValidationPredictions


@dataclass(frozen=True)
class Trust:
    """What a model knows about how far its predictions can be trusted.

    Args:
        validation: predictions for validation rows; None for models that were not validated, were saved without
            examples, or by an older version.
        calibrations: head name -> calibration of its probabilities, or correction of its numbers, where one improves
            them.
        conformal: head name -> intervals or sets of classes.
        decisions: head name -> how classes are chosen, where it is not the most probable one.
        reference: histograms of what the model was trained on, and where its embeddings lie; None if nothing is known.
    """

    validation: ValidationPredictions | None = None
    calibrations: Mapping[str, AnyCalibration] = field(default_factory=dict)
    conformal: Mapping[str, Conformal] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    reference: Reference | None = None

    def calibrated(self, head: str, codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) of a head after calibration."""
        return calibrated(self.calibrations.get(head), codec, raw)

    def decided(self, head: str, codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) of a head -> outputs (B, K) that its codec decodes as what is predicted."""
        decision = self.decisions.get(head)
        if decision is None or not len(raw):
            return predicted(self.calibrations.get(head), codec, raw)
        return decision.apply(codec, self.calibrated(head, codec, raw))

    def changes_predictions(self, head: str) -> bool:
        """Whether `decided` may change what the raw outputs of a head predict."""
        return head in self.decisions or isinstance(self.calibrations.get(head), MeanCorrection)

    def without(self, heads: Collection[str]) -> Trust:
        """The same without what it knows about some heads, whose classes have changed."""
        parts = {part: {n: item for n, item in getattr(self, part).items() if n not in heads} for part in _PARTS}
        return replace(self, validation=None, **parts)

    def without_examples(self) -> Trust:
        """The same without anything that belongs to a single row."""
        return replace(self, validation=None)

    def state(self) -> dict[str, Any]:
        """A flat dict of JSON values and arrays; empty where nothing is known."""
        validation = {} if self.validation is None else self.validation.state()
        state = {f"validation/{name}": value for name, value in validation.items()}
        if self.reference is not None:
            state |= {f"reference/{name}": value for name, value in self.reference.state().items()}
        for part in _PARTS:
            by_head: Mapping[str, Any] = getattr(self, part)
            if by_head:
                state[part] = list(by_head)
            for number, item in enumerate(by_head.values()):
                state |= {f"{part}/{number}/{name}": value for name, value in item.state().items()}
        return state

    @classmethod
    def restore(cls, state: State, targets: Mapping[str, TargetCodec]) -> Trust:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything; empty for models of older versions.
            targets: head name -> restored codec.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        heads = StateRules(**{part: Maybe(Items(Text(), is_unique=True)) for part in _PARTS}).read(state)
        parts: dict[str, dict[str, Any]] = {}
        for part in _PARTS:
            parts[part] = {}
            for number, head in enumerate(heads[part] or ()):
                require(head in targets, f"{part} names {head!r}, which is no head.")
                try:
                    parts[part][head] = _restore(part, state_below(f"{part}/{number}/", state), targets[head])
                except MedleyError as error:
                    raise error.within(head).within(part) from None
        validation = state_below("validation/", state)
        restored = ValidationPredictions.restore(validation, targets) if validation else None
        reference = state_below("reference/", state)
        return cls(
            None if restored is None else restored.calibrated(parts["calibrations"]),
            reference=Reference.restore(reference) if reference else None,
            **parts,
        )


_PARTS = ("calibrations", "conformal", "decisions")


def _restore(part: str, state: State, codec: TargetCodec) -> Any:
    if part == "calibrations":
        kind = Calibration if codec.geometric is None else MeanCorrection
        return kind.restore(state, codec)
    if part == "decisions":
        return Decision.restore(state, codec)
    return NumberIntervals.restore(state, codec) if codec.labels is None else ClassSets.restore(state, codec)
