"""Texts: input, encodings as words and n-grams, and encoders."""

from medley.text import (  # noqa: F401  (registers)
    bag,
    bert,
    block,
    conv,
    embedding,
    encodings,
    features,
    input,
    kinds,
    label_bag,
    pretrained,
    pretrained_encoder,
    rnn,
    transformer,
)
