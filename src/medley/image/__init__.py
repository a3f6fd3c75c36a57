"""Images: input, codec and encoders."""

from medley.image import augmentation, block, conv, efficientnet, input, resnet, xception  # noqa: F401  (registers)
