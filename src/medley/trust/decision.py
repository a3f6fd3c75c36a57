"""Decisions: which class is predicted, given probabilities: thresholds and costs. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medley.core.codec import State, TargetCodec
from medley.core.rules import Array, Choice, Fields, Items, Maybe, Named, Real, StateRules, Text, Whole, require

_PART = {"threshold": Real(0.0, 1.0), "rows": Whole(), "scores": Named(Items(Real(-1.0, 1.0), 2))}
_LABEL = Fields({"label": Text(), **_PART}, frozenset({"scores", "rows"}))
_OPTIONS = {"positive": Text(), "metric": Text(), "precision": Real(0.0, 1.0), "recall": Real(0.0, 1.0)}
_RULE = Fields(
    {"kind": Choice("fixed", "chosen", "costs"), **_OPTIONS, **_PART, "labels": Items(_LABEL)},
    frozenset({*_OPTIONS, *_PART, "labels"}),
)


@dataclass(frozen=True)
class Decision:
    """How the predicted class follows from calibrated probabilities, in place of the most probable one.

    Args:
        thresholds: for two classes (1,), for sets of labels (labels,): the second class, or a label, is predicted from
            this probability on; None with costs.
        costs: (classes, classes): what it costs to predict a class (column) where another one (row) is true; the class
            of the least expected cost is predicted. None with thresholds.
        rule: JSON that says where they come from.
    """

    thresholds: np.ndarray | None = None
    costs: np.ndarray | None = None
    rule: dict[str, Any] = field(default_factory=dict)

    def apply(self, codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
        """Calibrated raw outputs (B, K) -> outputs (B, K) that the codec decodes as the decision."""
        if self.thresholds is not None:
            return raw - np.log(self.thresholds) + np.log1p(-self.thresholds)
        assert self.costs is not None
        expected = codec.probabilities(raw) @ self.costs
        return expected[:, :1] - expected[:, 1:] if raw.shape[1] == 1 else -expected

    def state(self) -> dict[str, Any]:
        """The state as values and arrays by name."""
        arrays = {"thresholds": self.thresholds, "costs": self.costs}
        return {"rule": self.rule, **{name: array for name, array in arrays.items() if array is not None}}

    @classmethod
    def restore(cls, state: State, codec: TargetCodec) -> Decision:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            codec: of the target.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        classes = len(codec.labels or ())
        values = StateRules(
            thresholds=Maybe(Array(np.float64, (len(codec.prior),), low=LOWEST, high=1 - LOWEST)),
            costs=Maybe(Array(np.float64, (classes, classes))),
            rule=_RULE,
        ).read(state)
        require((values["thresholds"] is None) != (values["costs"] is None), "There must be thresholds or costs.")
        require(classes and can_decide(codec, costs=values["costs"] is not None), "The target has no such decision.")
        return cls(**values)


LOWEST = 1e-9
"""Of thresholds, which stay as far from 1."""


def can_decide(codec: TargetCodec, *, costs: bool) -> bool:
    """Whether decisions of a target can have costs, or else thresholds."""
    if codec.labels is None:
        return False
    is_binary = codec.linear_link == "logit" and len(codec.prior) == 1 and len(codec.labels) == 2
    return is_binary or codec.linear_link == ("multinomial" if costs else "logit")
