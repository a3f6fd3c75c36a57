"""Reading a model back. Loading runs no code other than that of registered names, and never leaves the machine."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from medley.core.garbage import uncollected
from medley.errors import ArtifactError
from medley.model.files import accept_changes, read_description
from medley.model.forward import resolve_device
from medley.model.model import Model
from medley.model.reading import read_parts
from medley.model.trial_run import check_runs
from medley.nn.hub import offline

if TYPE_CHECKING:
    import torch


def load(directory: str | Path, device: str | torch.device | None = "cpu", *, download: bool = False) -> Model:
    """Reads a model that `Model.save` wrote.

    Whatever the files hold, loading runs no code of theirs, opens no connection and touches no other file, except for
    pretrained weights that a model refers to (`save(pretrained="reference")`): these are read from a local folder or
    the hub's cache. See SECURITY.md.

    Args:
        directory: the saved model.
        device: where the model runs.
        download: whether pretrained weights that the model refers to, and that are not on this machine, may be
            downloaded, now or when it predicts. Set it for models of people whom you trust: the name comes from them.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of another format, or a file was changed.
        ConfigError: it names a part that is not registered; import the module that registers it first.
    """
    return _load(Path(directory), device, download=download, accept=False)


def accept(directory: str | Path) -> list[str]:
    """Accepts changes that somebody made to the files of a saved model: checks that it loads, and saves new checksums.

    Args:
        directory: the saved model.

    Returns:
        Names of the files that had been changed.

    Raises:
        ArtifactError: the directory holds no model, or one that does not load; nothing is changed then.
    """
    path = Path(directory)
    _load(path, "cpu", download=False, accept=True)
    try:
        return accept_changes(path, *read_description(path, accept=True))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written to: {error.strerror or error}.") from error


def _load(path: Path, device: str | torch.device | None, *, download: bool, accept: bool) -> Model:
    with uncollected(), nullcontext() if download else offline():
        model = Model(*read_parts(path, resolve_device(device), accept=accept))
        check_runs(model, path)
    model.may_download = download
    return model
