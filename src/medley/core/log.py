"""The logger of medley: what a search reports goes to it, whatever is shown on the terminal."""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("medley")
"""Epochs are `DEBUG`, everything else that a search reports is `INFO`."""

LOGGER.addHandler(logging.NullHandler())  # an application decides where records go
