"""The vocabulary: kinds, specs, spaces, blocks, codecs, batches, and the blocks of no modality. Knows no loop."""

from medley.core import choice, normalization, shape, torchblock  # noqa: F401  (importing registers them)
