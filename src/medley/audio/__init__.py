"""Audio: recordings as an input, log-mel spectrograms, and encoders."""

from medley.audio import attention, augmentation, block, conv, input, kind, recurrent, transformer  # noqa: F401  (registers)
