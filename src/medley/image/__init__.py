"""Images: input, codec and encoders."""

from medley.image import (  # noqa: F401  (importing registers)
    augmentation,
    block,
    captions,
    conv,
    efficientnet,
    input,
    kind,
    mapped,
    pretrained,
    pretrained_encoder,
    resnet,
    set_block,
    set_encoder,
    set_input,
    strided,
    visual_words,
    xception,
)
