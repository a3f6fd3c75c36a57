"""Numeric arrays, sequences and time series: inputs, codecs and encoders."""

from medley.series import (  # noqa: F401  (registers)
    attention_pooling,
    block,
    features,
    general,
    input,
    kinds,
    rnn,
    sequences,
    timeseries,
    transformer,
)
