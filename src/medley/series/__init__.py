"""Numbers of any shape, sequences of them, and encoders of sequences."""

from medley.series import (  # noqa: F401  (registers)
    attention_pooling,
    block,
    general,
    input,
    kinds,
    rnn,
    sequences,
    timeseries,
    transformer,
)
