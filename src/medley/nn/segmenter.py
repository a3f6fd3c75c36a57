"""Semantic segmentation models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from medley.errors import ConfigError, did_you_mean
from medley.nn.backbone_config import quiet
from medley.nn.checkpoints import load_checkpoint
from medley.nn.hub import ModelFiles

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "a semantic segmentation model"
_LOCAL_ONLY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class Segmenter:
    """A semantic segmentation model of transformers (SegFormer, UperNet, ...) with its image processor.

    Args:
        files: the model's files.
        classes: labels or indices of the classes to paint white; None paints each class in a different shade of grey.
        device: the device to run on; "auto" is a GPU if one is available.

    Raises:
        ConfigError: the model is of another type, files are missing, or it has no such class.
        MissingDependencyError: transformers is not installed.
    """

    def __init__(self, files: ModelFiles, classes: Sequence[str | int] | None = None, device: str = "auto") -> None:
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.model: Any = load_checkpoint(files, KIND, lambda folder: _model(folder).eval().to(self.device))
        self.processor: Any = load_checkpoint(files, KIND, _processor)
        labels = {int(index): str(label) for index, label in self.model.config.id2label.items()}
        self.shades = _shades(labels, classes)

    def __call__(self, images: Sequence[Image]) -> list[np.ndarray]:
        """Segments each image into a uint8 array (H, W) of its size: 255 for the chosen classes, 0 elsewhere."""
        return [self._segment(image) for image in images]

    def _segment(self, image: Image) -> np.ndarray:
        # One image at a time: processors resize differently, and images of different sizes do not fit into one array.
        with quiet(), torch.inference_mode():
            inputs = self.processor(images=[image], return_tensors="pt")
            logits = self.model(pixel_values=inputs["pixel_values"].to(self.device)).logits
            resized = interpolate(logits, (image.height, image.width), mode="bilinear", align_corners=False)
            return self.shades[resized.argmax(1)[0].cpu().numpy()]


def _shades(labels: dict[int, str], classes: Sequence[str | int] | None) -> np.ndarray:
    """The shade of grey of each class index (K,)."""
    if classes is None:
        return np.linspace(0, 255, len(labels)).round().astype(np.uint8)
    indices = {label: index for index, label in labels.items()}
    shades = np.zeros(max(labels) + 1, np.uint8)
    for name in classes:
        index = name if isinstance(name, int) else indices.get(name)
        if index not in labels:
            raise ConfigError(f"classes: the model has no class {name!r}.{did_you_mean(name, labels.values())}")
        shades[index] = 255
    return shades


def _processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, **_LOCAL_ONLY)


def _model(folder: Path) -> Any:
    from transformers import AutoModelForSemanticSegmentation

    options: dict[str, Any] = {**_LOCAL_ONLY, "dtype": torch.float32}  # like images; weights may be in half precision
    return AutoModelForSemanticSegmentation.from_pretrained(folder, use_safetensors=True, **options)
