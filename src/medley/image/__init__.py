"""Images: input, codec and encoders."""

from medley.image import (  # noqa: F401  (importing registers)
    augmentation,
    block,
    conv,
    efficientnet,
    input,
    resnet,
    set_block,
    set_encoder,
    set_input,
    strided,
    xception,
)
