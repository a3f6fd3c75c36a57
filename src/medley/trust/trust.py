"""What a model knows about how far its predictions can be trusted, and its saved state. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from medley.core.codec import State, TargetCodec
from medley.trust.validation import ValidationPredictions

_PREFIX = "validation/"


@dataclass(frozen=True)
class Trust:
    """What a model knows about how far its predictions can be trusted.

    Args:
        validation: predictions for validation rows; None for models that were not validated, were saved without
            examples, or by an older version.
    """

    validation: ValidationPredictions | None = None

    def without_examples(self) -> Trust:
        """The same without anything that belongs to a single row."""
        return replace(self, validation=None)

    def state(self) -> dict[str, Any]:
        """A flat dict of JSON values and arrays; empty where nothing is known."""
        state = {} if self.validation is None else self.validation.state()
        return {f"{_PREFIX}{name}": value for name, value in state.items()}

    @classmethod
    def restore(cls, state: State, targets: Mapping[str, TargetCodec]) -> Trust:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything; empty for models of older versions.
            targets: head name -> restored codec.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        parts = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)}
        return cls(ValidationPredictions.restore(parts, targets) if parts else None)
