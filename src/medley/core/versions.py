"""The versions that results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from medley import __version__

PACKAGES = ("torch", "numpy", "pandas", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of Python, medley and the packages that results depend on; those of missing packages are left out.

    >>> list(versions())[:3]
    ['Python', 'medley', 'torch']
    """
    numbers = {"Python": platform.python_version(), "medley": __version__}
    for name in PACKAGES:
        try:
            numbers[name] = version(name)
        except PackageNotFoundError:  # of the packages that a runtime does without
            continue
    return numbers
