"""Reports of images that cannot be read."""

from __future__ import annotations

from medley.core.unreadable import FileReporter, Policy, Problems, Unreadable, by_row, list_message
from medley.errors import BadImageWarning
from medley.image.image_files import describe

__all__ = ["IMAGES", "Policy", "Problems", "Unreadable", "by_row", "list_message"]

IMAGES = FileReporter("image", "images", BadImageWarning, describe)
"""Reports images that cannot be read."""
