"""Images: input, codec and encoders."""

from medley.image import (  # noqa: F401  (importing registers)
    augmentation,
    block,
    conv,
    efficientnet,
    input,
    resnet,
    strided,
    xception,
)
