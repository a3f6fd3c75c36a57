"""Numbers of any shape, sequences of them, and encoders of sequences."""

from medley.series import block, general, input, rnn, timeseries, transformer  # noqa: F401  (registers)
