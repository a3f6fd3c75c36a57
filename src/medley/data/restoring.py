"""Restores fitted codecs from what a file holds, be the file damaged or made by anybody."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from medley.core.codec import Codec, TargetCodec
from medley.core.rules import MOST_NUMBERS, require
from medley.core.spec import Spec
from medley.errors import ArtifactError, MedleyError, as_artifact_error

AnyCodec = TypeVar("AnyCodec", bound=Codec)


def restore_codec(codec: AnyCodec, state: Mapping[str, Any], where: str) -> AnyCodec:
    """Restores a codec, and checks that it says what it encodes and decodes what a network answers.

    Args:
        codec: fresh, as its block makes it.
        state: as `Codec.state` returned it, or anything.
        where: for messages.

    Raises:
        MedleyError: the state is not one of this codec.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            codec.restore(state)
            check_spec(codec.spec)
            if isinstance(codec, TargetCodec):
                _check_target(codec)
    except MedleyError as error:
        raise as_artifact_error(error).within(where) from error.__cause__
    except Exception as error:  # parts may do anything with values that they never wrote
        reason = f"is damaged, or was written by another version of {type(codec).__name__}"
        raise ArtifactError(f"Its state {reason}: {error!r:.300}.", where=where) from error
    return codec


def check_spec(spec: Spec) -> None:
    """Checks that one encoded row has a size that fits into memory.

    Raises:
        ArtifactError: it has not.
    """
    is_whole = all(isinstance(size, int) and size >= 0 for size in spec.shape)
    require(is_whole and spec.size <= MOST_NUMBERS, f"An encoded row may hold {MOST_NUMBERS:,} numbers, got {spec}.")


def _check_target(codec: TargetCodec) -> None:
    prior = codec.prior
    is_vector = isinstance(prior, np.ndarray) and prior.ndim == 1 and prior.dtype.kind == "f" and len(prior) > 0
    require(is_vector and np.isfinite(prior).all(), "prior must be a vector of finite numbers.")
    labels = codec.labels
    predicted, probabilities = codec.decode(prior[None]), codec.probabilities(prior[None])
    require(len(predicted) == 1 and len(probabilities) == 1, "One row must be decoded as one row.")
    has_columns = labels is None or probabilities.shape == (1, len(labels))
    require(has_columns, "There must be one probability for each label.")
