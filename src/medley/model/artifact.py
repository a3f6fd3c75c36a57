"""Reading a model back. Loading runs no code other than that of registered names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medley.model.forward import resolve_device
from medley.model.model import Model
from medley.model.reading import read_parts

if TYPE_CHECKING:
    import torch


def load(directory: str | Path, device: str | torch.device | None = "cpu") -> Model:
    """Reads a model that `Model.save` wrote.

    Args:
        directory: the saved model.
        device: where the model runs.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of another format, or a file was changed.
        ConfigError: it names a part that is not registered; import the module that registers it first.
    """
    return Model(*read_parts(Path(directory), resolve_device(device)))
