"""Checks a loaded network before anybody relies on it: it answers for a row of zeros."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from medley.core.codec import Encoded
from medley.data.sources import absent
from medley.errors import ArtifactError
from medley.model.forward import compute_outputs

if TYPE_CHECKING:
    from medley.model.model import Model

MOST_PARAMETERS, MOST_NUMBERS = 30_000_000, 4_000_000
"""Weights, and numbers of one row, up to which a network is run: larger ones take a second and more."""


def check_runs(model: Model, path: Path) -> None:
    """Runs a network on one row of zeros and decodes what it answers, unless that would take long.

    Args:
        model: as it was read.
        path: of the saved model, for messages.

    Raises:
        ArtifactError: its parts do not fit each other.
    """
    from medley.core.batch import Rows

    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    numbers = sum(source.codec.spec.size for source in model.sources)
    if parameters > MOST_PARAMETERS or numbers > MOST_NUMBERS:
        return
    encoded = {source.name: absent(source.codec, 1) for source in model.sources}
    rows = {name: Encoded(encoding.array, ~encoding.present) for name, encoding in encoded.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = compute_outputs(model.network, Rows(rows, device=model.device), 1)
    except Exception as error:  # whatever modules raise that were never meant to be joined
        raise ArtifactError(f"{path} is damaged: its network cannot read a row of zeros ({error!r:.300}).") from error
    for name, codec in model.targets.items():
        if tuple(outputs[name].shape) != (1, len(codec.prior)):
            raise ArtifactError(
                f"{path}: the head {name!r} answers {tuple(outputs[name].shape)}, but its target has "
                f"{len(codec.prior)} outputs."
            )
