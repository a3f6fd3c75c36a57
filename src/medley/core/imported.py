"""Classes and functions by name, of modules that are imported already."""

from __future__ import annotations

import sys
from typing import Any


def imported_object(module: str | None, qualified_name: str) -> Any:
    """The object of this name in a module, as pickle finds it; None if the module is not imported or lacks it.

    >>> imported_object("collections", "OrderedDict.keys")
    <method 'keys' of 'collections.OrderedDict' objects>
    >>> imported_object("collections", "Missing.keys") is None
    True
    """
    item: Any = sys.modules.get(module or "")
    for name in qualified_name.split("."):
        item = getattr(item, name, None)
    return item
