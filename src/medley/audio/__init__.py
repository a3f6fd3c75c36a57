"""Audio: recordings as an input, their log-mel spectrograms, and encoders of these."""

from medley.audio import attention, augmentation, block, conv, input, kind, recurrent, transformer  # noqa: F401  (registers)
